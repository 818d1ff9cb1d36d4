"""The game of an autoencoder and its discriminator, epoch by epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thesis_loops.monitoring.families.family import AS_EPOCHS_GO, Family
from thesis_loops.monitoring.payload import Payload
from thesis_loops.monitoring.style import (
    COLOURS,
    QUIET,
    draw_curve,
    finish_epochs,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(payload: Payload) -> Figure:
    figure, axes = new_figure(3, height=6.6, sharex=True)
    losses, logits, pull = axes
    of_truth, of_found = (
        payload.curve("train_logit_true"),
        payload.curve("train_logit_reconstructed"),
    )
    draw_curve(losses, payload.curve("train_hinge"), "discriminator", COLOURS[1])
    draw_curve(losses, -of_found, "autoencoder", COLOURS[0])
    losses.axhline(2, color=QUIET, linewidth=0.8, linestyle=":", label="nothing is told apart")
    losses.set_ylabel("loss in the game\n(hinge, - logit)")
    draw_curve(logits, of_truth, "events", COLOURS[2])
    draw_curve(logits, of_found, "reconstructions", COLOURS[3])
    logits.set_ylabel("mean logit of\nthe discriminator")
    strength = payload.curve("train_pull")
    draw_curve(pull, strength, "adaptive weight", COLOURS[5])
    pull.set_ylabel("adaptive weight\nof the game")
    finish_epochs(losses)
    finish_epochs(logits)
    finish_epochs(pull, [strength])
    for panel in (losses, logits):
        panel.legend(loc="best")
        panel.label_outer()
    return figure


FAMILY = Family(AS_EPOCHS_GO, lambda payload: payload.knows("train_logit_reconstructed"), _draw)
