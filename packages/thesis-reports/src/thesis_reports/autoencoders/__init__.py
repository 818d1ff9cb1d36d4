"""What autoencoders keep, and at what price."""
