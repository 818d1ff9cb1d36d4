"""Configs of strangers can't run code: what they name must be ours, or Hydra's own.

Hydra makes objects of whatever `_target_` names and logging calls what its sections name. Where
a config comes from matters little, an experiment file may come by mail, so all are checked, and
each object by where it is defined: `thesis_data.h5.os.system` is spelt like ours and is not.

What is checked is the config as it is written. What only becomes something else when it is read
is refused where Hydra would make an object of it.
"""

import re
import sys
import warnings
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from hydra.experimental.callback import Callback
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, OmegaConf

from thesis_facts.errors import ConfigError

OURS = (
    "thesis_facts",
    "thesis_data",
    "thesis_arch",
    "thesis_loops",
    "thesis_reports",
    "thesis_train",
    "thesis_report",
)
_PLUGINS = (
    "hydra._internal.core_plugins",
    "hydra_plugins.hydra_joblib_launcher",
    "hydra_plugins.hydra_optuna_sweeper",
    "hydra_plugins.hydra_submitit_launcher",
    "optuna.samplers",
)

# Of a launcher with a queue, those that say how much a job may take. Others are lines of the script
# that Slurm runs (setup), any option of it (additional_parameters), or how Python is started.
_QUEUE = "hydra_plugins.hydra_submitit_launcher."
_QUEUE_KEYS = {
    *("_target_", "name", "timeout_min", "signal_delay_s", "max_num_timeout", "array_parallelism"),
    *("partition", "qos", "account", "comment", "constraint", "exclude", "gres"),
    *("nodes", "tasks_per_node", "cpus_per_task", "cpus_per_gpu", "gpus_per_node", "gpus_per_task"),
    *("mem_gb", "mem_per_gpu", "mem_per_cpu", "stderr_to_stdout"),
}
_QUEUE_FOLDER = "${hydra.sweep.dir}/.submitit/%j"  # what is in it is unpickled

# Parts of Hydra's config that it makes objects of, and that logging does.
_INSTANTIATED = ("callbacks", "launcher", "sweeper")
_LOGGING = ("job_logging", "hydra_logging")
_CLASSES = {
    "handlers": ("logging.StreamHandler", "logging.FileHandler", "logging.NullHandler"),
    "formatters": ("logging.Formatter", "colorlog.ColoredFormatter"),
}
_STREAMS = ("ext://sys.stdout", "ext://sys.stderr")
_LOG_FILE = "${hydra.runtime.output_dir}/train.log"

_SOLE_INTERPOLATION = re.compile(r"\s*\$\{.*\}\s*", re.DOTALL)
_REFERENCE = re.compile(r"\$\{([\w.]+)\}")

_Path = tuple[str, ...]


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
    for path, value in _walk(plain):
        if not _is_harmless(plain, path, value):
            raise UntrustedError(
                "a config may not run code from elsewhere",
                key=".".join(path),
                found=value,
                do="look at where it comes from; if you trust it, add trust=true to the command",
            )


def _walk(value: Any, path: _Path = ()) -> Iterator[tuple[_Path, Any]]:
    """All nodes. A path is no dotted string, since a key may hold a dot."""
    if path:
        yield path, value
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _walk(inner, (*path, str(name)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _walk(inner, (*path, str(number)))


def _is_harmless(plain: Any, path: _Path, value: Any) -> bool:
    if path[-1] == "_target_":
        return _is_plugin(value) if path[0] == "hydra" else _is_our_class(value)
    if path[0] != "hydra":
        return True
    section = path[1] if len(path) > 1 else None
    if section in _LOGGING:
        return _is_harmless_in_logging(path[2:], value)
    if path[1:] in (("job", "env_set"), ("sweeper", "custom_search_space")):
        return not value  # PATH and the like choose what runs; the other is the path of a function
    if path[1:-1] == ("launcher",) and not _is_harmless_in_queue(plain, path[2], value):
        return False
    if len(path) <= 2 or path == ("hydra", "job", "env_set") or section in _INSTANTIATED:
        return _stays_what_it_is(plain, value)
    return True


def _is_harmless_in_logging(path: _Path, value: Any) -> bool:
    """Logging takes a class, a stream or a file by name, and `.` sets any attribute."""
    name = path[-1] if path else ""
    if name in ("class", "()"):
        return value in _CLASSES.get(path[0], ())
    if name == ".":
        return False
    if name == "filename":
        return value == _LOG_FILE
    if not isinstance(value, str):
        return True
    return "${" not in value and ("://" not in value or value in _STREAMS)


def _is_harmless_in_queue(plain: Any, key: str, value: Any) -> bool:
    target = plain["hydra"]["launcher"].get("_target_")
    if not isinstance(target, str) or not target.startswith(_QUEUE):
        return True
    return key in _QUEUE_KEYS or not value or (key, value) == ("submitit_folder", _QUEUE_FOLDER)


def _stays_what_it_is(plain: Any, value: Any) -> bool:
    """False for an interpolation that may become a section, which nothing has looked at."""
    if not isinstance(value, str) or not _SOLE_INTERPOLATION.fullmatch(value):
        return True
    reference = _REFERENCE.fullmatch(value)
    if reference is None:
        return False
    found = plain
    for name in reference[1].split("."):
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, str):
        return "${" not in found
    return isinstance(found, int | float)


def _is_plugin(target: Any) -> bool:
    """Whether it is the path of one of Hydra's launchers, sweepers or callbacks, or a sampler."""
    found = _class(target, (*OURS, *_PLUGINS))
    return found is not None and issubclass(found, (Launcher, Sweeper, Callback, *_samplers()))


def _is_our_class(target: Any) -> bool:
    return _class(target, OURS) is not None


def _class(target: Any, packages: tuple[str, ...]) -> type | None:
    """The class that a dotted path leads to, where it is defined in one of the packages."""
    inside = tuple(f"{package}." for package in packages)
    if not isinstance(target, str) or not target.startswith(inside):
        return None  # not even looked for: importing a module runs it
    found = _resolve(target)
    if not isinstance(found, type) or not f"{found.__module__}.".startswith(inside):
        return None
    return found


def _resolve(path: str) -> Any:
    """What a dotted path leads to; None where it leads nowhere."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # Optuna's storage speaks of other databases
                found: Any = import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for name in parts[end:]:
            found = getattr(found, name, None)
        return found
    return None


def _samplers() -> tuple[type, ...]:
    """Optuna's base class, where a sampler was just looked for and so is loaded."""
    optuna = sys.modules.get("optuna.samplers")
    return () if optuna is None else (optuna.BaseSampler,)
