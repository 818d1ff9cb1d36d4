"""Curves over epochs, put together from the long table of scalars."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from thesis_reports.figures.curves import Curve


def curves(
    epochs: pd.DataFrame, column: str, split: str, labels: Mapping[str, str]
) -> dict[str, Curve]:
    """A curve for each run that has the column in a split, by run directory.

    Facts count epochs from 0; readers, and training while it prints, from 1, and so do curves.
    Losses are looked up in all rows of an epoch: older runs wrote both losses in their
    validation rows.

    Parameters
    ----------
    epochs
        Long table with ``run_dir``, ``epoch``, ``split`` and the column.
    column
        Such as ``metric_auroc``, ``val_loss`` or ``train_loss``.
    split
        Rows to read; ignored for losses, which carry their split in the name.
    labels
        What to call each run.
    """
    if column not in epochs:
        return {}
    is_loss = column.endswith("_loss")
    rows = epochs[epochs["split"] != "test" if is_loss else epochs["split"] == split]
    rows = rows[["run_dir", "epoch", column]].dropna()
    rows = rows.drop_duplicates(["run_dir", "epoch"], keep="last").sort_values("epoch")
    return {
        str(run_dir): Curve(
            labels[str(run_dir)],
            group["epoch"].to_numpy(dtype=float) + 1,
            group[column].to_numpy(dtype=float),
        )
        for run_dir, group in rows.groupby("run_dir", sort=False)
        if np.isfinite(group[column].to_numpy(dtype=float)).any()
    }
