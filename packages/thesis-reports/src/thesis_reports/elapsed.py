"""How long runs had trained when: seconds in place of epochs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from thesis_reports.figures.curves import Curve
from thesis_reports.histories import curves


def seconds_of(epochs: pd.DataFrame) -> pd.Series:
    """Seconds of training up to the end of each epoch of each run.

    Times are those that training passes took, without validation. From the first epoch on whose
    time is unknown they are NaN.

    Parameters
    ----------
    epochs
        Long table with ``run_dir``, ``epoch`` (from 0), ``split`` and ``epoch_time_s``.

    Returns
    -------
    Series
        Indexed by ``run_dir`` and ``epoch``.
    """
    index = ["run_dir", "epoch"]
    if "epoch_time_s" not in epochs:
        return pd.Series(dtype=float, index=pd.MultiIndex.from_arrays([[], []], names=index))
    rows = epochs[epochs["split"] != "test"]
    # rows of one epoch repeat its time
    per_epoch = rows.groupby(index)["epoch_time_s"].max().astype(float)
    known = per_epoch.where(per_epoch > 0)
    total = known.groupby(level="run_dir").cumsum()
    is_known = known.notna().astype(int).groupby(level="run_dir").cummin()
    return total.where(is_known == 1)


def training_seconds(epochs: pd.DataFrame) -> pd.Series:
    """Seconds that each run trained, by ``run_dir``; NaN where the time of an epoch is unknown."""
    return seconds_of(epochs).groupby(level="run_dir").tail(1).droplevel("epoch")


def times_of(
    epochs: pd.DataFrame, column: str, split: str, labels: Mapping[str, str]
) -> dict[str, Curve]:
    """As `thesis_reports.histories.curves`, with seconds of training in place of epochs.

    Epochs whose time is unknown are left out, and so are runs that have none other.
    """
    seconds = seconds_of(epochs)
    of_run = {run: times.droplevel("run_dir") for run, times in seconds.groupby(level="run_dir")}
    found = {}
    for run, curve in curves(epochs, column, split, labels).items():
        times = of_run.get(run)
        if times is None:
            continue
        at = times.reindex(curve.epochs - 1).to_numpy(dtype=float)
        known = np.isfinite(at)
        if np.isfinite(curve.values[known]).any():
            found[run] = Curve(curve.label, at[known], curve.values[known])
    return found
