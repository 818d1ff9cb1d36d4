"""A report on a file as text for a terminal."""

from collections.abc import Iterable

import numpy as np

from thesis_data.validation.inspection import FileReport, SplitReport
from thesis_data.validation.problems import Problem
from thesis_data.validation.summary import BINNED_QUANTITIES, QUANTITIES, Summary
from thesis_facts.processes import PROCESSES

_OBJECTS = ("padding", "jet", "b-jet", "e+", "e-", "mu+", "mu-", "photon")
_UNITS = {"E": "GeV", "pt": "GeV", "eta": "", "phi": "rad", "MET": "GeV", "METphi": "rad"}


def describe(report: FileReport) -> str:
    """Layout, counts per split and process, what the events look like, problems."""
    parts = [f"{report.path}  ({report.size / 1e6:,.1f} MB)"]
    parts += [f"  {key}: {value}" for key, value in report.attributes.items()]
    parts += ["", f"Layout: {report.layout.width} columns = {report.layout.describe()}", ""]
    parts += _table(_event_rows(report.splits))
    read = {split.name: split.summary for split in report.splits if split.summary is not None}
    if read:
        parts += ["", "Objects in an event (mean)", *_table(_object_rows(read))]
        if report.layout.n_bins:
            parts += ["", "Share of each bin (%)", *_table(_bin_rows(read, report.layout.n_bins))]
        else:
            parts += ["", "Lowest, mean and highest value", *_table(_range_rows(read))]
    if any(split.weights for split in report.splits):
        parts += ["", "Event weights", *_table(_weight_rows(report.splits))]
    return "\n".join([*parts, "", list_problems(report)])


def list_problems(report: FileReport) -> str:
    """The problems, errors first, under a line that counts them."""
    if not report.problems:
        return "No problems found."
    n_errors = len(report.errors)
    n_warnings = len(report.problems) - n_errors
    counts = [
        f"{n} {word}{'s' * (n != 1)}"
        for n, word in ((n_errors, "error"), (n_warnings, "warning"))
        if n
    ]
    width = max(len(problem.where) for problem in report.problems)
    return "\n".join([f"{' and '.join(counts)}:", *(_line(p, width) for p in report.problems)])


def _line(problem: Problem, width: int) -> str:
    return f"  {problem.severity:<7}  {problem.where:<{width}}  {problem.what}"


def _event_rows(splits: list[SplitReport]) -> Iterable[list[str]]:
    yield ["split", "events", *PROCESSES.values(), "stored as"]
    for split in splits:
        counts = split.process_counts
        shown = [f"{counts[label]:,}" if counts else "-" for label in PROCESSES]
        yield [split.name, f"{split.n_events:,}", *shown, split.storage]


def _object_rows(summaries: dict[str, Summary]) -> Iterable[list[str]]:
    yield ["split", "all", *_OBJECTS[1:], "95% have at most", "most"]
    for name, summary in summaries.items():
        n_events = max(summary.n_events, 1)
        cumulative = np.cumsum(summary.multiplicity) / n_events
        yield [
            name,
            f"{summary.n_objects / n_events:.2f}",
            *(f"{count / n_events:.2f}" for count in summary.id_counts[1:]),
            str(int(np.searchsorted(cumulative, 0.95))),
            str(int(np.flatnonzero(summary.multiplicity).max(initial=0))),
        ]


def _range_rows(summaries: dict[str, Summary]) -> Iterable[list[str]]:
    yield ["", "unit", *(cell for name in summaries for cell in ("", name, ""))]
    for quantity in QUANTITIES:
        cells = [quantity, _UNITS[quantity]]
        for summary in summaries.values():
            if quantity in summary.low:
                digits = 1 if _UNITS[quantity] == "GeV" else 2
                numbers = summary.low[quantity], summary.mean(quantity), summary.high[quantity]
                cells += [f"{round(number, digits) + 0:,.{digits}f}" for number in numbers]
            else:
                cells += ["-"] * 3
        yield cells


def _bin_rows(summaries: dict[str, Summary], n_bins: int) -> Iterable[list[str]]:
    yield ["", "split", *map(str, range(1, n_bins + 1))]
    for quantity in BINNED_QUANTITIES:
        for name, summary in summaries.items():
            counts = summary.bin_counts.get(quantity, np.zeros(n_bins))
            shares = 100 * counts / max(counts.sum(), 1)
            yield [quantity, name, *(f"{share:.1f}" for share in shares)]


def _weight_rows(splits: list[SplitReport]) -> Iterable[list[str]]:
    yield ["split", "lowest", "highest", "sum"]
    for split in splits:
        if split.weights:
            yield [split.name, *(f"{value:.4g}" for value in split.weights)]


def _table(rows: Iterable[list[str]]) -> list[str]:
    """Columns aligned: the first to the left, the last too if it is text, numbers to the right."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    left = {0, *([len(widths) - 1] if not rows[-1][-1][-1:].isdigit() else [])}
    return [
        "  "
        + "  ".join(
            f"{cell:<{width}}" if i in left else f"{cell:>{width}}"
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
