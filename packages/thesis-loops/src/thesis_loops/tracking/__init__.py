"""The mirror of a run at W&B; facts on disk are the truth that it is made of."""
