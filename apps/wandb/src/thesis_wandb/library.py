"""The wandb library, made to answer in time, ask nothing and leave nothing behind."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

_PATIENCE = {  # by default the library tries for hours
    "WANDB__GRAPHQL_RETRY_MAX": "2",
    "WANDB__GRAPHQL_RETRY_WAIT_MIN_SECONDS": "0.5",
    "WANDB__GRAPHQL_RETRY_WAIT_MAX_SECONDS": "4",
    "WANDB__GRAPHQL_TIMEOUT_SECONDS": "10",
    "WANDB__FILE_STREAM_RETRY_MAX": "4",
    "WANDB__FILE_STREAM_RETRY_WAIT_MAX_SECONDS": "4",
    "WANDB__FILE_TRANSFER_RETRY_MAX": "4",
    "WANDB__FILE_TRANSFER_RETRY_WAIT_MAX_SECONDS": "4",
}
_FOLDERS = ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR")


@contextmanager
def library_of_command() -> Generator[Path]:
    """Environment variables that the library reads at its import; what the user set stays.

    Yields a folder for its files, which is gone afterwards: facts hold all that is worth keeping.
    """
    with tempfile.TemporaryDirectory(prefix="thesis-wandb-") as name:
        folder = Path(name)
        ours = {"WANDB_SILENT": "true", "WANDB_CONSOLE": "off", "WANDB_ERROR_REPORTING": "false"}
        ours |= _PATIENCE | dict.fromkeys(_FOLDERS, name)
        before = dict(os.environ)
        for variable, value in ours.items():
            os.environ.setdefault(variable, value)
        os.environ["WANDB_DIR"] = name
        os.environ["WANDB_MODE"] = "online"  # the one of training is of no meaning here
        try:
            yield folder
        finally:
            os.environ.clear()
            os.environ.update(before)
