"""What `classifier.model` may hold for an MLP (no torch: a typo is answered fast)."""

from typing import Literal

from thesis_arch.simple.config import SimpleMLPConfig
from thesis_arch.strict import Section
from thesis_arch.transformer_classifier.config import FeatureTokenizerConfig, GlobalsConfig


class MLPConfig(SimpleMLPConfig):
    """Hidden layers, and how each object enters them: `tokenizer` is that of the transformer."""

    name: Literal["mlp_classifier"]
    tokenizer: FeatureTokenizerConfig


class MLPSpec(Section):
    """All that an MLP classifier is built from; a checkpoint stores it."""

    model: MLPConfig
    globals: GlobalsConfig
    norm: Literal["zscore", "log_zscore", "none"]
