"""Values as strict JSON: what the format can't say becomes null, never a bare NaN."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date
from enum import Enum
from pathlib import PurePath
from typing import Any


def json_ready(value: Any) -> Any:
    """Plain Python value that strict JSON can hold.

    NaN and infinities become None; arrays, tensors and their scalars become lists and numbers;
    mappings and sequences (also OmegaConf's) are walked. A type without a plain form is a
    ``TypeError``: a repr in a facts file would only hide the mistake.
    """
    if type(value) is float:  # first: histories are thousands of them
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _utf8(str(value))
    if isinstance(value, Enum):
        return json_ready(value.value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {_utf8(str(key)): json_ready(item) for key, item in value.items()}
    if hasattr(value, "tolist"):  # numpy and torch, arrays and scalars, without importing them
        return json_ready(value.tolist())
    if isinstance(value, PurePath):
        return _utf8(str(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return [json_ready(item) for item in sorted(value)]
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray)):
        return [json_ready(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _utf8(text: str) -> str:
    # a file name that is not UTF-8 reaches Python as lone surrogates, which no reader accepts
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()
