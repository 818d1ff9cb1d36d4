"""Bring the command line into the form that Hydra wants, and answer what it can't take."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from thesis_facts.errors import ConfigError

GROUP = "report"

_NAME_FLAGS = ("--config-name", "-cn")
_DIR_FLAGS = ("--config-dir", "-cd")
_OTHER_FLAGS = ("--config-path", "-cp", "--cfg", "-c", "--package", "-p", "--info", "-i")
_OVERRIDE = re.compile(r"\+{0,2}(?P<key>[A-Za-z_][\w.-]*)=(?P<value>.*)", re.DOTALL)
# values that stand for paths: they may hold what Hydra's grammar would take apart
_PATHS = (
    "inputs.sweep_dir", "inputs.sweep_dirs", "inputs.run_dirs", "data.path",
    "env.output_root", "report_path", "outputs.report_subdir",
)  # fmt: skip


def prepare(arguments: Sequence[str], configs: Path) -> list[str]:
    """Arguments for Hydra.

    The name of a config gets its folder in front, and every override may add its key: the keys
    of ``inputs.select`` and ``thresholds`` are free, and an unknown key elsewhere is answered
    with the nearest spelling by the config class that reads it, better than Hydra could.

    Parameters
    ----------
    arguments
        As typed, without the name of the program.
    configs
        Folder that holds ``report/*.yaml``.

    Raises
    ------
    ConfigError
        Where there is no such config, or an argument is no override.
    """
    prepared = []
    folders = [configs, *_own_folders(arguments)]
    searches_elsewhere = any(a.startswith("hydra.searchpath=") for a in arguments)
    for flag, value in _pairs(arguments):
        if flag in ("--multirun", "-m"):
            raise ConfigError("a report is made once", key=flag, do="give several runs as inputs")
        if flag in _NAME_FLAGS:
            name = str(value).removeprefix(f"{GROUP}/")
            if not searches_elsewhere:
                _check_name(name, folders)
            prepared += [flag, f"{GROUP}/{name}"]
        elif flag is not None:
            prepared += [flag] if value is None else [flag, value]
        else:
            prepared.append(_override(str(value)))
    return prepared


def _pairs(arguments: Sequence[str]) -> Iterator[tuple[str | None, str | None]]:
    """Flags with their values, and overrides without a flag."""
    rest = iter(arguments)
    for argument in rest:
        flag, has_value, value = argument.partition("=")
        takes_value = flag in (*_NAME_FLAGS, *_DIR_FLAGS, *_OTHER_FLAGS)
        if not argument.startswith("-"):
            yield None, argument
        elif takes_value and has_value:
            yield flag, value
        elif takes_value:
            yield flag, next(rest, None)
        else:
            yield argument, None


def _own_folders(arguments: Sequence[str]) -> list[Path]:
    return [Path(str(value)) for flag, value in _pairs(arguments) if flag in _DIR_FLAGS]


def _check_name(name: str, folders: Sequence[Path]) -> None:
    known = sorted({file.stem for folder in folders for file in (folder / GROUP).glob("*.yaml")})
    if name.removesuffix(".yaml") not in known:
        near = get_close_matches(name, known, n=1)
        choices = [choice for choice in known if choice != "base"]
        raise ConfigError(
            "no such report config",
            key="--config-name",
            found=repr(name),
            expected=f"one of {', '.join(choices)}",
            do=f"did you mean {near[0]}?" if near else None,
        )


def _override(argument: str) -> str:
    match = _OVERRIDE.fullmatch(argument)
    if match is None:
        if argument.startswith("~") or ("/" in argument.partition("=")[0] and "=" in argument):
            return argument  # a deletion or a config group
        raise ConfigError(
            "not a key=value",
            found=repr(argument),
            do=f"did you mean inputs.sweep_dir={argument}?" if Path(argument).exists() else None,
        )
    key, value = match["key"], match["value"]
    if key == "hydra" or key.startswith("hydra."):
        return argument
    if key in _PATHS and value != "null" and not value.startswith(("'", '"', "[")):
        value = "'" + value.replace("'", "\\'") + "'"
    return f"++{key}={value}"
