"""What an autoencoder keeps of each object, as its config says, and a short name for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from thesis_facts.loops import loop_of
from thesis_reports.naming import value_text

_KINDS: dict[str, Literal["none", "linear", "vq"]] = {
    "IdentityLatent": "none",
    "LinearLatent": "linear",
    "VqLatent": "vq",
}
_SECTION = "phase1"
_IN_NAMES = {  # what the name of a kind says already
    "none": ("_target_",),
    "linear": ("_target_", "latent_dim"),
    "vq": ("_target_", "codebook_size"),
}


@dataclass(frozen=True)
class LatentSpace:
    """What is kept of an object.

    Attributes
    ----------
    kind
        ``none`` (all that the encoder says), ``linear`` (a few numbers) or ``vq`` (the number of
        a code); ``other`` where the class is not one of ours.
    numbers
        How many numbers are kept of an object; None where that is unknown, and for `vq`.
    codebook_size
        Codes to choose from; None without a codebook.
    """

    kind: Literal["none", "linear", "vq", "other"]
    numbers: int | None = None
    codebook_size: int | None = None


def is_autoencoder(config: Mapping[str, Any]) -> bool:
    """Whether the run trained an autoencoder, by its loop and by what its config has."""
    return loop_of(config).family in ("ae", None) and bool(_section(config).get("_target_"))


def latent_space_of(config: Mapping[str, Any]) -> LatentSpace:
    """What the model of a config keeps of each object."""
    section = _section(config)
    kind = _KINDS.get(_class_name(section), "other")
    if kind == "none":
        return LatentSpace(kind, numbers=_encoder_width(config))
    if kind == "linear":
        return LatentSpace(kind, numbers=_whole(section.get("latent_dim")))
    if kind == "vq":
        return LatentSpace(kind, codebook_size=_whole(section.get("codebook_size")))
    return LatentSpace("other")


def latent_names(configs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """A name for the latent space of each autoencoder, by run directory.

    Names are equal where all settings of the latent space are: beside its size a name has those
    settings in which the runs of its kind differ.

    >>> latent_names({"a": {"loop": "ae", "phase1": {"latent_space": {
    ...     "_target_": "thesis_arch.autoencoder.latents.linear.LinearLatent", "latent_dim": 2}}}})
    {'a': 'linear 2'}
    """
    known = {run: config for run, config in configs.items() if is_autoencoder(config)}
    sections = {run: _section(config) for run, config in known.items()}
    by_class: dict[str, list[Mapping[str, Any]]] = {}
    for section in sections.values():
        by_class.setdefault(_class_name(section), []).append(section)
    varied = {name: _varied(of_class) for name, of_class in by_class.items()}
    names = {}
    for run, section in sections.items():
        kind = latent_space_of(known[run]).kind
        said = _IN_NAMES.get(kind, ("_target_",))
        rest = [key for key in varied[_class_name(section)] if key not in said]
        settings = [f"{key}={value_text(section.get(key))}" for key in rest]
        names[run] = ", ".join([_brief(kind, section), *settings])
    return names


def with_named_latents(
    configs: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
    """Configs of autoencoders in which the name stands for the section of the latent space.

    What was varied is then one setting, ``latent_space``, in place of a class and its arguments.
    """
    named = {}
    for run, name in names.items():
        config = dict(configs[run])
        config[_SECTION] = {**config[_SECTION], "latent_space": name}
        named[run] = config
    return named


def without_autoencoder(
    runs: pd.DataFrame, configs: Mapping[str, Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """(name, reason) of each run that is none."""
    found = []
    for row in runs.to_dict("records"):
        config = configs[row["run_dir"]]
        if not config:
            found.append((str(row["name"]), "its config can't be read"))
        elif not is_autoencoder(config):
            loop = value_text(config.get("loop"))
            found.append((str(row["name"]), f"not an autoencoder: loop={loop}"))
    return found


def _section(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return _mapping(_mapping(config.get(_SECTION)).get("latent_space"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _class_name(section: Mapping[str, Any]) -> str:
    return str(section.get("_target_", "")).rpartition(".")[2]


def _encoder_width(config: Mapping[str, Any]) -> int | None:
    """Numbers that the encoder says of an object: its last layer, or the width of its tokens."""
    encoder = _mapping(_mapping(config.get(_SECTION)).get("encoder"))
    layers = encoder.get("enc_hidden")
    if isinstance(layers, list) and layers:
        return _whole(layers[-1])
    return _whole(encoder.get("dim"))


def _whole(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    return None


def _varied(sections: list[Mapping[str, Any]]) -> list[str]:
    keys = dict.fromkeys(key for section in sections for key in section)
    return [key for key in keys if len({repr(section.get(key)) for section in sections}) > 1]


def _brief(kind: str, section: Mapping[str, Any]) -> str:
    if kind == "none":
        return "no bottleneck"
    if kind == "linear":
        return f"linear {value_text(section.get('latent_dim'))}"
    if kind == "vq":
        return f"VQ {value_text(section.get('codebook_size'))}"
    return _class_name(section)
