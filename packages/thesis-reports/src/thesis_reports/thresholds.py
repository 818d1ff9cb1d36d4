"""Time that each run took to reach a value: ``thresholds.val_acc=0.8``."""

from __future__ import annotations

import operator
from difflib import get_close_matches

import pandas as pd

from thesis_facts.errors import ConfigError
from thesis_reports.config import Thresholds
from thesis_reports.elapsed import seconds_of
from thesis_reports.ranking import metric_named

_SPLITS = ("train", "val", "test")
_COMPARE = {"le": operator.le, "ge": operator.ge}
_SIGNS = {"le": "≤", "ge": "≥"}


def times_to_thresholds(epochs: pd.DataFrame, thresholds: Thresholds) -> pd.DataFrame:
    """Seconds until each run first reaches each threshold; NaN where it never does.

    Times count whole epochs from the start of training, as the facts record them.

    Returns
    -------
    DataFrame
        Indexed by ``run_dir``, a column per threshold, named as in ``time to val_acc ≥ 0.8 (s)``.
    """
    times = {}
    for name, target in thresholds.targets().items():
        split, metric = _split_and_metric(name, thresholds.split)
        known = metric_named(metric)
        column = f"{split}_loss" if metric == "loss" else known.per_epoch
        if column not in epochs:
            raise _unknown(name, epochs)
        comparison = thresholds.comparison or ("ge" if known.higher_is_better else "le")
        rows = epochs[epochs["split"] == split]
        reached = rows[_COMPARE[comparison](rows[column], target)]
        first = reached.groupby("run_dir")["epoch"].min()
        label = f"time to {split}_{metric} {_SIGNS[comparison]} {target:g} (s)"
        times[label] = _elapsed(epochs, first)
    return pd.DataFrame(times)


def _elapsed(epochs: pd.DataFrame, until: pd.Series) -> pd.Series:
    """Seconds of training up to and including an epoch of each run."""
    at = pd.MultiIndex.from_arrays([until.index, until.to_numpy()])
    return pd.Series(seconds_of(epochs).reindex(at).to_numpy(), index=until.index)


def _split_and_metric(name: str, default: str) -> tuple[str, str]:
    head, _, rest = name.partition("_")
    return (head, rest) if head in _SPLITS and rest else (default, name)


def _unknown(name: str, epochs: pd.DataFrame) -> ConfigError:
    metrics = [c.removeprefix("metric_") for c in epochs.columns if c.startswith("metric_")]
    known = [f"val_{metric}" for metric in metrics] + ["val_loss", "comparison", "split"]
    near = get_close_matches(name, known, n=1)
    return ConfigError(
        "no run has this metric",
        key=f"thresholds.{name}",
        do=f"did you mean thresholds.{near[0]}?" if near else f"known: {', '.join(known)}",
    )
