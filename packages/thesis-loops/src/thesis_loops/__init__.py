"""Training recipes, one file each, and the engine under them."""
