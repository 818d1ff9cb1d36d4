"""Which class is taken for which."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from thesis_facts.metrics import confusion_matrix
from thesis_loops.monitoring.families.classified import Classified, has_events
from thesis_loops.monitoring.families.family import OF_EVENTS, Family
from thesis_loops.monitoring.payload import Payload
from thesis_loops.monitoring.style import HEIGHT, new_figure, plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(payload: Payload) -> Figure:
    events = Classified.of(payload)
    n_classes = len(events.names)
    weight = confusion_matrix(events.logits, events.labels, events.weights)
    total = weight.sum(axis=1, keepdims=True)
    shares = np.divide(weight, total, out=np.full_like(weight, np.nan), where=total > 0)
    figure, (axes,) = new_figure(height=max(HEIGHT, 0.6 * n_classes + 1.2))
    axes.imshow(np.ma.masked_invalid(shares), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for true, chosen in np.ndindex(shares.shape):
        share = float(shares[true, chosen])
        text = f"{100 * share:.1f} %" if np.isfinite(share) else "–"
        colour = "white" if share > 0.55 else "black"
        axes.text(chosen, true, text, ha="center", va="center", color=colour)
    names = [plain(name) for name in events.names]
    counts = np.bincount(events.labels, minlength=n_classes)
    is_long = sum(map(len, names)) > 40
    axes.set_xticks(range(n_classes), names, rotation=20 if is_long else 0)
    axes.set_yticks(range(n_classes), [f"{n}\n({c:,})" for n, c in zip(names, counts, strict=True)])
    axes.tick_params(length=0)
    axes.grid(visible=False)
    axes.set_xlabel("chosen class (per cent of the true one)")
    axes.set_ylabel("true class (number of events)")
    return figure


FAMILY = Family(OF_EVENTS, has_events, _draw)
