"""From the pooled event to logits."""

from collections.abc import Callable

from torch import nn

from thesis_arch.transformer_classifier.heads.choice import build_head

HEADS: dict[str, Callable[[int, int], nn.Module]] = {"linear": nn.Linear}
"""`head.type` -> builder of (dim, n_classes)."""

__all__ = ["HEADS", "build_head"]
