"""The overrides of the runs of a sweep, each under a short name of its own."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Iterable
from typing import Any

from thesis_facts.configs import read_yaml, value_at
from thesis_facts.durable import StrPath
from thesis_facts.errors import RunError

_INTEGER = re.compile(r"[+-]?\d+")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_WORDS = {"true": True, "false": False, "null": None}


def read_overrides(run_dir: StrPath) -> list[str]:
    """Overrides that a run was started with, as on the command line; empty where unknown."""
    path = os.path.join(run_dir, ".hydra", "overrides.yaml")
    try:
        with open(path, "rb", buffering=0) as file:
            lines = file.read().decode().splitlines()
    except (OSError, UnicodeDecodeError):
        return _texts(_read_hydra(run_dir))
    # one plain scalar a line, as Hydra writes most of them, needs no YAML parser
    plain = [line[2:] for line in lines if re.match(r"- [\w+~]", line) and ": " not in line]
    if len(plain) == len(lines):
        return plain
    try:
        return _texts(read_yaml(path))
    except RunError:
        return []


def parse_overrides(overrides: Iterable[str]) -> dict[str, Any]:
    """Values by key; of a key given twice the later counts, a deleted key is None.

    Overrides of Hydra itself are left out: they say how a run was started, not what ran.

    Examples
    --------
    >>> parse_overrides(["+classifier/model_size=s200k", "classifier.trainer.lr=1e-3", "~meta"])
    {'classifier/model_size': 's200k', 'classifier.trainer.lr': 0.001, 'meta': None}
    """
    values = {}
    for override in overrides:
        key, _, text = override.partition("=")
        value = None if key.startswith("~") else parse_value(text)
        key = key.lstrip("+~").partition("@")[0].strip()
        if key and key != "hydra" and not key.startswith(("hydra/", "hydra.")):
            values[key] = value
    return values


def parse_value(text: str) -> Any:
    """Number, truth value, null or text that an override gives; a list stays text."""
    text = text.strip()
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    return text


def short_names(keys: Collection[str], taken: Collection[str] = ()) -> dict[str, str]:
    """Shortest ending of each key that is no other key's and not taken.

    Examples
    --------
    >>> short_names(["data.path", "data.seed", "phase1.trainer.seed"])
    {'data.path': 'path', 'data.seed': 'data.seed', 'phase1.trainer.seed': 'trainer.seed'}
    """
    parts = {key: key.replace("/", ".").split(".") for key in sorted(keys)}
    length = dict.fromkeys(parts, 1)
    while True:
        names = {key: ".".join(parts[key][-length[key] :]) for key in parts}
        count = Counter(names.values())
        clashing = [key for key, name in names.items() if count[name] > 1 or name in taken]
        extendable = [key for key in clashing if length[key] < len(parts[key])]
        if not extendable:
            return {key: f"override {key}" if key in clashing else names[key] for key in names}
        for key in extendable:
            length[key] += 1


def _read_hydra(run_dir: StrPath) -> Any:
    """Overrides of a run that kept them only inside Hydra's own configuration."""
    for name in (".hydra/hydra.yaml", "cfg.yaml"):
        try:
            config = read_yaml(os.path.join(run_dir, name))
        except RunError:
            continue
        if isinstance(config, dict):
            return value_at(config, "hydra.overrides.task")
    return None


def _texts(values: Any) -> list[str]:
    return [str(value) for value in values] if isinstance(values, list) else []
