"""Which metric ranks the runs, always on the validation split, and which run it puts first."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

import pandas as pd

from thesis_facts.errors import ConfigError

LABELS = {"acc": "accuracy", "auroc": "AUROC", "f1": "F1", "loss": "loss"}
_PREFERRED = ("auroc", "acc", "loss")
_LOWER_IS_BETTER = (
    "loss", "mse", "mae", "error", "perplex", "brier", "time",
    "rec_", "reconstruction", "ids", "denois", "codebook", "surprise",  # of autoencoders
)  # fmt: skip


@dataclass(frozen=True)
class Metric:
    """A number that ranks runs.

    Attributes
    ----------
    name
        As the loop reports it, such as ``auroc``.
    label
        As figures and tables show it.
    column
        Column of the runs table with the validation value at the best epoch.
    per_epoch
        Column of the long table of epochs.
    higher_is_better
        Direction in which the metric improves.
    """

    name: str
    label: str
    column: str
    per_epoch: str
    higher_is_better: bool


def metric_named(name: str) -> Metric:
    """The metric of that name, whether or not a run has it."""
    is_loss = name == "loss"
    return Metric(
        name=name,
        label=LABELS.get(name, name),
        column="loss.total_best" if is_loss else f"metric_{name}_best",
        per_epoch="val_loss" if is_loss else f"metric_{name}",
        higher_is_better=not any(word in name for word in _LOWER_IS_BETTER),
    )


def choose_metric(runs: pd.DataFrame, wanted: str | None = None) -> Metric:
    """The metric that is asked for, or else the first of AUROC, accuracy and loss at hand.

    Raises
    ------
    ConfigError
        Where no run has the metric that is asked for.
    """
    at_hand = _names_at_hand(runs)
    if wanted is None:
        return metric_named(next((name for name in _PREFERRED if name in at_hand), "loss"))
    if wanted not in at_hand:
        near = get_close_matches(wanted, at_hand, n=1)
        raise ConfigError(
            "no run has this metric",
            key="rank_by",
            found=repr(wanted),
            expected=f"one of {', '.join(at_hand)}" if at_hand else "a run with metrics",
            do=f"did you mean {near[0]}?" if near else None,
        )
    return metric_named(wanted)


def rank(values: pd.Series, metric: Metric) -> pd.Series:
    """The values that are known, best first; equal ones keep their order."""
    return values.dropna().sort_values(ascending=not metric.higher_is_better, kind="stable")


def _names_at_hand(runs: pd.DataFrame) -> list[str]:
    known = [c for c in runs.columns if isinstance(c, str) and runs[c].notna().any()]
    names = [c[len("metric_") : -len("_best")] for c in known if _is_metric(c)]
    return [*names, *(["loss"] if "loss.total_best" in known else [])]


def _is_metric(column: str) -> bool:
    is_one = column.startswith("metric_") and column.endswith("_best")
    return is_one and not column.endswith("_uncertainty_best")
