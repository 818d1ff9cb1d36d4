"""How good classifiers are, from their scores."""
