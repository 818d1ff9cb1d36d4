"""Kolmogorov-Arnold layers: learned functions of one variable in the place of weights."""
