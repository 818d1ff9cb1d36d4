"""What `classifier.model` and `classifier.globals` may hold (no torch: a typo is answered fast)."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from thesis_arch.strict import Section

PairwiseFeature = Literal["m2", "log_m2", "dot", "log_kt", "z", "deltaR", "deltaR_ptw"]

# What `attention_biases` may add up; each has its section in `bias_config`.
BIAS_NAMES = ("lorentz_scalar",)


class TokenizerConfig(Section):
    """`name`: identity (features and id embedding) or raw (features alone)."""

    name: Literal["identity", "raw"]
    id_embed_dim: int = Field(ge=1)


class AttentionConfig(Section):
    """`dropout` is that of the attention weights, beside the model's own."""

    type: Literal["standard"]
    dropout: float = Field(ge=0, lt=1)


class HeadConfig(Section):
    """What turns the encoded tokens into logits."""

    type: Literal["linear"]
    pooling: Literal["cls", "mean", "max"]


class LorentzScalarConfig(Section):
    """Bias from an MLP of pairwise features."""

    features: tuple[PairwiseFeature, ...] = Field(min_length=1)
    hidden_dim: int = Field(ge=1)
    per_head: bool
    sparse_gating: bool


class BiasConfig(Section):
    """One section for each bias that `attention_biases` can name."""

    lorentz_scalar: LorentzScalarConfig


class GlobalsConfig(Section):
    """`include_met`: MET and METphi become two more tokens."""

    include_met: bool


class TransformerConfig(Section):
    """`classifier.model`, joined with `norm` of the data and `globals` by the recipe."""

    name: Literal["transformer_classifier"]
    dim: int = Field(ge=1)
    depth: int = Field(ge=1)
    heads: int = Field(ge=1)
    mlp_dim: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)
    tokenizer: TokenizerConfig
    attention: AttentionConfig
    head: HeadConfig
    attention_biases: str
    bias_config: BiasConfig

    @field_validator("attention_biases")
    @classmethod
    def _known_biases(cls, value: str) -> str:
        unknown = [name for name in bias_names(value) if name not in BIAS_NAMES]
        if unknown:
            raise ValueError(f"expected none or a sum like 'a+b' of: {', '.join(BIAS_NAMES)}")
        return value

    @model_validator(mode="after")
    def _heads_divide_dim(self) -> "TransformerConfig":
        if self.dim % self.heads:
            raise ValueError(f"dim {self.dim} is not a multiple of heads {self.heads}")
        return self


class ClassifierSpec(Section):
    """All that a transformer classifier is built from; a checkpoint stores it."""

    model: TransformerConfig
    globals: GlobalsConfig
    norm: Literal["zscore", "log_zscore", "none"]


def bias_names(attention_biases: str) -> tuple[str, ...]:
    """The biases in a sum such as ``"a+b"``; none of them for ``"none"``."""
    if attention_biases == "none":
        return ()
    return tuple(part.strip() for part in attention_biases.split("+"))
