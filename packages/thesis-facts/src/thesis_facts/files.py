"""Which file it was: path, size and content."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Any

from thesis_facts.durable import StrPath

_LARGE = 1 << 30  # bytes; hashing this much takes seconds, so say what is going on

log = logging.getLogger(__name__)


def describe_file(path: StrPath) -> dict[str, Any]:
    """Path, size (bytes) and SHA-256 of a file; null where it is not at hand or unreadable."""
    path = Path(path)
    try:
        n_bytes = path.stat().st_size
        if n_bytes > _LARGE:
            log.info("hashing %s (%.1f GB)", path, n_bytes / 1e9)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return {"path": str(path), "size": None, "sha256": None}
    return {"path": str(path), "size": n_bytes, "sha256": digest}
