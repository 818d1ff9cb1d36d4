"""What an epoch takes: seconds, time of an event, memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thesis_loops.monitoring.families.family import AS_EPOCHS_GO, Family
from thesis_loops.monitoring.payload import Payload
from thesis_loops.monitoring.style import COLOURS, QUIET, draw_curve, finish_epochs, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(payload: Payload) -> Figure:
    figure, axes = new_figure(3, height=5.4, sharex=True)
    throughput = payload.curve("throughput")
    per_event = 1e6 / np.where(throughput > 0, throughput, np.nan)
    shown = {
        "training\npass (s)": payload.curve("epoch_time_s"),
        "time of a\ntraining event (µs)": per_event,
        "largest memory\nso far (GiB)": payload.curve("max_memory_mib") / 1024,
    }
    for (label, values), panel, colour in zip(shown.items(), axes, COLOURS, strict=False):
        draw_curve(panel, values, label, colour)
        panel.set_ylabel(label)
        finish_epochs(panel, [values])
        panel.label_outer()
        known = values[np.isfinite(values)]
        if len(known):
            line = panel.axhline(np.median(known), color=QUIET, linewidth=0.8, linestyle=":")
            if panel is axes[0]:
                panel.legend([line], ["median"], loc="lower right")
            if panel.get_yscale() == "linear" and known.max() > 0:
                panel.set_ylim(0, 1.25 * known.max())
    return figure


FAMILY = Family(AS_EPOCHS_GO, lambda payload: payload.knows("epoch_time_s"), _draw)
