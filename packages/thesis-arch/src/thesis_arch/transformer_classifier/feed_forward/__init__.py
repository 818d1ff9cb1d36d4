"""What happens to each token by itself."""
