"""What `classifier.model` may hold for an MLP (no torch: a typo is answered fast)."""

from typing import Literal

from pydantic import field_validator

from thesis_arch.simple.config import SimpleMLPConfig
from thesis_arch.strict import Section
from thesis_arch.transformer_classifier.config import GlobalsConfig, TokenizerConfig


class MLPConfig(SimpleMLPConfig):
    """Hidden layers, and how each object enters them: `tokenizer` is that of the transformer."""

    name: Literal["mlp_classifier"]
    tokenizer: TokenizerConfig

    @field_validator("tokenizer")
    @classmethod
    def _has_features(cls, value: TokenizerConfig) -> TokenizerConfig:
        if value.name not in ("identity", "raw"):
            raise ValueError(
                f"an MLP reads features: found {value.name!r}, but expected identity or raw"
            )
        return value


class MLPSpec(Section):
    """All that an MLP classifier is built from; a checkpoint stores it."""

    model: MLPConfig
    globals: GlobalsConfig
    norm: Literal["zscore", "log_zscore", "none"]
