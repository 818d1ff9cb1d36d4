"""Which anomaly scores find which process: a table of docs/results.md, from facts alone.

    uv run python benchmarks/what_autoencoders_find.py SWEEP_DIR [SWEEP_DIR …]

AUROC of each score on the test split, mean over the runs of a loop, with the uncertainty of one run
from its events and the spread over runs; then how well each score sees corrupted events.
"""

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from thesis_facts import load_runs, read_config
from thesis_facts.anomaly import read_anomaly


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sweep_dirs", nargs="+")
    options = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for sweep_dir in options.sweep_dirs:
        for run_dir in load_runs(sweep_dir=sweep_dir).runs["run_dir"]:
            found[read_config(run_dir)["loop"]].append(read_anomaly(run_dir))
    for title, part in (("process", "splits.test"), ("corruption", "corruptions")):
        print(f"\n| loop | score | {' | '.join(columns(found, part))} |  <- {title}")
        print(f"|---|---|{'---|' * len(columns(found, part))}")
        for loop, reports in found.items():
            print_rows(loop, [cut(report, part) for report in reports], columns(found, part))


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
