"""How tokens of an event look at one another."""

from thesis_arch.transformer_classifier.attention.standard import StandardAttention

ATTENTIONS = {"standard": StandardAttention}
"""`attention.type` -> class of (dim, heads, dropout)."""
