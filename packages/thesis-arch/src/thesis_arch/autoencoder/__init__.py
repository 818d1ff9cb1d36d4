"""Autoencoders of collider events: encoder, latent space and decoder, each chosen by config."""
