"""Probes of the runs of a setting together, beside what event variables alone reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from thesis_reports.aggregation import Setting
from thesis_reports.comparison import LEVEL, Group
from thesis_reports.representations.survey import LABELS, Survey, SurveyedRun
from thesis_reports.rounding import number, with_uncertainty
from thesis_reports.statistics import Spread, spread


@dataclass(frozen=True, eq=False)
class SettingProbes:
    """Runs of a setting that have embeddings.

    Attributes
    ----------
    label
        Of the setting.
    dimension
        Effective dimension over runs.
    groups
        By quantity, all judged on the same events.
    """

    label: str
    runs: list[SurveyedRun]
    dimension: Spread
    groups: dict[str, Group]


@dataclass(frozen=True)
class Gain:
    """What embeddings have ahead of event variables.

    Attributes
    ----------
    error
        Of seeds and events; of a single run events alone are known.
    degrees
        Of freedom of the error.
    p_value
        Two-sided, of no difference; NaN where no chance is known.
    """

    value: float
    error: float
    degrees: float
    p_value: float

    @property
    def is_found(self) -> bool:
        """Whether the difference stands at 5 %."""
        return self.p_value < LEVEL


def gather(setting: Setting, runs: Sequence[SurveyedRun]) -> SettingProbes | None:
    """The runs that are of a setting; None where there are none."""
    own = [run for run in runs if run.run_dir in setting.run_dirs]
    if not own:
        return None
    quantities = list(dict.fromkeys(name for run in own for name in run.probes))
    probes = {name: [run.probes[name] for run in own if name in run.probes] for name in quantities}
    groups = {
        name: Group.of(setting.label, [(one.value, one.influence) for one in of_runs])
        for name, of_runs in probes.items()
    }
    dimension = spread([run.effective_dimension for run in own])
    return SettingProbes(setting.label, own, dimension, groups)


def quantities_of(probed: Sequence[SettingProbes], found: Survey) -> list[str]:
    """All that was probed, in the order met."""
    known = [name for one in probed for name in one.groups]
    return list(dict.fromkeys([*known, *found.baseline]))


def gain(group: Group, found: Survey, quantity: str) -> Gain:
    """Mean minus that of event variables on the same events."""
    base = found.baseline[quantity]
    value = group.mean - base.value
    seeds = float(np.nan_to_num(group.seed_variance))
    shared = float(np.square(group.deviation - base.influence).sum()) - group.own_event_variance
    variance = max(shared, 0.0) + seeds
    # Satterthwaite (Biometrics 2 (1946) 110): events are so many that theirs is known well
    freedom = group.degrees * (variance / seeds) ** 2 if seeds > 0 else np.inf
    error = float(np.sqrt(variance))
    p_value = float(2 * stats.t.sf(abs(value) / error, freedom)) if error > 0 else np.nan
    return Gain(value, error, float(freedom), p_value)


def error_of(group: Group) -> float:
    """Of the mean: seeds and events together."""
    return float(np.sqrt(group.event_variance + np.nan_to_num(group.seed_variance)))


def with_both(group: Group, seeds: str = "", events: str = "") -> str:
    """Mean ± sd over seeds ± error of events, each with a word behind it.

    All have the digits that the larger error asks for; of a single run, events alone are known.
    """
    sd, error = spread(group.values).sd, _event_error(group)
    if not np.isfinite(sd):
        return f"{with_uncertainty(group.mean, error)}{events}"
    digits = int(np.clip(1 - np.floor(np.log10(max(sd, error, 1e-6))), 0, 6))
    text = f"{group.mean:.{digits}f} ± {sd:.{digits}f}{seeds} ± {error:.{digits}f}{events}"
    return text.replace("-", "−")


def dimension_text(one: SettingProbes) -> str:
    """Effective dimension, mean ± sd over runs."""
    mean, sd = one.dimension.mean, one.dimension.sd
    return with_uncertainty(mean, sd) if one.dimension.n > 1 else number(mean, 3)


def variables_text(found: Survey) -> str:
    """The event variables of the baseline, in a row."""
    named = [LABELS[name] for name in found.baseline_variables]
    return f"{', '.join(named[:-1])} and {named[-1]}"


def finding(one: SettingProbes, found: Survey) -> dict[str, Any]:
    """All numbers of a setting as plain data."""
    probes = {}
    for name, group in one.groups.items():
        more = gain(group, found, name) if name in found.baseline else None
        probes[name] = {
            "mean": group.mean,
            "values": group.values.tolist(),
            "seed_sd": spread(group.values).sd,
            "event_error": _event_error(group),
            "minus_event_variables": None if more is None else more.value,
            "minus_event_variables_error": None if more is None else more.error,
            "minus_event_variables_degrees": None if more is None else more.degrees,
            "minus_event_variables_p_value": None if more is None else more.p_value,
        }
    return {
        "label": one.label,
        "n_runs": len(one.runs),
        "n_dimensions": len(one.runs[0].shares),
        "effective_dimension": asdict(one.dimension),
        "probes": probes,
    }


def baseline_finding(found: Survey) -> dict[str, Any]:
    """All numbers of event variables as plain data."""
    probes = {
        name: {"value": one.value, "event_error": float(np.linalg.norm(one.influence))}
        for name, one in found.baseline.items()
    }
    return {"variables": found.baseline_variables, "probes": probes}


def _event_error(group: Group) -> float:
    """Of the mean, of events by themselves."""
    return float(np.linalg.norm(group.deviation))
