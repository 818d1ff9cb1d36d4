"""What differs between two runs: configuration, data, code, seed, metric."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from thesis_facts.configs import flatten, read_config
from thesis_facts.durable import StrPath
from thesis_facts.errors import RunError
from thesis_facts.metric_difference import MetricDifference, compare_metric
from thesis_facts.run_facts import RunFacts, read_run

# where a run stood and what it was called, which differ between any two
_PLACES = ("run_dir", "job_id", "resume", "experiment.name")
_SEEDS = ("classifier.trainer.seed", "phase1.trainer.seed", "general.trainer.seed", "data.seed")


@dataclass(frozen=True)
class Difference:
    """One thing that two runs don't share; None where a run lacks it."""

    key: str
    a: Any
    b: Any


@dataclass(frozen=True)
class Comparison:
    """What differs between two runs, by kind; ``metric`` is None where they share none."""

    config: tuple[Difference, ...]
    data: tuple[Difference, ...]
    code: tuple[Difference, ...]
    seed: tuple[Difference, ...]
    metric: MetricDifference | None


def compare_runs(run_a: StrPath, run_b: StrPath) -> Comparison:
    """Compare two runs by their facts.

    Parameters
    ----------
    run_a, run_b
        Directories of the runs.

    Returns
    -------
    Comparison
        Keys of the configuration that differ (those of the events under ``data``, seeds under
        ``seed``), what the runs noted of their data set, commit and package versions, and the
        metric with the uncertainty of its difference.

    Raises
    ------
    RunError
        If one of them has no events that can be read.
    """
    a, b = read_run(str(run_a)), read_run(str(run_b))
    settings = list(_differences(_settings(a), _settings(b)))
    seeds = [d for d in settings if d.key in _SEEDS]
    if a.seed != b.seed and all(d.key == "data.seed" for d in seeds):
        seeds.append(Difference("seed", a.seed, b.seed))
    data = [d for d in settings if d.key.startswith("data.") and d.key not in _SEEDS]
    return Comparison(
        config=tuple(d for d in settings if d not in data and d not in seeds),
        data=(*data, *_differences(_dataset(a), _dataset(b))),
        code=tuple(_differences(_code(a), _code(b))),
        seed=tuple(seeds),
        metric=compare_metric(a.run_dir, b.run_dir),
    )


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Difference]:
    for key in dict.fromkeys((*a, *b)):
        if a.get(key) != b.get(key):
            yield Difference(key, a.get(key), b.get(key))


def _settings(run: RunFacts) -> dict[str, Any]:
    try:
        config = read_config(run.run_dir)
    except RunError:
        return {}
    return {key: value for key, value in flatten(config) if key not in _PLACES}


def _dataset(run: RunFacts) -> dict[str, Any]:
    """What the run noted of its data set when it started: size, hash, …"""
    noted = run.outline.first.get("dataset")
    return dict(flatten(noted, "dataset")) if isinstance(noted, Mapping) else {}


def _code(run: RunFacts) -> dict[str, Any]:
    versions = run.circumstances.get("versions")
    return {
        "git_commit": run.git_commit,
        "git_dirty": run.circumstances.get("git_dirty"),
        **(dict(flatten(versions, "version")) if isinstance(versions, Mapping) else {}),
    }
