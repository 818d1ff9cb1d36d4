"""What `classifier.model` and `classifier.globals` may hold (no torch: a typo is answered fast)."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from thesis_arch.autoencoder.config import TrainedAutoencoder
from thesis_arch.kan.config import KanConfig
from thesis_arch.strict import Section
from thesis_arch.transformer_classifier.bias_config import BiasConfig, bias_names

DimName = Literal["all", "id", "continuous", "E", "Pt", "eta", "phi"]


class IdOptions(Section):
    """How an object shows its id.

    Attributes
    ----------
    id_embed_dim : int
        Size of the id embedding; one_hot has its own.
    pid_mode : str
        How identity shows the id: a learned embedding, one column for each id, or a random
        embedding that stays as it starts.
    """

    id_embed_dim: int = Field(ge=1)
    pid_mode: Literal["learned", "one_hot", "fixed_random"]


class FeatureTokenizerConfig(IdOptions):
    """What an object becomes: `name` is identity (features and id) or raw (features alone)."""

    name: Literal["identity", "raw"]


class TokenizerConfig(IdOptions):
    """What an object becomes: also a token of a vocabulary, or of a trained autoencoder.

    Attributes
    ----------
    name : str
        identity (features and id), raw (features alone), binned (one vocabulary token) or
        pretrained (what an autoencoder keeps).
    checkpoint_path : str or None
        Of the autoencoder.
    checkpoint_path_5vec, checkpoint_path_4vec : str or None
        In its place, one for events with energies and one for events without.
    model_type : str
        vq (one code for each object) or ae (numbers without a codebook).
    codes : str
        Of vq: the vectors of the codebook, or indices, whose vectors are learned anew.
    """

    name: Literal["identity", "raw", "binned", "pretrained"]
    checkpoint_path: str | None
    checkpoint_path_5vec: str | None
    checkpoint_path_4vec: str | None
    model_type: Literal["vq", "ae"]
    codes: Literal["vectors", "indices"]

    def path(self, *, has_energy: bool) -> str | None:
        """The checkpoint for events with or without energies."""
        of_kind = self.checkpoint_path_5vec if has_energy else self.checkpoint_path_4vec
        return self.checkpoint_path or of_kind


class NormConfig(Section):
    """Where norms stand (pre, post, or normformer's additional ones), and which."""

    policy: Literal["pre", "post", "normformer"]
    type: Literal["layernorm", "rmsnorm"]


class RotaryConfig(Section):
    """`base`: the slowest angle turns by about 1/base a position."""

    base: float = Field(gt=1)


class AttentionConfig(Section):
    """How tokens look at one another.

    Attributes
    ----------
    dropout : float
        Of the attention weights, beside the model's own.
    norm : str
        Norm of the result of each head.
    diff_bias_mode : str
        Which branch of differential attention biases act on: shared (both), split (lorentz_scalar
        has one MLP for each), none.
    """

    type: Literal["standard", "differential"]
    dropout: float = Field(ge=0, lt=1)
    norm: Literal["none", "layernorm", "rmsnorm"]
    diff_bias_mode: Literal["shared", "none", "split"]


class KanFeedForwardConfig(Section):
    """Which layers are KANs; `bottleneck_dim` null is mlp_dim // 4."""

    variant: Literal["hybrid", "bottleneck", "pure"]
    bottleneck_dim: int | None = Field(ge=1)


class FeedForwardConfig(Section):
    """What happens to each token by itself."""

    type: Literal["standard", "kan"]
    kan: KanFeedForwardConfig


class MoeConfig(Section):
    """Experts in the place of feed-forward layers, or of the head.

    Attributes
    ----------
    top_k : int
        Experts that work on a token.
    routing_level : str
        Each token chooses, or all tokens of an event together.
    scope : str
        Which layers have experts; middle_blocks are the max(1, depth // 3) in the middle, none
        where depth is 2 or less.
    load_balance_loss_weight : float
        Factor of the penalty on unequal use, in the training loss.
    noisy_gating : bool
        Learned noise on the choice, while training.
    """

    enabled: bool
    num_experts: int = Field(ge=1)
    top_k: int = Field(ge=1)
    routing_level: Literal["token", "event"]
    scope: Literal["all_blocks", "middle_blocks", "head"]
    load_balance_loss_weight: float = Field(ge=0)
    noisy_gating: bool

    @model_validator(mode="after")
    def _enough_experts(self) -> "MoeConfig":
        if self.top_k > self.num_experts:
            raise ValueError(f"top_k {self.top_k} is more than num_experts {self.num_experts}")
        return self


class NodewiseMassConfig(Section):
    """Invariant masses of each object's closest neighbours, added to its embedding."""

    enabled: bool
    k_values: tuple[int, ...] = Field(min_length=1)
    hidden_dim: int = Field(ge=1)

    @field_validator("k_values")
    @classmethod
    def _sensible(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if min(value) < 1 or len(set(value)) < len(value):
            raise ValueError(f"expected different numbers of neighbours from 1 on: {list(value)}")
        return value


class MiaConfig(Section):
    """More-interaction attention: blocks in which pairwise features alone mix the tokens.

    Attributes
    ----------
    interaction_dim : int
        Channels of the embedded pairs, each a head of these blocks.
    reduction_dim : int or None
        Biases of the encoder; null, or as many as it has heads.
    placement : str
        Before the encoder's blocks, after them, or between them.
    """

    enabled: bool
    num_blocks: int = Field(ge=1)
    interaction_dim: int = Field(ge=1)
    reduction_dim: int | None
    dropout: float = Field(ge=0, lt=1)
    placement: Literal["prepend", "append", "interleave"]


class HeadConfig(Section):
    """What turns the encoded tokens into logits."""

    type: Literal["linear", "kan", "moe"]
    pooling: Literal["cls", "mean", "max"]


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
    causal_attention: bool
    tokenizer: TokenizerConfig
    positional: Literal["none", "sinusoidal", "learned", "rotary"]
    positional_space: Literal["model", "token"]
    positional_dim_mask: tuple[DimName, ...] | None
    rotary: RotaryConfig
    norm: NormConfig
    attention: AttentionConfig
    ffn: FeedForwardConfig
    kan: KanConfig
    moe: MoeConfig
    head: HeadConfig
    attention_biases: str
    bias_config: BiasConfig
    nodewise_mass: NodewiseMassConfig
    mia_blocks: MiaConfig

    @property
    def head_dim(self) -> int:
        """Channels of a head."""
        return self.dim // self.heads

    @property
    def biases(self) -> tuple[str, ...]:
        """Names of the attention biases that act."""
        differential = self.attention.type == "differential"
        left_out = differential and self.attention.diff_bias_mode == "none"
        return () if left_out else bias_names(self.attention_biases)

    @property
    def branches(self) -> int:
        """Softmaxes of each head."""
        return 2 if self.attention.type == "differential" else 1

    @property
    def splits_lorentz_scalar(self) -> bool:
        """Whether each branch has its own bias of pairwise features."""
        return self.branches == 2 and self.attention.diff_bias_mode == "split"

    @field_validator("attention_biases")
    @classmethod
    def _known_biases(cls, value: str) -> str:
        bias_names(value)
        return value

    @model_validator(mode="after")
    def _heads_fit(self) -> "TransformerConfig":
        if self.dim % self.heads:
            raise ValueError(f"dim {self.dim} is not a multiple of heads {self.heads}")
        asked = {
            "attention.type=differential": self.branches == 2,
            "positional=rotary": self.positional == "rotary",
        }
        for what, is_asked in asked.items():
            if is_asked and self.head_dim % 2:
                raise ValueError(
                    f"{what} halves each head, but dim {self.dim} / heads {self.heads} = "
                    f"{self.head_dim} is odd"
                )
        if self.branches == 2 and self.positional == "rotary" and self.head_dim % 4:
            raise ValueError(
                "attention.type=differential with positional=rotary quarters each head, but dim "
                f"{self.dim} / heads {self.heads} = {self.head_dim} is not a multiple of 4"
            )
        return self

    @model_validator(mode="after")
    def _positions_fit(self) -> "TransformerConfig":
        added = self.positional in ("sinusoidal", "learned")
        if added and self.positional_dim_mask is not None and self.positional_space == "model":
            raise ValueError(
                "positional_dim_mask picks features of a token, which only "
                "positional_space=token still has"
            )
        return self

    @model_validator(mode="after")
    def _biases_fit(self) -> "TransformerConfig":
        dual = self.bias_config.lorentz_scalar.dual_branch
        if "lorentz_scalar" in self.biases and dual not in (None, self.splits_lorentz_scalar):
            raise ValueError(
                f"bias_config.lorentz_scalar.dual_branch is {str(dual).lower()}, but goes with "
                "attention.type=differential and attention.diff_bias_mode=split alone; null "
                "follows them"
            )
        if self.biases and self.splits_lorentz_scalar and "lorentz_scalar" not in self.biases:
            raise ValueError(
                "attention.diff_bias_mode=split: only lorentz_scalar has a bias for each branch, "
                f"but attention_biases is {self.attention_biases}"
            )
        return self

    @model_validator(mode="after")
    def _binned_tokens_have_no_momenta(self) -> "TransformerConfig":
        asked = {
            f"attention_biases={self.attention_biases}": bool(self.biases),
            "nodewise_mass.enabled=true": self.nodewise_mass.enabled,
            "mia_blocks.enabled=true": self.mia_blocks.enabled,
        }
        for what, is_asked in asked.items():
            if self.tokenizer.name == "binned" and is_asked:
                raise ValueError(
                    f"{what} needs four-momenta, which tokenizer.name=binned does not have"
                )
        return self

    @model_validator(mode="after")
    def _pairs_are_seen(self) -> "TransformerConfig":
        scale = self.bias_config.global_conditioned.mode == "global_scale"
        alone = self.biases == ("global_conditioned",) and scale  # it scales what CLS looks at
        asked = {
            f"attention_biases={self.attention_biases}": bool(self.biases) and not alone,
            "mia_blocks.enabled=true": self.mia_blocks.enabled
            and self.mia_blocks.placement != "append",
        }
        for what, is_asked in asked.items():
            if is_asked and self.depth == 1 and self.head.pooling == "cls":
                raise ValueError(
                    f"{what} acts on pairs of objects, but of a single block (depth 1) "
                    "head.pooling=cls reads only what CLS looks at; choose mean or max, or more "
                    "blocks"
                )
        return self

    @model_validator(mode="after")
    def _nobody_looks_ahead(self) -> "TransformerConfig":
        by_event = self.moe.enabled and self.moe.routing_level == "event"
        asked = {
            "moe.routing_level=event": by_event and self.moe.scope != "head",
            "nodewise_mass.enabled=true": self.nodewise_mass.enabled,
        }
        for what, is_asked in asked.items():
            if is_asked and self.causal_attention:
                raise ValueError(
                    f"{what} tells each token of all others, which causal_attention=true forbids"
                )
        return self

    @model_validator(mode="after")
    def _interactions_fit(self) -> "TransformerConfig":
        reduction = self.mia_blocks.reduction_dim
        if self.mia_blocks.enabled and reduction not in (None, self.heads):
            raise ValueError(
                f"mia_blocks.reduction_dim is {reduction}, but one bias for each of the "
                f"{self.heads} heads is needed; null gives that"
            )
        return self


class ClassifierSpec(Section):
    """All that a transformer classifier is built from; a checkpoint stores it.

    `pretrained` describes the autoencoder of `tokenizer.name=pretrained`, so that a checkpoint of
    the classifier needs no other file.
    """

    model: TransformerConfig
    globals: GlobalsConfig
    norm: Literal["zscore", "log_zscore", "none"]
    pretrained: TrainedAutoencoder | None = None
