"""Attention of the runs of each setting, seeds and events both counted."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from thesis_facts.configs import value_at
from thesis_facts.errors import ConfigError, ThesisError
from thesis_reports.aggregation import Setting, summarise
from thesis_reports.comparison import Comparison, holm
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

_CLEARLY = 3.0  # errors from 1, of a ratio that a sentence names


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

    `error` is that of the mean, from seeds and events.
    """

    query: str
    key: str
    ratio: Spread
    error: float

    @property
    def is_clear(self) -> bool:
        """Whether the mean is off 1 by more than three errors."""
        return abs(self.ratio.mean - 1) > _CLEARLY * self.error


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

    @cached_property
    def errors(self) -> Array:
        """[Q, K] of the mean ratio of the whole model: events, and seeds (pooled where larger)."""
        events = self._event_errors
        if len(self.runs) < 2:
            return events
        own = self.ratios[:, 0].std(0, ddof=1)
        known = own[np.isfinite(own)]
        pooled = math.sqrt(float(np.square(known).mean())) if len(known) else 0.0
        return np.hypot(events, np.maximum(own, pooled) / math.sqrt(len(self.runs)))

    @property
    def has_same_events(self) -> bool:
        """Whether all runs were looked at on the same events."""
        first = self.runs[0].attention.event
        return all(np.array_equal(one.attention.event, first) for one in self.runs)

    def looks(self) -> list[Look]:
        """Pairs of kinds that there are enough of, from most to least looked at."""
        looks = [
            Look(query, key, spread(self.ratios[:, 0, q, k]), float(self.errors[q, k]))
            for q, query in enumerate(TOKENS)
            for k, key in enumerate(LOOKED_AT)
            if np.isfinite(self.ratios[:, 0, q, k]).all()
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
    def _event_errors(self) -> Array:
        influences = [one.attention.influence() for one in self.runs]
        if self.has_same_events:
            return np.sqrt(np.square(np.mean(influences, axis=0)).sum(0))
        squares = [np.square(influence).sum(0) for influence in influences]
        return np.sqrt(np.sum(squares, axis=0)) / len(self.runs)


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


def attention_differences(group: SettingAttention, signal: int) -> list[Comparison]:
    """What each kind gets in events of a class minus what it gets in all others.

    Both are means over events that have the kind. Seeds are paired: the difference is taken in
    each run. Runs that were looked at on different events can't be compared: no rows.
    """
    if not group.has_same_events:
        return []
    labels = group.runs[0].attention.label
    by_run = [one.attention.received_by_event() for one in group.runs]
    rows = []
    for which, key in enumerate(LOOKED_AT):
        columns = np.array([of_run[:, which] for of_run in by_run])
        has_kind = np.isfinite(columns).all(0)
        sides = (has_kind & (labels == signal), has_kind & (labels != signal))
        if min(side.sum() for side in sides) >= max(group.fewest_events, 2):
            rows.append(_difference(key, columns, sides))
    corrected = holm([row.p_value for row in rows])
    return [replace(row, p_holm=float(p)) for row, p in zip(rows, corrected, strict=True)]


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


def _difference(
    key: str, columns: Array, sides: tuple[NDArray[np.bool_], NDArray[np.bool_]]
) -> Comparison:
    """Of values [n, B] of runs and events between two sets of events [B]."""
    signal, others = (columns[:, side] for side in sides)
    by_run = signal.mean(1) - others.mean(1)
    events = math.sqrt(
        sum(float(side.mean(0).var(ddof=1)) / side.shape[1] for side in (signal, others))
    )
    n = len(by_run)
    seeds = float(by_run.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    variance = events**2 + np.nan_to_num(seeds) ** 2
    error = math.sqrt(variance)
    # Satterthwaite (Biometrics 2 (1946) 110), as for all other comparisons
    freedom = (n - 1) * (variance / seeds**2) ** 2 if n > 1 and seeds > 0 else math.inf
    difference = float(by_run.mean())
    p_value = reach = math.nan
    if error > 0:
        p_value = float(2 * stats.t.sf(abs(difference) / error, freedom))
        reach = float(stats.t.isf(0.025, freedom) + stats.t.isf(0.2, freedom)) * error
    return Comparison(key, difference, events, seeds, freedom, p_value, math.nan, reach)
