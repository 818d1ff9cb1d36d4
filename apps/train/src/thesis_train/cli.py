"""`thesis-train`: recognise what needs no config, hand the rest to Hydra."""

import sys


def main() -> None:
    """Entry point; mistakes of the user end with one message and exit code 1."""
    arguments = sys.argv[1:]
    if "--help" in arguments or "-h" in arguments:
        from thesis_train.help import help_text  # here, and Hydra below: each only when needed

        print(help_text())
        return
    from thesis_train.stopping import stoppable

    with stoppable():
        from thesis_train.command import run_command

        run_command(arguments)
