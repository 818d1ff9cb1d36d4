"""Command lines as the group types them, in the form that Hydra wants."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

# Groups that add to a config instead of being part of it.
ADDED_GROUPS = (
    "classifier/experiment",
    "classifier/model_size",
    "classifier/mlp_size",
    "classifier/bdt_size",
    "classifier/variant",
    "phase1/experiment",
    "phase1/variant",
)

_EXPERIMENTS = ("+classifier/experiment=", "+phase1/experiment=")

# Keys that only move into another; Hydra refuses what is not in the config without a "+".
OLDER_KEYS = ("data.sort_tokens_by", "data.shuffle_tokens")

# Keys of older configs without a meaning here, and why.
RETIRED_KEYS = {
    "data.num_workers": "batches are slices of tensors; there are no workers",
    "general.trainer.num_workers": "batches are slices of tensors; there are no workers",
    "phase1.trainer.num_workers": "batches are slices of tensors; there are no workers",
    "classifier.trainer.num_workers": "batches are slices of tensors; there are no workers",
}

# Flags whose value may be the next argument.
_FLAGS_WITH_VALUE = {"--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp"}


def normalise(arguments: list[str]) -> list[str]:
    """Flags first, as Hydra's parser wants; add what its grammar needs to overrides.

    Retired keys are dropped with a warning on stderr.
    """
    flags, overrides = _split(arguments)
    kept = []
    for override in overrides:
        key = override.split("=", 1)[0]
        if key.lstrip("+") in RETIRED_KEYS:
            print(f"{key} is ignored: {RETIRED_KEYS[key.lstrip('+')]}", file=sys.stderr)
        elif key in ADDED_GROUPS or key in OLDER_KEYS:
            kept.append(f"+{override}")
        elif key.startswith("+") and not key.startswith("++") and "/" not in key:
            kept.append(f"+{override}")  # "++" sets what is there and adds what is not
        else:
            kept.append(override)
    return flags + experiment_first(kept)


def experiment_first(words: list[str]) -> list[str]:
    """Overrides of a job with its experiment in front: what a sweep varies changes the experiment.

    Hydra merges groups that are added in the order of their overrides, the last one on top.
    """
    return sorted(words, key=lambda word: not word.startswith(_EXPERIMENTS))


def as_typed(overrides: Any) -> list[str]:
    """Overrides that a config holds, as they were typed: each job resolves its own ``${…}``."""
    plain: Any = OmegaConf.to_container(overrides, resolve=False)
    return [str(word) for word in plain]


def take_trust(arguments: list[str]) -> tuple[list[str], bool]:
    """The other arguments, and whether `trust=true` is among them: never a key of a file."""
    others = [word for word in arguments if word not in ("trust=true", "trust=false")]
    return others, "trust=true" in arguments


def config_dirs(arguments: list[str]) -> list[Path]:
    """Folders given with `--config-dir`."""
    found = []
    for argument, after in pairwise([*arguments, ""]):
        flag, _, value = argument.partition("=")
        if flag in ("--config-dir", "-cd"):
            found.append(Path(value or after))
    return found


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    flags, overrides = [], []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        is_override = "=" in argument or argument.startswith("~")
        is_flag = argument.startswith("-") or before in _FLAGS_WITH_VALUE or not is_override
        (flags if is_flag else overrides).append(argument)
    return flags, overrides
