"""An evaluation as text for a terminal: working points with their uncertainties, gap and cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from thesis_facts.text_table import estimated, shown, text_table

_COLUMNS = {
    "AUROC": "auroc",
    "1/eps_B at eps_S = 0.3": "rejection_at_0.3",
    "at 0.5": "rejection_at_0.5",
    "at 0.7": "rejection_at_0.7",
    "eps_S at 1/eps_B = 100": "efficiency_at_rejection_100",
}


def evaluation_text(evaluation: Mapping[str, Any]) -> str:
    """The test split, the signal against each background; then the gap, the cost, the weights."""
    test = evaluation["splits"]["test"]
    signal = evaluation["task"]["signal"]
    if test["against"] is None:
        rows = {"all classes": {"n_events": test["n_events"], **test["metrics"]}}
        title = f"test: {test['n_events']:,} events"
    else:
        rows = test["against"]
        title = f"test: {signal} against each background"
    table = text_table(
        ["against", "events", *_COLUMNS],
        [(name, numbers["n_events"], *_cells(numbers)) for name, numbers in rows.items()],
    )
    return "\n".join([title, table, *_last_lines(evaluation)])


def _cells(numbers: Mapping[str, Any]) -> Iterator[str]:
    for key in _COLUMNS.values():
        limit = numbers.get(f"{key}_lower_limit")
        if limit is not None:
            yield f"over {shown(limit)} (95 %)"
        else:
            yield estimated(numbers.get(key), numbers.get(f"{key}_uncertainty"))


def _last_lines(evaluation: Mapping[str, Any]) -> Iterator[str]:
    metrics = evaluation["splits"]["test"]["metrics"]
    names = {"log-loss": "log_loss", "Brier": "brier", "calibration error": "calibration_error"}
    yield ", ".join(
        f"{name} {estimated(metrics[key], metrics[f'{key}_uncertainty'])}"
        for name, key in names.items()
    )
    gap = evaluation["gap"]
    if gap is not None:
        loss = estimated(gap["log_loss"], gap["log_loss_uncertainty"])
        area = estimated(gap["auroc"], gap["auroc_uncertainty"])
        yield f"better on training events by: log-loss {loss}, AUROC {area}"
    cost = evaluation["cost"]
    if cost is not None:
        latency = ", ".join(
            f"{shown(taken['median_ms'])} ms for {size}" for size, taken in cost["latency"].items()
        )
        flops = cost["flops_per_event"]
        counted = "" if flops is None else f"; {shown(flops / 1e6)} MFLOP an event"
        yield f"scoring on {cost['device_name']}: {latency} events{counted}"
    checkpoint = evaluation["checkpoint"]
    if checkpoint is not None:
        sha256 = str(checkpoint["sha256"])[:12]
        yield f"weights: {checkpoint['path']} of epoch {checkpoint['epoch']}, SHA-256 {sha256}…"
