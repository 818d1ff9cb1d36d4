"""The learning rate as a function of the step."""

import math

from thesis_facts.errors import ConfigError

from thesis_loops.engine.settings import TrainerSettings

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


def check_warmup(settings: TrainerSettings, total_steps: int) -> None:
    """Refuse a run that would end before its rate is reached."""
    if settings.warmup_steps >= total_steps:
        raise ConfigError(
            "the warm-up is longer than the run",
            key="trainer.warmup_steps",
            found=settings.warmup_steps,
            expected=f"less than its {total_steps} steps",
            do="train longer or warm up for fewer steps",
        )
