"""The command line of the mirror at W&B: thesis-wandb."""
