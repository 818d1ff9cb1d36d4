"""What it costs to score events with a trained model: time of a batch, operations of an event."""

import platform
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from thesis_data.events import EventBatch, EventSplit
from thesis_loops.engine.numerics import Numerics

BATCH_SIZES = (1, 64, 512)

_MOST_REPEATS = 20
_SECONDS = 0.25  # for each batch size, after which no further repeat begins

Scored = Callable[[EventBatch], Any]


def scoring_cost(score: Scored, events: EventSplit, numerics: Numerics) -> dict[str, Any]:
    """Latency of batches and operations of an event, in about a second.

    Parameters
    ----------
    score : callable
        Batch on the device of the run -> tensors by name.
    events : EventSplit
        Real events to score; fewer than a batch needs come more than once.

    Returns
    -------
    dict
        How it computes (`Numerics.describe`) and ``device_name``; ``latency`` by batch size, from
        events in memory to logits in memory: ``median_ms``, ``low_ms`` and ``high_ms`` (16 and 84
        per cent of the ``repeats`` lie below); ``flops_per_event``.
    """
    with numerics.autocast():
        return {
            **numerics.describe(),
            "device_name": _device_name(numerics.device),
            "latency": {
                str(size): _latency(score, _batch(events, size), numerics.device)
                for size in BATCH_SIZES
            },
            "flops_per_event": _flops_per_event(score, events, numerics.device),
        }


def _latency(score: Scored, batch: EventBatch, device: torch.device) -> dict[str, Any]:
    def seconds() -> float:
        begun = time.perf_counter()
        score(batch.to(device))["logits"].cpu()  # which waits for the device
        return time.perf_counter() - begun

    seconds()  # kernels may be made for a new shape
    taken = [seconds()]
    while len(taken) < _MOST_REPEATS and sum(taken) < _SECONDS:
        taken.append(seconds())
    low, median, high = np.percentile(1e3 * np.array(taken), (16, 50, 84))
    return {
        "median_ms": float(median),
        "low_ms": float(low),
        "high_ms": float(high),
        "repeats": len(taken),
    }


class _FlopCounter(TorchDispatchMode):
    """Adds up the operations of matrix products by torch's formulas for them.

    As torch's own `FlopCounterMode` does, which however imports the compiler first: four seconds.
    """

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        formula = flop_registry.get(getattr(func, "_overloadpacket", None))
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=result)
        return result


def _flops_per_event(score: Scored, events: EventSplit, device: torch.device) -> float | None:
    """Operations of matrix products (two for a multiplication with its addition), a mean over
    real events; None where the model has none or they can't be seen, as those of trees."""
    batch = _batch(events, min(len(events), max(BATCH_SIZES))).to(device)
    with _FlopCounter() as counter:
        score(batch)
    return counter.total / len(batch) or None


def _batch(events: EventSplit, size: int) -> EventBatch:
    return events.select(torch.arange(size) % len(events), trim=True)


def _device_name(device: torch.device) -> str:
    """Of the GPU, or of the processor where the system tells."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    with suppress(OSError), open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
