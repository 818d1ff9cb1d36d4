"""Probes of the runs of a setting together, beside what event variables alone reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from thesis_reports.aggregation import Setting
from thesis_reports.comparison import Group
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


def gain(group: Group, found: Survey, quantity: str) -> tuple[float, float]:
    """Mean minus that of event variables on the same events, with its error of both chances."""
    base = found.baseline[quantity]
    events = float(np.linalg.norm(group.deviation - base.influence))
    return group.mean - base.value, float(np.hypot(events, _seed_error(group)))


def error_of(group: Group) -> float:
    """Of the mean: seeds and events together."""
    return float(np.hypot(_event_error(group), _seed_error(group)))


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
        more = gain(group, found, name) if name in found.baseline else (None, None)
        probes[name] = {
            "mean": group.mean,
            "values": group.values.tolist(),
            "seed_sd": spread(group.values).sd,
            "event_error": _event_error(group),
            "minus_event_variables": more[0],
            "minus_event_variables_error": more[1],
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
    return float(np.linalg.norm(group.deviation))


def _seed_error(group: Group) -> float:
    """Of the mean."""
    n = len(group.values)
    return float(np.sqrt(group.seed_squares / (n - 1) / n)) if n > 1 else 0.0
