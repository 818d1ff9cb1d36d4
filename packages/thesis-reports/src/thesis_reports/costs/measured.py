"""What runs cost: to store, to train, to score events with."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_facts import read_evaluation
from thesis_facts.errors import ConfigError, ThesisError
from thesis_reports.statistics import Spread, spread

_HOW = ("device_name", "device", "threads", "amp", "matmul_precision", "ranks")


@dataclass(frozen=True)
class Cost:
    """An axis of cost.

    Attributes
    ----------
    name
        Of its figure.
    label
        With its unit.
    is_timed
        Whether it depends on the machine.
    more_is_better
        As of throughput.
    """

    name: str
    label: str
    is_timed: bool = False
    more_is_better: bool = False

    @property
    def noun(self) -> str:
        """Without its unit, for a sentence."""
        return self.label.partition(" (")[0]


COSTS = (
    Cost("parameters", "parameters"),
    Cost("flops", "operations per event (MFLOP)"),
    Cost("latency", "latency of a batch (ms)", is_timed=True),
    Cost("throughput", "events scored per second", is_timed=True, more_is_better=True),
    Cost("training_time", "training time (s)", is_timed=True),
    Cost("events", "training events"),
)


@dataclass(frozen=True)
class CostFacts:
    """What each run costs, as far as it is known.

    Attributes
    ----------
    of_run
        By run directory, by name of the cost.
    latency_batch
        Events of the batches whose latency is meant; None where no run has one.
    machine
        On which times were taken; empty where unknown.
    left_out
        (run directory, reason): facts that are missing, times of other machines.
    """

    of_run: dict[str, dict[str, float]]
    latency_batch: int | None
    machine: str
    left_out: list[tuple[str, str]]

    def values(self, run_dirs: Iterable[str], name: str) -> NDArray[np.float64]:
        """A cost [n] of the runs that tell it."""
        known = [self.of_run.get(run, {}).get(name) for run in run_dirs]
        return np.array([value for value in known if value is not None], dtype=float)

    def over(self, run_dirs: Iterable[str], name: str) -> Spread:
        """A cost over runs, mean ± standard deviation."""
        return spread([self.of_run.get(run, {}).get(name, float("nan")) for run in run_dirs])


def read_costs(runs: pd.DataFrame, batch_size: int) -> CostFacts:
    """Costs of finished runs.

    Latency is that of the smallest batches that were timed, throughput that of batches of
    `batch_size`. Times are kept of one machine and way to compute only, the most frequent.

    Parameters
    ----------
    runs
        See `thesis_reports.selection.SelectedRuns`.

    Raises
    ------
    ConfigError
        Where runs were timed, but none in batches of this size.
    """
    evaluations, left_out = {}, []
    for run in runs["run_dir"]:
        try:
            evaluations[str(run)] = read_evaluation(run)
        except ThesisError as error:
            left_out.append((str(run), str(error)))
    scoring = {run: _mapping(one.get("cost")) for run, one in evaluations.items()}
    sizes = _batch_sizes(scoring.values())
    if sizes and batch_size not in sizes:
        raise ConfigError(
            "no run was timed in such batches",
            key="scaling.batch_size",
            found=batch_size,
            expected=f"one of {', '.join(map(str, sizes))}",
        )
    machines = Counter(_machine(cost) for cost in scoring.values() if cost)
    machine = machines.most_common(1)[0][0] if machines else ""
    of_run = {}
    for row in runs.to_dict("records"):
        run = str(row["run_dir"])
        cost = scoring.get(run, {})
        is_here = not cost or _machine(cost) == machine
        if not is_here:
            left_out.append((run, f"times are of {_machine(cost)}, others of {machine}"))
        if run in evaluations and not cost:
            left_out.append((run, "what scoring costs was not measured"))
        latency = _mapping(cost.get("latency"))
        known = {
            "parameters": row.get("n_parameters"),
            "flops": _scaled(cost.get("flops_per_event"), 1e-6),
            "events": _total(_mapping(evaluations.get(run, {}).get("events")).get("train")),
        }
        if is_here:
            known["training_time"] = row.get("total_time_s")
            known["latency"] = _median(latency, sizes[0]) if sizes else None
            of_batch = _median(latency, batch_size)
            known["throughput"] = 1e3 * batch_size / of_batch if of_batch else None
        numbers = {name: _number(value) for name, value in known.items()}
        of_run[run] = {name: value for name, value in numbers.items() if value is not None}
    return CostFacts(of_run, sizes[0] if sizes else None, machine, left_out)


def on_the_front(
    costs: Sequence[float], qualities: Sequence[float], errors: Sequence[float] | None = None
) -> list[int]:
    """Which of some points no other beats in both, small costs and large qualities, cheapest first.

    Costs that differ by no more than their combined standard error are equal: of such points the
    one with the largest quality is on the front.

    Parameters
    ----------
    costs, qualities
        Of each point.
    errors
        Standard errors of `costs`; None where these are exact.

    >>> on_the_front([1.0, 2.0, 3.0], [0.7, 0.6, 0.8])
    [0, 2]
    >>> on_the_front([1.0, 1.1, 3.0], [0.7, 0.75, 0.8], [0.1, 0.1, 0.1])
    [1, 2]
    """
    errors = [0.0] * len(costs) if errors is None else errors
    front: list[int] = []
    for which in sorted(range(len(costs)), key=lambda i: (-qualities[i], costs[i])):
        # those on the front already are better, or as good and cheaper
        if not any(
            costs[other] - costs[which] <= math.hypot(errors[other], errors[which])
            for other in front
        ):
            front.append(which)
    return front[::-1]


def _batch_sizes(costs: Iterable[Mapping[str, Any]]) -> list[int]:
    found = {size for cost in costs for size in _mapping(cost.get("latency"))}
    return sorted(int(size) for size in found if str(size).isdigit())


def _machine(cost: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={cost[key]}" for key in _HOW if cost.get(key) is not None)


def _median(latency: Mapping[str, Any], size: int) -> float | None:
    return _number(_mapping(latency.get(str(size))).get("median_ms"))


def _total(classes: Any) -> float | None:
    counts = [_number(value) for value in _mapping(classes).values()]
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None


def _scaled(value: Any, factor: float) -> float | None:
    known = _number(value)
    return None if known is None else factor * known


def _number(value: Any) -> float | None:
    """A positive number, or None: costs go on logarithmic axes."""
    is_one = isinstance(value, (int, float)) and not isinstance(value, bool)
    return float(value) if is_one and 0 < value < float("inf") else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
