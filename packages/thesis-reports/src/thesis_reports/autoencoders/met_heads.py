"""Heads that reconstruct MET: how much they count in training, and what they are told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from thesis_reports.aggregation import group_by_seed
from thesis_reports.autoencoders.latent_spaces import with_named_latents
from thesis_reports.groups import AxisGroup
from thesis_reports.naming import setting_label, value_text

NO_HEAD = "no head"
BETA, LATENT = "globals_beta", "latent_space"


@dataclass(frozen=True)
class HeadGroup:
    """Runs that differ by their seed alone.

    Attributes
    ----------
    label
        Of what was varied.
    beta
        Weight of the error of MET in training; None without a head.
    rest
        All else that was varied, as text; empty where nothing was.
    runs
        The group as others know it.
    """

    label: str
    beta: float | None
    rest: str
    runs: AxisGroup

    @property
    def has_head(self) -> bool:
        """Whether MET is reconstructed."""
        return self.beta is not None


def head_groups(
    configs: Mapping[str, Mapping[str, Any]], latents: Mapping[str, str]
) -> list[HeadGroup]:
    """Group autoencoders by their head and by all else that was varied.

    Parameters
    ----------
    configs
        Resolved config of each run, by run directory.
    latents
        Name of the latent space of each autoencoder; see `latent_names`.

    Returns
    -------
    list of HeadGroup
        Groups without a head first, then by weight; runs whose config has no decoder are none.
    """
    named = with_named_latents(configs, latents)
    known = {run: _with_named_head(config) for run, config in named.items() if _decoder(config)}
    found = []
    for setting in group_by_seed(known):
        decoder = _decoder(known[setting.run_dirs[0]])
        head = decoder[BETA]
        values = {name: value for name, value in setting.values.items() if name != BETA}
        rest = setting_label(values)
        label = NO_HEAD if head == NO_HEAD else f"β = {value_text(head)}"
        label = f"{label}, {rest}" if rest else label
        beta = None if head == NO_HEAD else head
        group = AxisGroup(label, {BETA: head, **values}, setting.run_dirs)
        found.append(HeadGroup(label, beta, rest, group))
    return sorted(found, key=lambda one: (one.beta is not None, one.beta or 0.0, one.rest))


def bases_of(groups: Sequence[HeadGroup], *, with_head: bool) -> dict[str, HeadGroup]:
    """By all else that was varied: the group without a head, or that whose head counts least."""
    bases: dict[str, HeadGroup] = {}
    for group in sorted(groups, key=lambda one: one.beta or 0.0):
        if group.has_head == with_head:
            bases.setdefault(group.rest, group)
    return bases


def _decoder(config: Mapping[str, Any]) -> Mapping[str, Any]:
    decoder = config["phase1"].get("decoder")
    return decoder if isinstance(decoder, Mapping) else {}


def _with_named_head(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config in which one setting tells whether there is a head, and how much it counts."""
    decoder = dict(_decoder(config))
    has_head, beta = decoder.pop("globals_head", False), decoder.get(BETA)
    # 1 and 1.0 are the same weight
    weight = float(beta) if isinstance(beta, int | float) else 1.0
    decoder[BETA] = weight if has_head else NO_HEAD
    return {**config, "phase1": {**config["phase1"], "decoder": decoder}}
