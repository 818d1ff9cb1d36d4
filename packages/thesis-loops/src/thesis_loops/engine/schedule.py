"""The learning rate as a function of the step."""

import logging
import math

from thesis_loops.engine.settings import TrainerSettings

log = logging.getLogger("thesis_loops")

_WARMUP_START = 0.1  # fraction of lr at the first step


def learning_rate(step: int, settings: TrainerSettings, total_steps: int) -> float:
    """Rate of step `step` (from 0) out of `total_steps`."""
    warmup = settings.warmup_steps
    if step < warmup:
        return settings.lr * (_WARMUP_START + (1 - _WARMUP_START) * step / warmup)
    if settings.lr_schedule == "constant":
        return settings.lr
    progress = (step - warmup) / max(total_steps - warmup, 1)
    if settings.lr_schedule == "linear":
        return settings.lr * (1 - progress)
    return settings.lr * 0.5 * (1 + math.cos(math.pi * progress))


def fitting_warmup(settings: TrainerSettings, total_steps: int) -> TrainerSettings:
    """The same settings; a warm-up as long as the run is cut to a tenth of it, with a warning."""
    if settings.warmup_steps < total_steps:
        return settings
    cut = total_steps // 10
    log.warning(
        f"trainer.warmup_steps: {settings.warmup_steps} steps are not less than the {total_steps} "
        f"steps of this run; warming up for {cut}"
    )
    return settings.model_copy(update={"warmup_steps": cut})
