"""Attention of the runs of each setting, seeds and events both counted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from thesis_facts.configs import value_at
from thesis_facts.errors import ConfigError, ThesisError
from thesis_reports.aggregation import Setting, summarise
from thesis_reports.comparison import LEVEL, holm
from thesis_reports.interpretability.attention_summary import (
    LOOKED_AT,
    TOKENS,
    Array,
    Attention,
    TokenOrder,
    summarise_attention,
)
from thesis_reports.interpretability.epoch_files import read_all, read_nearest, trained
from thesis_reports.ranking import Metric
from thesis_reports.statistics import Spread, spread


@dataclass(frozen=True, eq=False)
class AttentionRun:
    """What is known of a run: `epoch` of the maps from 0, and values over epochs by name."""

    name: str
    epoch: int
    order: TokenOrder
    attention: Attention
    gates: dict[str, dict[int, float]]
    lambdas: dict[str, dict[int, float]]


@dataclass(frozen=True)
class Look:
    """A pair of kinds: who looks, at what, and how much in units of uniform attention.

    `error` is that of the mean, from seeds and events; `p_holm` that of uniform attention,
    corrected for all pairs that are told.
    """

    query: str
    key: str
    ratio: Spread
    error: float
    p_holm: float

    @property
    def is_clear(self) -> bool:
        """Whether the mean is off 1 at 5 % after the correction."""
        return self.p_holm < LEVEL


@dataclass(frozen=True, eq=False)
class SettingAttention:
    """The runs of a setting; all have as many layers and softmaxes.

    `fewest_events` must have a pair of kinds for it to be told.
    """

    label: str
    runs: Sequence[AttentionRun]
    fewest_events: int

    @property
    def layers(self) -> list[str]:
        """Names as readers know them."""
        return [layer_label(name) for name in self.runs[0].attention.layers]

    @cached_property
    def ratios(self) -> Array:
        """[n, L + 1, Q, K] of each run, NaN where too few events have the pair."""
        return np.array(
            [
                np.where(
                    one.attention.n_events >= self.fewest_events, one.attention.ratio(), np.nan
                )
                for one in self.runs
            ]
        )

    @property
    def errors(self) -> Array:
        """[Q, K] of the mean ratio of the whole model: events, and seeds."""
        return np.sqrt(self._event_variance + self._seed_variance)

    @property
    def p_values(self) -> Array:
        """[Q, K] two-sided, of ratios that are 1; NaN where no chance is known."""
        variance, seeds = self.errors**2, self._seed_variance
        # Satterthwaite (Biometrics 2 (1946) 110): events are so many that theirs is known well
        share = np.divide(variance, seeds, out=np.full(seeds.shape, np.inf), where=seeds > 0)
        degrees = (len(self.runs) - 1) * share**2 if len(self.runs) > 1 else share
        off = np.abs(self.ratios[:, 0].mean(0) - 1)
        errors = np.where(variance > 0, self.errors, np.nan)
        return 2 * stats.t.sf(off / errors, degrees)

    @property
    def has_same_events(self) -> bool:
        """Whether all runs were looked at on the same events."""
        first = self.runs[0].attention.event
        return all(np.array_equal(one.attention.event, first) for one in self.runs)

    def looks(self) -> list[Look]:
        """Pairs of kinds that there are enough of, from most to least looked at."""
        pairs = np.argwhere(np.isfinite(self.ratios[:, 0]).all(0))
        p_holm = holm(self.p_values[tuple(pairs.T)].tolist())
        errors = self.errors
        looks = [
            Look(
                TOKENS[q],
                LOOKED_AT[k],
                spread(self.ratios[:, 0, q, k]),
                float(errors[q, k]),
                float(p),
            )
            for (q, k), p in zip(pairs, p_holm, strict=True)
        ]
        return sorted(looks, key=lambda look: look.ratio.mean, reverse=True)

    def received(self, key: str) -> Spread:
        """What tokens of all kinds give to one kind."""
        return self.received_by([key])

    def received_by(self, keys: Sequence[str]) -> Spread:
        """The same of several kinds, the mean of those that there are enough of."""
        values = self.all_received[:, 0, [LOOKED_AT.index(key) for key in keys]]
        known = np.isfinite(values).all(0)
        return spread(values[:, known].mean(1) if known.any() else [])

    @cached_property
    def all_received(self) -> Array:
        """The same of each run [n, L + 1, K], NaN where too few events have the kind."""
        return np.array(
            [
                np.where(
                    np.isfinite(one.attention.received_by_event()).sum(0) >= self.fewest_events,
                    one.attention.received(),
                    np.nan,
                )
                for one in self.runs
            ]
        )

    def mean_entropy(self) -> Spread:
        """Over all layers and softmaxes."""
        return spread([one.attention.entropy.mean() for one in self.runs])

    @cached_property
    def _event_variance(self) -> Array:
        """[Q, K] of the mean ratio; what runs don't share is in their spread already."""
        influences = [one.attention.influence() for one in self.runs]
        n, squares = len(influences), np.sum([np.square(one).sum(0) for one in influences], axis=0)
        if n == 1:
            return squares
        if not self.has_same_events:
            return np.zeros(squares.shape)
        of_mean = np.square(np.mean(influences, axis=0)).sum(0)
        own = np.maximum(squares - n * of_mean, 0) / (n * (n - 1))
        return np.maximum(of_mean - own, 0)

    @cached_property
    def _seed_variance(self) -> Array:
        """[Q, K] of the mean ratio; where a pair scatters less than all do, that of all."""
        n = len(self.runs)
        if n < 2:
            return np.zeros(self.ratios.shape[2:])
        own = self.ratios[:, 0].var(0, ddof=1)
        known = own[np.isfinite(own)]
        # of two or three seeds some pairs scatter little by chance: taken at their word they would
        # be called clear, among so many pairs in most reports where nothing is
        return np.maximum(own, known.mean() if len(known) else 0.0) / n


def read_attention(
    runs: pd.DataFrame, configs: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, AttentionRun], list[tuple[str, str]]]:
    """Runs by directory, and (name, reason) of those whose maps can't be read.

    Parameters
    ----------
    runs
        See `thesis_reports.selection.SelectedRuns`.
    configs
        Resolved config by run directory.
    """
    found: dict[str, AttentionRun] = {}
    left_out = []
    for row in trained(runs).to_dict("records"):
        run_dir, name = str(row["run_dir"]), str(row["name"])
        try:
            found[run_dir] = _read(run_dir, name, row.get("best_epoch"), configs.get(run_dir, {}))
        except ConfigError:
            raise  # torch is missing
        except ThesisError as error:
            left_out.append((name, str(error)))
    return found, left_out


def by_setting(
    settings: Sequence[Setting],
    found: Mapping[str, AttentionRun],
    runs: pd.DataFrame,
    metric: Metric,
    fewest_events: int,
) -> list[SettingAttention]:
    """Settings that have a run with maps, the best on validation first."""
    place = {r.setting.label: k for k, r in enumerate(summarise(settings, runs, metric))}
    ordered = sorted(settings, key=lambda setting: place.get(setting.label, len(place)))
    groups = [
        SettingAttention(
            setting.label, [found[run] for run in setting.run_dirs if run in found], fewest_events
        )
        for setting in ordered
    ]
    return [group for group in groups if group.runs]


def layer_label(name: str) -> str:
    """``blocks.0.attention`` is layer 1."""
    match = re.fullmatch(r"blocks\.(\d+)\.attention", name)
    return f"layer {int(match[1]) + 1}" if match else name


def gate_label(name: str) -> str:
    """A gate by the bias in front of which it stands."""
    return name.removeprefix("attention_bias.").removeprefix("biases.").removesuffix(".gate")


def _read(run_dir: str, name: str, best_epoch: object, config: Mapping[str, Any]) -> AttentionRun:
    wanted = ["attention_maps", "events", "differential_lambda"]
    epoch, parts = read_nearest(run_dir, best_epoch, wanted)
    order = TokenOrder.of(config)
    is_differential = value_at(config, "classifier.model.attention.type") == "differential"
    lambdas = parts.get("differential_lambda", {}) if is_differential else None
    attention = summarise_attention(
        parts["attention_maps"], parts.get("events", {}), order, lambdas
    )
    return AttentionRun(
        name,
        epoch,
        order,
        attention,
        _over_epochs(run_dir, "bias_gates"),
        _over_epochs(run_dir, "differential_lambda"),
    )


def _over_epochs(run_dir: str, part: str) -> dict[str, dict[int, float]]:
    values: dict[str, dict[int, float]] = {}
    for epoch, section in read_all(run_dir, part):
        for name, value in section.items():
            values.setdefault(name, {})[epoch] = float(np.mean(value))
    return values
