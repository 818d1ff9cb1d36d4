"""What went wrong at W&B, with what the command knows of it: its server, project and flags."""

from __future__ import annotations

from thesis_loops.tracking.failures import (
    DeletedError,
    KeyRefusedError,
    MirrorError,
    NotReachedError,
    ProjectRefusedError,
)


def with_place(error: MirrorError, server: str | None, project: str) -> MirrorError:
    """The same failure, which says where, and what to do about it here."""
    key, do = error.key, error.do
    if isinstance(error, ProjectRefusedError):
        key, do = project, "give --project and --entity, or another key"
    elif isinstance(error, KeyRefusedError):
        key = server
    elif isinstance(error, DeletedError):
        do = "bring it back on the page of the project, or give another --project"
    elif isinstance(error, NotReachedError):
        key = error.key or server
        do = do or "check the network and WANDB_BASE_URL, then give the command again"
    return type(error)(error.message, key=key, found=error.found, expected=error.expected, do=do)
