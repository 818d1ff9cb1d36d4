"""The tables of docs/results.md, from the facts and scores of finished sweeps alone.

    uv run python benchmarks/what_pays.py SWEEP_DIR [SWEEP_DIR …] [--by COLUMN] [--base NAME]

One row for each value of COLUMN (an axis or an override of the sweeps) with the mean and spread
over seeds, 4t against all others, on validation and test; then the paired difference to the runs
of --base on the same test events. Sweeps without the column (MLP, boosted trees) give rows of
their own.
"""

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev

import numpy as np

from thesis_facts import load_runs, read_axes
from thesis_facts.evaluation import find_evaluation
from thesis_facts.metrics import Estimate, auroc, auroc_uncertainty, log_odds, rejection_at
from thesis_facts.metrics.auroc import auroc_influence
from thesis_facts.metrics.ranking import rank_events
from thesis_facts.scores import read_scores

SIGNAL = "4t"
EFFICIENCY = 0.5


@dataclass(frozen=True)
class Ranked:
    """How a run ranks the events of a split: log-odds of the signal, and the truth, each [N]."""

    scores: np.ndarray
    is_signal: np.ndarray

    @classmethod
    def of(cls, run_dir: str, split: str) -> "Ranked":
        found = read_scores(run_dir, split, with_embeddings=False)
        which = found.class_names.index(SIGNAL)
        return cls(log_odds(found.logits, which), found.labels == which)

    @property
    def auroc(self) -> float:
        return auroc(self.scores, self.is_signal)

    @property
    def influence(self) -> np.ndarray:
        return auroc_influence(rank_events(self.scores, self.is_signal))


@dataclass(frozen=True)
class Trained:
    """One run."""

    seed: int
    n_parameters: int | None
    minutes: float
    mflop: float | None
    val: Ranked
    test: Ranked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sweep_dirs", nargs="+")
    parser.add_argument("--by", default="variant", help="column that names the rows (variant)")
    parser.add_argument("--base", default="plain", help="row to compare the others with (plain)")
    options = parser.parse_args()
    runs = collect(options.sweep_dirs, options.by)
    print_values(runs)
    if options.base in runs:
        print_differences(runs, options.base)


def collect(sweep_dirs: Sequence[str], by: str) -> dict[str, list[Trained]]:
    """Runs by the name of their row, in the order of the sweeps."""
    found: dict[str, list[Trained]] = defaultdict(list)
    for sweep_dir in sweep_dirs:
        for run in load_runs(sweep_dir=sweep_dir).runs.to_dict("records"):
            axes, run_dir = read_axes(run["run_dir"]), run["run_dir"]
            cost = (find_evaluation(run_dir) or {}).get("cost") or {}
            found[row_name(run, by)].append(
                Trained(
                    seed=int(run["seed"]),
                    n_parameters=axes.get("n_parameters"),
                    minutes=run["total_time_s"] / 60,
                    mflop=cost["flops_per_event"] / 1e6 if cost.get("flops_per_event") else None,
                    val=Ranked.of(run_dir, "val"),
                    test=Ranked.of(run_dir, "test"),
                )
            )
    return found


def row_name(run: Mapping[str, object], by: str) -> str:
    """The column, or for boosted trees their table."""
    if isinstance(run.get(by), str):
        return str(run[by])
    family = str(run["model_family"])
    return f"{family} {run['features']}" if "features" in run else family


def print_values(runs: Mapping[str, Sequence[Trained]]) -> None:
    print(
        "| | seeds | parameters | val AUROC | test AUROC, mean ± sd | each seed | "
        f"1/ε_B at ε_S = {EFFICIENCY} | MFLOP an event | min a run |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, own in sorted(runs.items(), key=lambda item: -mean(r.test.auroc for r in item[1])):
        areas = [run.test.auroc for run in own]
        rejections = [rejection_at(r.test.scores, r.test.is_signal, EFFICIENCY).value for r in own]
        spread = f" ± {stdev(areas):.4f}" if len(areas) > 1 else ""
        work = f"{own[0].mflop:.1f}" if own[0].mflop else ""
        size = f"{own[0].n_parameters:,}" if own[0].n_parameters else ""
        print(
            f"| {name} | {len(own)} | {size} | {mean(r.val.auroc for r in own):.4f} | "
            f"{mean(areas):.4f}{spread} | {', '.join(f'{a:.4f}' for a in areas)} | "
            f"{mean(rejections):.1f} | {work} | {mean(r.minutes for r in own):.1f} |"
        )
    some = next(iter(runs.values()))[0].test
    error = auroc_uncertainty(some.scores, some.is_signal)
    print(f"\n{len(some.scores):,} test events: ± {error:.4f} on each AUROC, common to all rows")


def print_differences(runs: Mapping[str, Sequence[Trained]], base: str) -> None:
    print(f"\n| test AUROC, minus {base} | difference | ± events | ± seeds | standard deviations |")
    print("|---|---|---|---|---|")
    reference = {run.seed: run.test for run in runs[base]}
    rows = []
    for name, own in runs.items():
        pairs = [(r.test, reference[r.seed]) for r in own if r.seed in reference]
        if name == base or not pairs:
            continue
        rows.append((name, *difference(pairs)))
    for name, value, over_seeds in sorted(rows, key=lambda row: -row[1].value):
        total = np.hypot(value.uncertainty, over_seeds)
        print(
            f"| {name} | {value.value:+.4f} | {value.uncertainty:.4f} | {over_seeds:.4f} | "
            f"{value.value / total:+.1f} |"
        )


def difference(pairs: Sequence[tuple[Ranked, Ranked]]) -> tuple[Estimate, float]:
    """Mean over seeds of the difference on the same events.

    Returns
    -------
    Estimate
        With the uncertainty from the events (DeLong, paired, of the mean over seeds).
    float
        The uncertainty from the seeds: their spread over the root of their number.
    """
    values = [a.auroc - b.auroc for a, b in pairs]
    influence = np.mean([a.influence - b.influence for a, b in pairs], axis=0)
    over_seeds = stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return Estimate.from_influence(mean(values), influence), over_seeds


if __name__ == "__main__":
    main()
