"""What physics adds to the attention logits: a sum of biases over shared pairwise features."""

from thesis_arch.transformer_classifier.attention_biases.bias_sum import AttentionBias, PhysicsBias

__all__ = ["AttentionBias", "PhysicsBias"]
