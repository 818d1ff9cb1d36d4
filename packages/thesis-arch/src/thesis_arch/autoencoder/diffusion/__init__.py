"""A decoder that takes noise off, step by step."""
