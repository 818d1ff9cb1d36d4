"""Which class is taken for which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_facts.metrics.sample import effective_events
from thesis_reports.figures.style import HEIGHT, WIDTH, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_LONGEST_LABEL = 16


def confusion_data(
    labels: NDArray[np.integer],
    chosen: NDArray[np.integer],
    weights: NDArray,
    class_names: tuple[str, ...],
) -> pd.DataFrame:
    """Fraction of each true class that is given to each class: a row per pair.

    Parameters
    ----------
    labels, chosen, weights : [N]

    Returns
    -------
    DataFrame
        ``true``, ``predicted``, ``fraction`` (NaN where the class has no events), ``uncertainty``
        (of the events), ``n_effective`` of the true class.
    """
    rows = []
    for which, true in enumerate(class_names):
        of_class = weights[labels == which]
        total, n_effective = of_class.sum(), effective_events(of_class)
        given = chosen[labels == which]
        for other, predicted in enumerate(class_names):
            fraction, error = np.nan, np.nan
            if total > 0:
                is_given = given == other
                fraction = of_class[is_given].sum() / total
                error = np.sqrt(np.square(of_class * (is_given - fraction)).sum()) / total
            rows.append((true, predicted, fraction, error, n_effective))
    columns = ["true", "predicted", "fraction", "uncertainty", "n_effective"]
    return pd.DataFrame(rows, columns=columns)


def draw_confusion(data: pd.DataFrame) -> Figure:
    """A field per pair, in per cent of the true class; rows sum to 100."""
    names = list(data["true"].unique())
    n = len(names)
    values = data["fraction"].to_numpy().reshape(n, n)
    errors = data["uncertainty"].to_numpy().reshape(n, n)
    figure, axes = new_figure(WIDTH, max(HEIGHT, 0.62 * n + 1.0))
    axes.imshow(np.ma.masked_invalid(values), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, column in np.ndindex(n, n):
        text, value = "–", float(values[row, column])
        if np.isfinite(value):
            text = f"{100 * value:.1f}\n± {100 * errors[row, column]:.1f}"
        axes.text(
            column, row, text, ha="center", va="center", fontsize=9.5,
            color="white" if value > 0.55 else "black",
        )  # fmt: skip
    labels = [plain(name, _LONGEST_LABEL) for name in names]
    is_long = max(len(label) for label in labels) * n > 50
    axes.set_xticks(range(n), labels, rotation=20 if is_long else 0)
    axes.set_yticks(range(n), labels)
    axes.tick_params(which="both", length=0)
    axes.minorticks_off()
    axes.set_xlabel("predicted class (per cent of the true class)")
    axes.set_ylabel("true class")
    return figure
