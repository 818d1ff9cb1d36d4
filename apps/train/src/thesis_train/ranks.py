"""The command under torchrun: every rank runs it, rank 0 speaks and writes for all."""

import logging
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

from thesis_facts.errors import ConfigError, ThesisError
from thesis_loops.engine.ranks import RanksApart, n_ranks, rank

T = TypeVar("T")


def on_rank_zero(act: Callable[[], T]) -> T:
    """What `act` gives on rank 0, on all of them; torch is loaded only where there are several."""
    if n_ranks() == 1:
        return act()
    from thesis_loops.engine.distributed import from_rank_zero

    return from_rank_zero(act)


def meet() -> None:
    """Wait until all ranks are here."""
    if n_ranks() > 1:
        from thesis_loops.engine.distributed import highest

        highest(0)


def is_main() -> bool:
    """Whether this process is the one that speaks."""
    return rank() == 0


def leave_with(error: ThesisError) -> NoReturn:
    """Exit with code 1 and the message of a mistake, which rank 0 says for all it reaches."""
    sys.exit(str(error) if is_main() or isinstance(error, RanksApart) else 1)


def mute_others() -> None:
    """Let the other ranks log only what is an error, and to no file."""
    if is_main():
        return
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, logging.FileHandler):
            root.removeHandler(handler)
    logging.disable(logging.WARNING)


def refuse_several() -> None:
    """Refuse a sweep under torchrun: its jobs have processes of their own."""
    if n_ranks() > 1:
        raise ConfigError(
            "a sweep is started by one process",
            key="torchrun",
            found=f"{n_ranks()} processes",
            do="run one job under torchrun at a time",
        )
