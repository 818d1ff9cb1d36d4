"""Drawings that analyses share; each takes plain arrays and gives a matplotlib figure."""
