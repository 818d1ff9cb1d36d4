"""Loss of training and validation, epoch by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thesis_loops.monitoring.families.family import AS_EPOCHS_GO, Family
from thesis_loops.monitoring.payload import Payload
from thesis_loops.monitoring.style import (
    QUIET,
    TRAINING,
    VALIDATION,
    draw_curve,
    finish_epochs,
    legend_above,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(payload: Payload) -> Figure:
    figure, (axes,) = new_figure()
    train, val = payload.curve("train_loss"), payload.curve("val_loss")
    draw_curve(axes, train, "training pass", TRAINING)
    draw_curve(axes, val, "validation", VALIDATION)
    if np.isfinite(val).any():
        best = int(np.nanargmin(val))
        label = f"lowest: {val[best]:.4g} at epoch {best + 1}"
        axes.plot(best + 1, val[best], "*", color="black", markersize=10, label=label, zorder=3)
        axes.axhline(val[best], color=QUIET, linewidth=0.8, linestyle=":")
    finish_epochs(axes, [train, val])
    axes.set_ylabel("loss (mean of the events)")
    legend_above(figure, axes)
    return figure


FAMILY = Family(AS_EPOCHS_GO, lambda payload: payload.knows("train_loss", "val_loss"), _draw)
