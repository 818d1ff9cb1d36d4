"""Metrics of training and validation, epoch by epoch, a panel each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thesis_loops.monitoring.families.family import AS_EPOCHS_GO, Family
from thesis_loops.monitoring.payload import Payload
from thesis_loops.monitoring.style import (
    TRAINING,
    VALIDATION,
    draw_curve,
    finish_epochs,
    legend_above,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Errors of reconstructions are squares in units in which each number has width 1: a constant
# guess has about 1.
_LABELS = {
    "auroc": "AUROC",
    "acc": "accuracy",
    "f1": "F1",
    "rec_tokens": "error of momenta",
    "ids": "cross-entropy of ids",
    "rec_globals": "error of MET",
    "codebook": "distance to the code",
    "denoising": "error of denoising",
    "denoising_ids": "error of denoising, ids",
}
_SHARES = {"auroc", "acc", "f1"}  # between 0 and 1, never on a logarithmic scale
_ELSEWHERE = {"loss", "perplex", "codes_used"}  # in pictures of their own
_PANEL_HEIGHT = 2.1


def _names(payload: Payload) -> list[str]:
    known = [name.removeprefix("val_") for name in payload.histories if name.startswith("val_")]
    return sorted(n for n in known if n not in _ELSEWHERE and payload.knows(f"val_{n}"))


def _draw(payload: Payload) -> Figure:
    names = _names(payload)
    columns = min(len(names), 2)
    rows = -(-len(names) // columns)
    figure, axes = new_figure(rows, columns, height=0.6 + _PANEL_HEIGHT * rows)
    for name, panel in zip(names, axes, strict=False):
        train, val = payload.curve(f"train_{name}"), payload.curve(f"val_{name}")
        draw_curve(panel, train, "training pass", TRAINING)
        draw_curve(panel, val, "validation", VALIDATION)
        finish_epochs(panel, () if name in _SHARES else [train, val])
        panel.set_ylabel(_LABELS.get(name, name.replace("_", " ")))
    if len(names) < len(axes):
        axes[-1].set_axis_off()
        axes[-1].legend(*axes[0].get_legend_handles_labels(), loc="center")
    else:
        legend_above(figure, axes[0])
    return figure


FAMILY = Family(AS_EPOCHS_GO, lambda payload: bool(_names(payload)), _draw)
