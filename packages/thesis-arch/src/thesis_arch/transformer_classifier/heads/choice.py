"""Which head a model has."""

from torch import nn

from thesis_arch.kan.layer import KanLinear
from thesis_arch.mixture_of_experts import build_mixture
from thesis_arch.transformer_classifier.config import TransformerConfig


def build_head(config: TransformerConfig, n_classes: int) -> nn.Module:
    """The head: pooled events [B, D] -> logits [B, C].

    Experts, asked for by `head.type` or by `moe.scope`, come before KANs.
    """
    if config.head.type == "moe" or (config.moe.enabled and config.moe.scope == "head"):
        return build_mixture(config.dim, lambda: nn.Linear(config.dim, n_classes), config.moe)
    if config.head.type == "kan":
        return KanLinear(config.dim, n_classes, config.kan)
    return nn.Linear(config.dim, n_classes)
