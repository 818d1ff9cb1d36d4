"""``thesis-wandb``: keep the mirror of runs at W&B."""


def main() -> int:
    """Run a command."""
    return 0
