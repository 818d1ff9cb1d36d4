"""Names that a reader can tell apart: of runs, and of the settings that were varied."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from thesis_facts import AXES
from thesis_facts.overrides import short_names

_AXIS_OF = {key: axis for axis, key in AXES.items() if key}
_TRAINER = re.compile(r"^[\w]+\.trainer(?=\.)")
_STAMP = re.compile(r"^run_\d{8}-\d{6}_")


def run_names(run_dirs: Iterable[str]) -> list[str]:
    """A name for each run directory, no two the same: without its time stamp where that will do."""
    full = [Path(run_dir).name for run_dir in run_dirs]
    short = [_STAMP.sub("", name) or name for name in full]
    seen = Counter(short)
    names = [brief if seen[brief] == 1 else name for brief, name in zip(short, full, strict=True)]
    return numbered(names)


def numbered(names: Iterable[str]) -> list[str]:
    """The same names, no two alike: those that came before get a number, ``a``, ``a (2)``."""
    found: dict[str, None] = {}
    for name in names:
        number, unique = 1, name
        while unique in found:
            number += 1
            unique = f"{name} ({number})"
        found[unique] = None
    return list(found)


def setting_names(keys: Iterable[str]) -> dict[str, str]:
    """A short name for each dotted key: its axis where it is one, else its shortest unique end.

    >>> setting_names(["classifier.model.norm.type", "classifier.trainer.lr", "data.kind"])
    {'classifier.model.norm.type': 'norm_type', 'classifier.trainer.lr': 'lr', 'data.kind': 'kind'}
    """
    axes = {key: _AXIS_OF.get(_TRAINER.sub("{trainer}", key)) for key in keys}
    known = {key: axis for key, axis in axes.items() if axis}
    others = short_names([key for key in axes if key not in known], taken=set(known.values()))
    return {key: known.get(key) or others[key] for key in axes}


def setting_label(values: Mapping[str, Any]) -> str:
    """Settings in a row, as in ``dim=64, positional=none``."""
    return ", ".join(f"{name}={value_text(value)}" for name, value in values.items())


def value_text(value: object) -> str:
    """A config value as a reader writes it; a key that a run lacks is a dash."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return f"[{', '.join(value_text(item) for item in value)}]"
    return str(value)
