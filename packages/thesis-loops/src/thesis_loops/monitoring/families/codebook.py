"""How much of a codebook is used: epoch by epoch, and code by code."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thesis_loops.monitoring.families.family import AS_EPOCHS_GO, Family
from thesis_loops.monitoring.payload import Payload
from thesis_loops.monitoring.style import (
    COLOURS,
    QUIET,
    draw_curve,
    finish_epochs,
    new_figure,
    span_decades,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def _draw(payload: Payload) -> Figure:
    with_codes = payload.has("codes", "codebook_size")
    figure, axes = new_figure(1 + with_codes, height=3.2 + 2.4 * with_codes)
    used, perplexity = payload.curve("val_codes_used"), payload.curve("val_perplex")
    draw_curve(axes[0], used, "codes used", COLOURS[0])
    draw_curve(axes[0], perplexity, "perplexity", COLOURS[1])
    highest = np.nanmax(np.concatenate([used, perplexity]))
    if with_codes:
        size = highest = payload.array("codebook_size")
        axes[0].axhline(size, color=QUIET, linestyle=":", label="codebook size")
        _draw_shares(axes[1], payload.array("codes"), size)
    finish_epochs(axes[0])
    axes[0].set_yscale("log")
    axes[0].set_ylim(0.8, 3 * highest)
    axes[0].set_ylabel("codes (validation)")
    axes[0].legend(loc="upper left", ncols=3, borderaxespad=0.2, columnspacing=1.2)
    return figure


def _draw_shares(axes: Axes, codes: np.ndarray, size: int) -> None:
    """Share of each code among the objects, the most used one first."""
    counts = np.bincount(codes[codes >= 0], minlength=size)
    shares = np.sort(counts[counts > 0])[::-1] / max(counts.sum(), 1)
    rank = 1 + np.arange(len(shares))
    axes.plot(rank, shares, color=COLOURS[0], marker=".", label="codes, most used first")
    axes.axhline(1 / size, color=QUIET, linestyle=":", label="each equally often")
    axes.set_xscale("log")
    span_decades(axes, [1 / size, *shares])
    axes.set_xlim(0.8, 1.25 * size)
    axes.set_xlabel("rank of the code")
    axes.set_ylabel("share of the objects\n(validation, last epoch)")
    axes.legend(loc="best")


FAMILY = Family(AS_EPOCHS_GO, lambda payload: payload.knows("val_perplex"), _draw)
