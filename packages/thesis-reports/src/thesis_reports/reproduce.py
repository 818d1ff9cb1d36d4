"""The command that makes a report again, ready to be pasted into a shell."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from thesis_facts.overrides import read_overrides
from thesis_reports.config import ReportConfig

# text that Hydra's override grammar takes without quotes, and that stays text there
_BARE = re.compile(r"[A-Za-z_/~][\w./~@%+*?-]*")
_WORDS = {"true", "false", "null", "inf", "nan"}


def command(config: ReportConfig) -> str:
    """``thesis-report`` with everything that differs from the defaults; input paths absolute."""
    words = ["thesis-report"]
    if config.config_name is not None:
        words += ["--config-name", config.config_name]
    words += [f"{key}={override_value(value)}" for key, value in _differences(config)]
    return " ".join(shlex.quote(word) for word in words)


def verify_command(directory: Path) -> str:
    """``thesis-report verify`` of a report."""
    return f"thesis-report verify {shlex.quote(str(directory))}"


def training_command(run_dir: str) -> str:
    """``thesis-train`` with the overrides that a run was started with."""
    return " ".join(shlex.quote(word) for word in ["thesis-train", *read_overrides(run_dir)])


def override_value(value: Any) -> str:
    """A value in Hydra's override grammar.

    >>> override_value(["a b", 0.5, None])
    "['a b',0.5,null]"
    """
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return f"[{','.join(override_value(item) for item in value)}]"
    if isinstance(value, dict):
        pairs = (f"{override_value(k)}:{override_value(v)}" for k, v in value.items())
        return f"{{{','.join(pairs)}}}"
    if not isinstance(value, str):
        return repr(value)
    if _BARE.fullmatch(value) and value.lower() not in _WORDS:
        return value
    # only backslashes that come before a quote are escapes in Hydra's grammar
    escaped = re.sub(r"(\\*)('|$)", lambda m: m[1] * 2 + (f"\\{m[2]}" if m[2] else ""), value)
    return f"'{escaped}'"


def _differences(config: ReportConfig) -> Iterator[tuple[str, Any]]:
    # a config of another name than its analysis has values of its own, so that none goes without
    own = config.config_name not in (None, config.report_name)
    for key, value in _leaves(config, always=_own_sections(config) if own else ()):
        if key in ("inputs.sweep_dir", "env.output_root", "report_path"):
            yield key, absolute_path(value)
        elif key in ("inputs.run_dirs", "inputs.sweep_dirs", "data.path"):
            given = [value] if isinstance(value, str) else value
            paths = [absolute_path(path) for path in given]
            yield key, paths[0] if len(paths) == 1 else paths
        elif key != "config_name":
            yield key, value


def _own_sections(config: ReportConfig) -> list[str]:
    """What the analysis adds to the config of all reports."""
    return [name for name in type(config).model_fields if name not in ReportConfig.model_fields]


def _leaves(
    model: BaseModel, prefix: str = "", always: Sequence[str] = (), everything: bool = False
) -> Iterator[tuple[str, Any]]:
    """Values that were set to something else than their default, by dotted key.

    Those of the sections in `always` come in any case.
    """
    for name, field in type(model).model_fields.items():
        value, wanted = getattr(model, name), everything or name in always
        if isinstance(value, BaseModel):
            yield from _leaves(value, f"{prefix}{name}.", everything=wanted)
        elif isinstance(value, dict):
            yield from _entries(value, f"{prefix}{name}.")
        elif wanted or value != field.get_default(call_default_factory=True):
            yield f"{prefix}{name}", value
    yield from _entries(model.model_extra or {}, prefix)


def _entries(values: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _entries(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def absolute_path(path: str) -> str:
    """A path or pattern that means the same from everywhere."""
    return os.path.abspath(Path(path).expanduser())
