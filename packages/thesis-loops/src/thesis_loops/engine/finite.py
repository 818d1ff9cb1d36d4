"""Numbers that are none: found before they reach the weights, or the disk."""

import math
from typing import Any

import torch
from torch import Tensor

from thesis_facts.errors import ThesisError


class NonFiniteError(ThesisError):
    """A loss, or what was trained by one, became NaN or infinite."""


def check_loss(loss: Tensor, batch: Any, what: str, where: str) -> None:
    """Check the loss of one batch, and ask the batch where it came from if it is not finite.

    Parameters
    ----------
    loss : Tensor
        Scalar.
    batch : Any
        Says in `non_finite() -> str | None` which of its inputs is not finite.
    what, where : str
        For the message: which loss, and the position in the training.

    Raises
    ------
    NonFiniteError
        Names the position, and the input or that inputs were finite.
    """
    value = float(loss.detach())
    if math.isfinite(value):
        return
    spoiled = batch.non_finite()
    if spoiled is not None:
        cause, do = f"not finite in the data: {spoiled}", "look with `thesis-data validate`"
    else:
        cause, do = "all inputs of this batch are finite", "lower lr or grad_clip"
    raise NonFiniteError(f"the {what} loss is not finite ({cause})", key=where, found=value, do=do)


def check_state(state: dict[str, Any], where: str) -> None:
    """Check what is about to be saved: a checkpoint that can't train on is worse than none.

    Raises
    ------
    NonFiniteError
        Names the first tensor that is not finite.
    """
    name = _first_non_finite(state, "")
    if name is not None:
        raise NonFiniteError(
            f"{name} is not finite, so this state is not saved",
            key=where,
            do="lower lr or grad_clip, and go on from the checkpoint before",
        )


def _first_non_finite(value: Any, name: str) -> str | None:
    if isinstance(value, Tensor):
        bad = value.is_floating_point() and not bool(torch.isfinite(value).all())
        return name if bad else None
    if not isinstance(value, dict):
        return None
    inner = (_first_non_finite(v, f"{name}.{k}" if name else str(k)) for k, v in value.items())
    return next((found for found in inner if found is not None), None)
