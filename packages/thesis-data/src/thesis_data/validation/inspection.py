"""One pass over a file: what it holds, and all that is wrong with it."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import h5py
import numpy as np

from thesis_data import h5
from thesis_data.binned_file import read_binning
from thesis_data.config import DatasetNames
from thesis_data.layout import Layout
from thesis_data.validation.checks import Tally, checks_of, cut_block
from thesis_data.validation.duplicates import find_duplicates, hash_events
from thesis_data.validation.leakage import find_leaks
from thesis_data.validation.problems import Problem
from thesis_data.validation.summary import Summary
from thesis_facts.errors import DataError
from thesis_facts.processes import PROCESSES

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class SplitReport:
    """One split of a file.

    Attributes
    ----------
    storage : str
        Dataset name, type and compression.
    summary : Summary or None
        None where the events could not be read.
    process_counts : dict or None
        Events of each process label; None without labels.
    weights : tuple of float or None
        Smallest, largest and sum of the event weights.
    """

    name: str
    storage: str
    n_events: int
    summary: Summary | None
    process_counts: dict[int, int] | None
    weights: tuple[float, float, float] | None


@dataclass
class FileReport:
    """What a file holds and what is wrong with it."""

    path: Path
    size: int
    attributes: dict[str, str]
    layout: Layout
    splits: list[SplitReport] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def errors(self) -> list[Problem]:
        return [problem for problem in self.problems if problem.severity == "error"]


def inspect_file(
    path: str | Path, names: DatasetNames | None = None, layout: Layout | None = None
) -> FileReport:
    """Read all events of a file once and report on them.

    Parameters
    ----------
    names : DatasetNames or None
        Names of the datasets; by default they are looked for in any spelling of X_train, y_val...
    layout : Layout or None
        18 objects with MET by default.

    Raises
    ------
    DataError
        Where the file cannot be read at all; whatever else is wrong becomes a problem.
    """
    path = Path(path)
    with h5.open_events(path, key=None) as file:
        names = names or h5.find_names(file)
        attributes = {key: str(value) for key, value in file.attrs.items()}
        binning = read_binning(file)
        n_bins = None if binning is None else binning.n_bins
        layout = replace(layout or Layout(), n_bins=n_bins)
        report = FileReport(path, path.stat().st_size, attributes, layout)
        hashes, stored = {}, list(file)
        for split in SPLITS:
            dataset = file.get(getattr(names, f"x_{split}"))
            if isinstance(dataset, h5py.Dataset):
                hashes[split] = _inspect_split(file, split, dataset, names, report)
            else:
                report.problems.append(Problem("warning", split, "the file has no such split"))
    if not hashes:
        raise DataError(
            f"{path} holds no events",
            found=f"the datasets {', '.join(stored)}" if stored else "no dataset",
            expected="X_train, X_val or X_test",
            do="name them with --dataset x_train=NAME",
        )
    # few bins make events with few objects alike that are not
    report.problems += find_duplicates(hashes, "warning" if layout.n_bins else "error")
    report.problems.sort(key=lambda problem: problem.severity != "error")
    return report


def _inspect_split(
    file: h5py.File,
    split: str,
    dataset: h5py.Dataset,
    names: DatasetNames,
    report: FileReport,
) -> np.ndarray:
    """Add a split to the report; returns the hashes of its events."""
    summary, hashes = None, np.zeros(0, dtype=np.uint64)
    try:
        h5.check_width(dataset, report.layout, f"x_{split}")
    except DataError as error:
        report.problems.append(Problem("error", split, str(error)))
    else:
        summary, hashes = _read_events(split, dataset, report)

    labels = _read_column(file, getattr(names, f"y_{split}"), split, len(dataset), report)
    weights = _read_column(file, getattr(names, f"w_{split}"), split, len(dataset), report)
    counts = None
    if labels is None:
        report.problems.append(
            Problem("warning", split, "no labels: the events can be scored, not trained on")
        )
    else:
        counts = _count_labels(labels, split, report)
        report.problems += find_leaks(split, labels, weights)
    report.splits.append(
        SplitReport(
            name=split,
            storage=_describe_storage(dataset),
            n_events=len(dataset),
            summary=summary,
            process_counts=counts,
            weights=None if weights is None else _range_and_sum(weights),
        )
    )
    return hashes


def _read_events(
    split: str, dataset: h5py.Dataset, report: FileReport
) -> tuple[Summary, np.ndarray]:
    layout = report.layout
    tally = Tally(checks_of(layout))
    summary = Summary(np.zeros(layout.n_tokens + 1, dtype=np.int64), layout.vocabulary)
    hashes = np.empty(len(dataset), dtype=np.uint64)
    for rows, values in h5.read_blocks(dataset):
        block = cut_block(values, layout)
        tally.add(rows, block)
        summary.add(block)
        hashes[rows] = hash_events(block)
    report.problems += tally.problems(split)
    return summary, hashes


def _read_column(
    file: h5py.File, name: str | None, split: str, n_events: int, report: FileReport
) -> np.ndarray | None:
    """Labels or weights [N] float64, or None where they are missing or unusable."""
    dataset = file.get(name) if name else None
    if not isinstance(dataset, h5py.Dataset):
        return None
    if dataset.shape != (n_events,) or dataset.dtype.kind not in "fiu":
        what = f"{name} is {dataset.dtype} {list(dataset.shape)}, expected {n_events:,} numbers"
        report.problems.append(Problem("error", split, what))
        return None
    values = dataset.astype(np.float64)[:]
    if not np.isfinite(values).all():
        report.problems.append(Problem("error", split, f"{name} has values that are not finite"))
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    return values


def _count_labels(labels: np.ndarray, split: str, report: FileReport) -> dict[int, int]:
    counts = {label: int(np.count_nonzero(labels == label)) for label in PROCESSES}
    outside = ~np.isin(labels, list(PROCESSES))
    if outside.any():
        values = ", ".join(f"{value:g}" for value in np.unique(labels[outside])[:5])
        what = (
            f"{np.count_nonzero(outside):,} of {len(labels):,} events have a label outside "
            f"1..{max(PROCESSES)} ({values}), the first in row {int(outside.argmax())}"
        )
        report.problems.append(Problem("error", split, what))
    return counts


def _range_and_sum(weights: np.ndarray) -> tuple[float, float, float]:
    return float(weights.min(initial=np.inf)), float(weights.max(initial=-np.inf)), weights.sum()


def _describe_storage(dataset: h5py.Dataset) -> str:
    packed = f", {dataset.compression}" if dataset.compression else ""
    return f"{dataset.name.lstrip('/')} {dataset.dtype}{packed}"
