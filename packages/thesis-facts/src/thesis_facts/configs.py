"""Read the resolved configuration of a run, as JSON where there is one and as YAML where not."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from thesis_facts.durable import StrPath
from thesis_facts.errors import RunError
from thesis_facts.json_objects import read_bytes, read_object

CONFIG_FILES = ("facts/config.json", ".hydra/config.yaml", "cfg.yaml")
"""Where a run's configuration may stand, best first."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_REFERENCE = re.compile(r"\$\{([A-Za-z_][\w-]*(?:\.[\w-]+)*)\}")
_RESOLVER = re.compile(r"\$\{[\w.]*:")


def read_config(run_dir: StrPath) -> dict[str, Any]:
    """Read the configuration that a run was started with.

    References such as ``${env.output_root}`` are replaced by the values that they name; those
    that ask their surroundings (``${now:…}``, ``${oc.env:…}``) stay as they are, since the
    surroundings of today are not those of the run.

    Raises
    ------
    RunError
        If the directory holds no configuration, or none that can be read.
    """
    problem = None
    for name in CONFIG_FILES:
        path = f"{os.fspath(run_dir)}/{name}"
        try:
            config = read_object(path) if name.endswith(".json") else _read_yaml(path)
        except RunError as error:
            problem = problem or error
            continue
        if config is not None:
            return config
    raise problem or RunError(
        f"no configuration in {run_dir}", expected=f"one of {', '.join(CONFIG_FILES)}"
    )


def config_sha1(run_dir: StrPath) -> str | None:
    """Hash of the file that holds a run's configuration; None where there is none.

    Raises
    ------
    RunError
        If the file can't be read.
    """
    for name in CONFIG_FILES:
        text = read_bytes(f"{os.fspath(run_dir)}/{name}")
        if text is not None:
            return hashlib.sha1(text, usedforsecurity=False).hexdigest()
    return None


def value_at(config: Mapping[str, Any], key: str) -> Any:
    """Value at a dotted key; None where any part of the way is missing."""
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, Mapping):
            return None
        node = node.get(part)
    return node


def flatten(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and values of the leaves of a configuration; lists are leaves."""
    for name, value in config.items():
        key = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(value, Mapping) and value:
            yield from flatten(value, key)
        else:
            yield key, value


def read_yaml(path: StrPath) -> Any:
    """Content of a YAML file, read by the C loader; None where there is no such file.

    Raises
    ------
    RunError
        If the file is there but can't be read.
    """
    try:
        text = Path(path).read_bytes()
        return yaml.load(text, Loader=_LOADER)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunError(f"can't read {path}", found=reason) from error


def _read_yaml(path: str) -> dict[str, Any] | None:
    config = read_yaml(path)
    if config is None:
        return None
    if not isinstance(config, dict):
        raise RunError(f"can't read {path}", found=type(config).__name__, expected="a mapping")
    return resolve(config)


def resolve(config: dict[str, Any]) -> dict[str, Any]:
    """Replace references between keys by the values that they name."""
    if not _open_keys(config):
        return config
    resolved = _replace(config, config, depth=0)
    rest = _open_keys(resolved)
    if rest:
        _resolve_rest(resolved, rest)
    return resolved


def _open_keys(config: Mapping[str, Any]) -> list[str]:
    """Keys whose values hold references to other keys (and no resolver such as ``${now:}``)."""
    texts = ((key, str(value)) for key, value in flatten(config))
    return [key for key, text in texts if "${" in text and not _RESOLVER.search(text)]


def _replace(node: Any, root: Mapping[str, Any], depth: int) -> Any:
    if isinstance(node, Mapping):
        return {key: _replace(value, root, depth) for key, value in node.items()}
    if isinstance(node, list):
        return [_replace(value, root, depth) for value in node]
    if not isinstance(node, str) or "${" not in node or depth > 20:  # 20: a circle
        return node
    whole = _REFERENCE.fullmatch(node)
    if whole:
        value = value_at(root, whole[1])
        return node if value is None else _replace(value, root, depth + 1)

    def text_of(match: re.Match[str]) -> str:
        value = value_at(root, match[1])
        return match[0] if value is None else str(_replace(value, root, depth + 1))

    return _REFERENCE.sub(text_of, node)


def _resolve_rest(config: dict[str, Any], keys: list[str]) -> None:
    """Resolve relative and nested references in place; what leads nowhere stays as it is."""
    # an import of 0.1 s that only odd older files need
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    tree = OmegaConf.create(config)
    for key in keys:
        *above, name = key.split(".")
        try:
            value = OmegaConf.select(tree, key)
        except OmegaConfBaseException:
            continue
        if OmegaConf.is_config(value):
            value = OmegaConf.to_container(value)
        parent = value_at(config, ".".join(above)) if above else config
        if value is not None:
            parent[name] = value
