"""Figures of what an embedding of object ids learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_reports.figures.evolution import Evolution, draw_evolution, evolution_data
from thesis_reports.figures.matrix import Matrix, draw_matrix, matrix_data
from thesis_reports.figures.plane import draw_plane, plane_data
from thesis_reports.interpretability import embedding_geometry as geometry
from thesis_reports.interpretability.embedding_geometry import FOLLOWED, OBJECTS
from thesis_reports.interpretability.pid_embeddings import Embedding, Pair
from thesis_reports.ranking import Metric, rank
from thesis_reports.report import Report
from thesis_reports.rounding import counted, number
from thesis_reports.sentences import short


def add_cosines(
    report: Report, pairs: Sequence[Pair], groups: Mapping[str, Sequence[Embedding]]
) -> None:
    """Cosines at the best epoch, a matrix for each setting."""
    label, group = next(iter(groups.items()))
    dimension = group[0].dimension
    alike, unlike = pairs[0], pairs[-1]
    panels = [
        _matrix(name, np.array([geometry.cosines(one.vectors) for one in members]))
        for name, members in groups.items()
    ]
    caption = "Cosine between the vectors of two kinds at the best epoch, mean ± standard "
    caption += f"deviation over seeds. {label}: most alike {alike.name}, {short(alike.cosine)}; "
    caption += f"most unlike {unlike.name}, {short(unlike.cosine)}. Random directions of "
    caption += f"dimension {dimension} scatter by {geometry.chance(dimension):.2f} (1/√d) in each "
    caption += "seed."
    report.figure(
        "cosine",
        "Which kinds are alike",
        lambda: draw_matrix(panels, quantity="cosine", scale="cosine"),
        caption,
        data=matrix_data(panels),
        wide=True,
    )


def add_change(
    report: Report, pairs: Sequence[Pair], groups: Mapping[str, Sequence[Embedding]]
) -> None:
    """What training did to the cosines, a matrix for each setting."""
    title = "What training changed"
    if any(len(one.history) < 2 for group in groups.values() for one in group):
        report.not_drawn("change", title, "A run has a single epoch.")
        return
    label = next(iter(groups))
    changes = [
        _matrix(name, np.array([one.change for one in group])) for name, group in groups.items()
    ]
    ordered = sorted(pairs, key=lambda pair: pair.change.mean)
    caption = "Cosine at the best epoch minus that after the first, in the same run: what the "
    caption += f"vectors had by then cancels. {label}: {ordered[-1].name} "
    caption += f"{short(ordered[-1].change)}, {ordered[0].name} {short(ordered[0].change)}."
    report.figure(
        "change",
        title,
        lambda: draw_matrix(changes, quantity="change of the cosine", scale="difference"),
        caption,
        data=matrix_data(changes),
        wide=True,
    )


def add_cosine_epochs(report: Report, label: str, group: Sequence[Embedding]) -> None:
    """Cosines of some pairs over epochs."""
    by_run = [
        {epoch: geometry.followed(geometry.cosines(v)) for epoch, v in one.history.items()}
        for one in group
    ]
    lines = [
        Evolution.of(name, [{epoch: of[name] for epoch, of in run.items()} for run in by_run])
        for name in FOLLOWED
    ]
    noise = geometry.chance(group[0].dimension)
    ends = "; ".join(
        f"{line.label} from {short(line.first)} to {short(line.last)}" for line in lines
    )
    caption = f"{label}: mean over {counted(len(group), 'seed')}, bands one standard deviation. "
    caption += f"{ends}. In grey what random directions scatter by in a single seed, ±{noise:.2f}."
    report.figure(
        "cosine_epochs",
        "Cosines over epochs",
        lambda: draw_evolution(lines, quantity="cosine", zone=(-noise, noise)),
        caption,
        data=evolution_data(lines),
        wide=True,
    )


def add_plane(report: Report, group: Sequence[Embedding], metric: Metric) -> None:
    """The vectors of the best run in their principal plane."""
    values = pd.Series([one.row.get(metric.column, np.nan) for one in group], dtype=float)
    ranked = rank(values, metric)
    best = group[int(ranked.index[0])] if len(ranked) else group[0]
    points, explained = geometry.principal_plane(best.vectors)
    caption = f"The vectors of {best.row['name']} at epoch {best.epoch + 1}, in the plane that "
    caption += f"shows {explained.sum():.0%} of their scatter. A single run: axes of different "
    caption += "seeds have nothing in common."
    report.figure(
        "pca",
        "Principal plane of the best run",
        lambda: draw_plane(OBJECTS, points, explained.tolist()),
        caption,
        data=plane_data(OBJECTS, points, explained.tolist()),
    )


def add_norms(report: Report, label: str, group: Sequence[Embedding]) -> None:
    """Lengths of the vectors over epochs, relative to those after the first."""

    def relative(one: Embedding, kind: int) -> dict[int, float]:
        start = max(float(geometry.norms(one.first)[kind]), 1e-12)
        return {epoch: float(geometry.norms(v)[kind]) / start for epoch, v in one.history.items()}

    lines = [
        Evolution.of(kind, [relative(one, k) for one in group]) for k, kind in enumerate(OBJECTS)
    ]
    most = max(lines, key=lambda line: abs(line.last.mean - 1))
    mean = float(np.mean([geometry.norms(one.vectors).mean() for one in group]))
    caption = (
        f"{label}: length of each kind's vector relative to that after the first epoch, mean over "
    )
    caption += f"{counted(len(group), 'seed')}, bands one standard deviation. None changed more "
    caption += f"than {most.label}, to {short(most.last)}; at the best epoch the mean length is "
    caption += f"{number(mean, 3)}."
    report.figure(
        "norms",
        "Lengths over epochs",
        lambda: draw_evolution(lines, quantity="length / length after the first epoch"),
        caption,
        data=evolution_data(lines),
        wide=True,
    )


def _matrix(title: str, matrices: NDArray[np.float64]) -> Matrix:
    """Mean and deviation over runs of matrices [n, 7, 7], the diagonal left empty."""
    values = matrices.mean(0)
    deviations = matrices.std(0, ddof=1) if len(matrices) > 1 else np.full(values.shape, np.nan)
    np.fill_diagonal(values, np.nan)
    return Matrix(title, OBJECTS, OBJECTS, values, deviations)
