"""Where the key of W&B comes from; it goes on in the environment of a process, nowhere else."""

import logging
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger("thesis_loops")

KEY_VARIABLE = "WANDB_API_KEY"

WHERE_IT_GOES = "set WANDB_API_KEY, or put it into hpc/stoomboot/.wandb_env or ~/.wandb_api_key"

_CLUSTER_FILE = Path("hpc", "stoomboot", ".wandb_env")
_HOME_FILE = ".wandb_api_key"
_ASSIGNMENT = re.compile(rf"(?:export\s+)?{KEY_VARIABLE}=(['\"]?)([^\s'\"#]+)\1(?:\s+#.*)?")


def find_api_key() -> str | None:
    """The key of W&B; None where there is none.

    Of the environment variable ``WANDB_API_KEY``; else of ``hpc/stoomboot/.wandb_env`` in the
    working directory, a folder above it, or the checkout that this package runs from; else of
    ``~/.wandb_api_key``. A file that others can read is named in a warning.
    """
    from_environment = os.environ.get(KEY_VARIABLE, "").strip()
    if from_environment:
        return from_environment
    for path in _key_files():
        key = _key_in(path)
        if key is not None:
            return key
    return None


def _key_files() -> Iterator[Path]:
    here = Path.cwd()
    checkout = Path(__file__).resolve().parent
    folders = dict.fromkeys((here, *here.parents, *checkout.parents))
    yield from (folder / _CLUSTER_FILE for folder in folders)
    yield Path("~", _HOME_FILE).expanduser()


def _key_in(path: Path) -> str | None:
    """Key in a file that holds it alone, or assigned as a shell would read it."""
    try:
        text = path.read_text(encoding="utf-8")
        mode = path.stat().st_mode
    except (OSError, UnicodeDecodeError):
        return None
    lines = [line.strip() for line in text.splitlines()]
    assigned = [match[2] for line in lines if (match := _ASSIGNMENT.fullmatch(line))]
    alone = [line for line in lines if line and not line.startswith("#")]
    if path.name == _HOME_FILE and not assigned and len(alone) == 1:
        assigned = alone
    if not assigned:
        return None
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        log.warning(f"others can read the key of W&B in {path}; run: chmod 600 {path}")
    return assigned[-1]
