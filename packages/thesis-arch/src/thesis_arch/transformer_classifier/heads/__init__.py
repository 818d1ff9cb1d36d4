"""From the pooled event to logits."""

from thesis_arch.transformer_classifier.heads.choice import build_head

__all__ = ["build_head"]
