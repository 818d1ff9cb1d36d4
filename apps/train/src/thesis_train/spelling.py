"""Mistyped keys, groups and options of a command line, answered in one line.

Hydra refuses them as well, in many lines and without the nearest spelling. What it composes from
files is checked later, as a whole.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

from thesis_facts.errors import ConfigError, explain
from thesis_loops.config import RunConfig
from thesis_train.groups import CONFIG_DIR, options_by_group

_PLAIN_OPTIONS = re.compile(r"[\w./-]+(,[\w./-]+)*")  # names alone, several in a sweep


def check_spelling(arguments: Sequence[str], config_dirs: Sequence[Path]) -> None:
    """Check the overrides among arguments in the form that Hydra wants.

    Parameters
    ----------
    arguments : sequence of str
        Flags and overrides; keys with a "+" (added ones) are left to the check of the whole.
    config_dirs : sequence of Path
        The user's folders of config groups, beside our own.

    Raises
    ------
    ConfigError
        Names the first that is unknown, what is allowed, and the nearest spelling.
    """
    for argument in arguments:
        given, is_override, value = argument.partition("=")
        key = given.lstrip("+")
        if not is_override or key[0] in "-~" or "@" in key or key.startswith("hydra"):
            continue
        folders = [folder / key for folder in (CONFIG_DIR, *config_dirs)]
        options = [path.stem for folder in folders for path in sorted(folder.glob("*.yaml"))]
        if options:
            _check_options(key, value, options)
        elif "/" in key:
            raise ConfigError("unknown group", key=key, do=_nearest(key, list(options_by_group())))
        elif key == given:
            _check_key(key)


def models_in(annotation: Any) -> Iterator[Any]:
    """Config classes anywhere inside an annotation such as ``Section | None``."""
    if hasattr(annotation, "model_fields"):
        yield annotation
    for argument in get_args(annotation):
        yield from models_in(argument)


def _check_options(group: str, value: str, options: list[str]) -> None:
    if not _PLAIN_OPTIONS.fullmatch(value):
        return
    for name in value.split(","):
        if name not in (*options, "null"):
            raise ConfigError(
                "unknown option",
                key=group,
                found=repr(name),
                expected=f"one of {', '.join(options)}",
                do=_nearest(name, options),
            )


def _check_key(key: str) -> None:
    models: list[Any] = [RunConfig]
    parts = key.split(".")
    for end, part in enumerate(parts, start=1):
        known = [item for model in models for item in model.model_fields.items()]
        fields = [field for name, field in known if part == (field.alias or name)]
        if not fields:
            mistake = {"type": "extra_forbidden", "loc": tuple(parts[:end]), "msg": ""}
            raise explain(SimpleNamespace(errors=lambda found=mistake: [found]), RunConfig)
        models = [model for field in fields for model in models_in(field.annotation)]
        if not models:
            return  # a value: whatever is below it is checked as such


def _nearest(name: str, known: list[str]) -> str | None:
    near = get_close_matches(name, known, n=1)
    return f"did you mean {near[0]}?" if near else None
