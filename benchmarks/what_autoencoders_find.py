"""Which anomaly scores find which process: a table of docs/results.md, from facts alone.

    uv run python benchmarks/what_autoencoders_find.py SWEEP_DIR [SWEEP_DIR …]

AUROC of each score on the test split, mean over the runs of a loop, with the uncertainty of one run
from its events and the spread over runs; then how well each score sees corrupted events. The last
table asks what a score knows beside the number of objects: its AUROC among events with as many, and
its difference to that of the number, paired (DeLong), on the signal and all other processes.
"""

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

import numpy as np

from thesis_facts import load_runs, read_config
from thesis_facts.anomaly import AnomalyScores, read_anomaly, read_anomaly_scores
from thesis_facts.metrics import auroc, paired_auroc_difference
from thesis_facts.processes import LABELS

SIGNAL = "4t"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sweep_dirs", nargs="+")
    options = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    told: dict[str, list[AnomalyScores]] = defaultdict(list)
    for sweep_dir in options.sweep_dirs:
        for run_dir in load_runs(sweep_dir=sweep_dir).runs["run_dir"]:
            loop = read_config(run_dir)["loop"]
            found[loop].append(read_anomaly(run_dir))
            told[loop].append(read_anomaly_scores(run_dir, "test"))
    for title, part in (("process", "splits.test"), ("corruption", "corruptions")):
        print(f"\n| loop | score | {' | '.join(columns(found, part))} |  <- {title}")
        print(f"|---|---|{'---|' * len(columns(found, part))}")
        for loop, reports in found.items():
            print_rows(loop, [cut(report, part) for report in reports], columns(found, part))
    print(f"\n| loop | score | {SIGNAL} among events of as many objects | minus n_objects |")
    print("|---|---|---|---|")
    for loop, runs in told.items():
        print_beside_the_number(loop, runs)


def print_beside_the_number(loop: str, runs: Sequence[AnomalyScores]) -> None:
    for score in runs[0].scores:
        among = [among_as_many(run, score) for run in runs]
        gains = [
            paired_auroc_difference(
                run.scores[score],
                run.scores["n_objects"],
                run.process == LABELS[SIGNAL],
                run.weights,
            )
            for run in runs
        ]
        gain, uncertainty = mean(g.value for g in gains), gains[0].uncertainty
        print(f"| {loop} | {score} | {mean(among):.3f} | {gain:+.4f} ± {uncertainty:.4f} |")


def among_as_many(run: AnomalyScores, score: str) -> float:
    """AUROC over pairs of a signal and a background event with as many objects, unweighted."""
    is_signal, pairs, total = run.process == LABELS[SIGNAL], 0, 0.0
    for number in np.unique(run.scores["n_objects"]):
        of_number = run.scores["n_objects"] == number
        n_signal = int(is_signal[of_number].sum())
        weight = n_signal * (int(of_number.sum()) - n_signal)
        if weight:
            total += weight * auroc(run.scores[score][of_number], is_signal[of_number])
            pairs += weight
    return total / pairs if pairs else float("nan")


def cut(report: Mapping[str, Any], part: str) -> dict[str, dict[str, Any]]:
    """By score and by process or corruption."""
    if part == "corruptions":
        turned: dict[str, dict[str, Any]] = defaultdict(dict)
        for corruption, scores in report[part].items():
            for score, numbers in scores.items():
                turned[score][corruption] = numbers
        return turned
    return report["splits"]["test"]


def columns(found: Mapping[str, Sequence[Mapping[str, Any]]], part: str) -> list[str]:
    """Processes, or corruptions."""
    first = cut(next(iter(found.values()))[0], part)
    return list(next(iter(first.values())))


def print_rows(loop: str, reports: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    for score in reports[0]:
        cells = []
        for name in names:
            numbers = [report[score][name] for report in reports]
            areas = [one["auroc"] for one in numbers]
            spread = f" ± {stdev(areas):.3f}" if len(areas) > 1 else ""
            cells.append(f"{mean(areas):.3f} ± {numbers[0]['auroc_uncertainty']:.3f}{spread}")
        print(f"| {loop} | {score} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
