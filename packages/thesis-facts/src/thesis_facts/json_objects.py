"""Read the small files of a run: whole, and as JSON one object each."""

from __future__ import annotations

import json
import os
from typing import Any

import orjson

from thesis_facts.durable import StrPath
from thesis_facts.errors import RunError
from thesis_facts.strict_json import json_ready

_BLOCK = 1 << 16  # more than most of these files have


def read_bytes(path: StrPath) -> bytes | None:
    """Content of a file, in two thirds of the time of ``open``; None where there is no such file.

    Raises
    ------
    RunError
        If the file is there but can't be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            parts = [os.read(descriptor, _BLOCK)]
            while parts[-1]:
                parts.append(os.read(descriptor, _BLOCK))
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RunError(f"can't read {path}", found=error.strerror) from error
    return parts[0] if len(parts) == 2 else b"".join(parts)


def parse_object(text: bytes) -> dict[str, Any] | None:
    """JSON object in a text, or None where it holds none.

    Older writers left bare NaN, which becomes None here; a byte that is not UTF-8 costs a
    character, not the object.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        try:
            value = json_ready(json.loads(text.decode("utf-8", "replace")))
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None


def read_object(path: StrPath) -> dict[str, Any] | None:
    """JSON object in a file; None where there is no such file.

    Raises
    ------
    RunError
        If the file is there but can't be read.
    """
    text = read_bytes(path)
    if text is None:
        return None
    value = parse_object(text)
    if value is None:
        raise RunError(f"can't read {path}", expected="one JSON object")
    return value


def read_versioned(path: StrPath, name: str, version: int, *, what: str) -> dict[str, Any] | None:
    """`read_object` of a file that names its format and version; None where there is no file.

    Raises
    ------
    RunError
        If it can't be read, or if it is of another format than `name` or newer than `version`.
    """
    content = read_object(path)
    if content is None:
        return None
    found = content.get("format"), content.get("version")
    if found[0] != name or not isinstance(found[1], int) or not 1 <= found[1] <= version:
        raise RunError(
            f"unknown format of {what}",
            key=str(path),
            found=f"{found[0]} version {found[1]}",
            expected=f"{name} up to version {version}",
        )
    return content
