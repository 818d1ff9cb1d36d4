"""How tokens of an event look at one another."""

from thesis_arch.transformer_classifier.attention.differential import DifferentialAttention
from thesis_arch.transformer_classifier.attention.standard import StandardAttention

ATTENTIONS = {"standard": StandardAttention, "differential": DifferentialAttention}
"""`attention.type` -> class of (config, layer)."""
