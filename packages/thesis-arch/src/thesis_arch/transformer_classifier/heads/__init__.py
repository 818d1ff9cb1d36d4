"""From the pooled event to logits."""

from collections.abc import Callable

from torch import nn

HEADS: dict[str, Callable[[int, int], nn.Module]] = {"linear": nn.Linear}
"""`head.type` -> builder of (dim, n_classes)."""
