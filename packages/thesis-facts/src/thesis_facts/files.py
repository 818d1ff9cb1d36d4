"""Which file it was: path, size and content."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from thesis_facts.digests import file_digest
from thesis_facts.durable import StrPath


def describe_file(path: StrPath) -> dict[str, Any]:
    """Path, size (bytes) and SHA-256 of a file; null where it is not at hand or unreadable."""
    path = Path(path)
    try:
        n_bytes = path.stat().st_size
        digest = file_digest(path)
    except OSError:
        return {"path": str(path), "size": None, "sha256": None}
    return {"path": str(path), "size": n_bytes, "sha256": digest}
