"""Group runs that differ by their seed alone, and find what else was varied."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from thesis_facts.configs import flatten
from thesis_reports.naming import setting_label, setting_names
from thesis_reports.ranking import Metric, rank
from thesis_reports.statistics import Spread, spread

# parts of a config that say where and how a run was carried out, not what it was
_CIRCUMSTANCES = {
    "device", "env", "experiment", "hydra", "job_id", "logging", "objective", "resume", "run_dir",
}  # fmt: skip

# what only watches a training, at any depth
_WATCHING = {"interpretability", "log_pid_embeddings"}

# sections that a loop brings along
_BROUGHT_BY_LOOPS = ("classifier", "general", "phase1", "simple")


@dataclass(frozen=True)
class Setting:
    """One point of the design space.

    Attributes
    ----------
    label
        What was varied, as in ``dim=64, positional=none``.
    values
        The varied settings by short name; a key that the config lacks is None.
    run_dirs
        Its runs: the same config with different seeds.
    """

    label: str
    values: dict[str, Any]
    run_dirs: tuple[str, ...]


@dataclass(frozen=True)
class SettingResult:
    """How a setting did: the metric over its finished runs, and the best of these."""

    setting: Setting
    metric: Spread
    best_run: str


def group_by_seed(configs: Mapping[str, Mapping[str, Any]]) -> list[Setting]:
    """Group runs by everything in their configs but seeds and circumstances.

    Parameters
    ----------
    configs
        Resolved config of each run, by run directory; empty where it is unknown.

    Returns
    -------
    list of Setting
        In the order of their first runs.
    """
    flat = {run_dir: dict(_essentials(config)) for run_dir, config in configs.items() if config}
    varied = varied_keys(list(flat.values()))
    names = setting_names(varied)
    groups: dict[str, list[str]] = {}
    for run_dir in configs:
        # a run without a config is like no other
        values = flat.get(run_dir)
        key = run_dir if values is None else _fingerprint(values, varied)
        groups.setdefault(key, []).append(run_dir)
    settings = []
    for run_dirs in groups.values():
        values = {names[key]: flat.get(run_dirs[0], {}).get(key) for key in varied}
        label = setting_label(values) or "all runs"
        if run_dirs[0] not in flat:
            label = f"unknown config of {Path(run_dirs[0]).name}"
        settings.append(Setting(label, values, tuple(run_dirs)))
    return settings


def varied_keys(flat: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys that don't have one and the same value in all configs, in the order met.

    Each loop brings sections of its own: where loops differ, ``loop`` says so, and of those
    sections only what differs within a loop.
    """
    varied = _varied(flat)
    if "loop" not in varied:
        return varied
    loops: dict[str, list[Mapping[str, Any]]] = {}
    for values in flat:
        loops.setdefault(_text(values.get("loop")), []).append(values)
    within = {key for configs in loops.values() for key in _varied(configs)}
    return [key for key in varied if key in within or key.split(".")[0] not in _BROUGHT_BY_LOOPS]


def _varied(flat: Sequence[Mapping[str, Any]]) -> list[str]:
    first_seen: dict[str, None] = {}
    for values in flat:
        first_seen.update(dict.fromkeys(values))
    return [key for key in first_seen if len({_text(values.get(key)) for values in flat}) > 1]


def summarise(
    settings: Sequence[Setting], runs: pd.DataFrame, metric: Metric
) -> list[SettingResult]:
    """Mean and spread of a metric over each setting's finished runs, best setting first.

    Settings without a finished run that has the metric are left out. Runs that did not finish
    count only where no run finished at all.
    """
    if metric.column not in runs:
        return []
    values = runs.set_index("run_dir")[metric.column]
    finished = set(runs.loc[runs["status"] == "complete", "run_dir"])
    usable = finished if values.reindex(list(finished)).notna().any() else set(runs["run_dir"])
    results = []
    for setting in settings:
        ranked = rank(values.reindex([d for d in setting.run_dirs if d in usable]), metric)
        if len(ranked):
            results.append(SettingResult(setting, spread(ranked), str(ranked.index[0])))
    return sorted(results, key=lambda r: r.metric.mean, reverse=metric.higher_is_better)


def _essentials(config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    kept = {key: value for key, value in config.items() if key not in _CIRCUMSTANCES}
    return (
        (key, value)
        for key, value in flatten(kept)
        if key.rpartition(".")[2] != "seed" and _WATCHING.isdisjoint(key.split("."))
    )


def _fingerprint(values: Mapping[str, Any], varied: Sequence[str]) -> str:
    return "\n".join(_text(values.get(key)) for key in varied)


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
