"""Configs of strangers can't run code: what they name must be ours, or Hydra's own.

Hydra makes objects of whatever `_target_` names and logging calls what its sections name. Where
a config comes from matters little, an experiment file may come by mail, so all are checked, and
each object by where it is defined: `thesis_data.h5.os.system` is spelt like ours and is not.
"""

import re
from collections.abc import Iterator
from importlib import import_module
from types import FunctionType, MethodType
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from thesis_facts.errors import ConfigError

_OURS = (
    "thesis_facts",
    "thesis_data",
    "thesis_arch",
    "thesis_loops",
    "thesis_reports",
    "thesis_train",
    "thesis_report",
)
_PLUGINS = ("hydra._internal.core_plugins", "hydra_plugins", "optuna.samplers")
_LOGGING = (
    "logging.StreamHandler",
    "logging.FileHandler",
    "logging.NullHandler",
    "logging.Formatter",
    "colorlog.ColoredFormatter",
)
_STREAMS = ("ext://sys.stdout", "ext://sys.stderr")

# Parts of Hydra's config that it makes objects of.
_INSTANTIATED = ("callbacks", "launcher", "sweeper", "job_logging", "hydra_logging")
_SOLE_INTERPOLATION = re.compile(r"\$\{.*\}", re.DOTALL)


class UntrustedError(ConfigError):
    """A config names code that is not ours."""


def check_targets(config: DictConfig) -> None:
    """Refuse a composed config that could run code from elsewhere; nothing of it is run.

    Raises
    ------
    UntrustedError
        Names the key and what it asks for.
    """
    plain = OmegaConf.to_container(config, resolve=False)
    for key, value in _walk(plain):
        name = key.rpartition(".")[2]
        if name == "_target_":
            _check_target(key, value)
        elif _is_in_logging(key) and name in ("class", "()"):
            if value not in _LOGGING:
                _refuse(key, value)
        elif _is_in_logging(key) and isinstance(value, str) and "ext://" in value:
            if value not in _STREAMS:
                _refuse(key, value)
        elif key.startswith("hydra.job.env_set."):
            _refuse(key, value)  # PATH and the like choose what runs
        elif key == "hydra.sweeper.custom_search_space" and value is not None:
            _refuse(key, value)  # the path of a function
        elif _is_instantiated(key) and isinstance(value, str):
            _check_interpolation(config, key, value)


def _walk(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _walk(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _walk(inner, f"{key}[{number}]")
    else:
        yield key, value


def _is_in_logging(key: str) -> bool:
    return key.startswith(("hydra.job_logging.", "hydra.hydra_logging."))


def _is_instantiated(key: str) -> bool:
    parts = key.split(".")
    return parts[0] == "hydra" and len(parts) > 1 and parts[1] in _INSTANTIATED


def _check_target(key: str, value: Any) -> None:
    if not isinstance(value, str) or not _is_ours(value):
        _refuse(key, value)


def _is_ours(path: str) -> bool:
    """Whether a dotted path leads to a class or function that is defined in our packages."""
    if not path.startswith(tuple(f"{package}." for package in (*_OURS, *_PLUGINS))):
        return False  # not even looked for: importing a module runs it
    found = _resolve(path)
    if isinstance(found, MethodType):
        found = found.__func__
    if not isinstance(found, type | FunctionType):
        return False
    return f"{found.__module__}.".startswith(tuple(f"{name}." for name in (*_OURS, *_PLUGINS)))


def _resolve(path: str) -> Any:
    """What a dotted path leads to; None where it leads nowhere."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found: Any = import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for name in parts[end:]:
            found = getattr(found, name, None)
        return found
    return None


def _check_interpolation(config: DictConfig, key: str, value: str) -> None:
    """A value that only becomes a section when it is read has not been checked."""
    if not _SOLE_INTERPOLATION.fullmatch(value):
        return
    try:
        found = OmegaConf.select(config, key)
    except OmegaConfBaseException:
        _refuse(key, value)
    if not isinstance(found, str | int | float | None):
        _refuse(key, value)


def _refuse(key: str, value: Any) -> None:
    raise UntrustedError(
        "a config may not run code from elsewhere",
        key=key,
        found=value,
        do="look at where it comes from; if you trust it, add trust=true to the command",
    )
