"""What the parts of an autoencoder may hold. `_target_` says which part a section is of."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from thesis_arch.strict import Section
from thesis_arch.transformer_classifier.bias_config import PairwiseFeature

Activation = Literal["relu", "gelu", "silu"]
Widths = Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]


class Part(Section):
    """A section that names its class: `target` is `_target_` in the configuration."""

    model_config = ConfigDict(serialize_by_alias=True)


class TransformerSizes(Section):
    """Sizes of a transformer over the objects of an event.

    Attributes
    ----------
    dim, depth, heads, mlp_dim : int
        Width of a token, number of blocks, heads of each, width inside a feed-forward.
    """

    dim: int = Field(ge=1)
    depth: int = Field(ge=1)
    heads: int = Field(ge=1)
    mlp_dim: int = Field(ge=1)
    dropout: float = Field(ge=0, lt=1)

    @model_validator(mode="after")
    def _heads_fit(self) -> "TransformerSizes":
        if self.dim % self.heads:
            raise ValueError(f"dim {self.dim} is not a multiple of heads {self.heads}")
        return self


class LayerSizes(Section):
    """Widths of the hidden layers of an encoder."""

    enc_hidden: Widths
    dropout: float = Field(ge=0, lt=1)
    activation: Activation


class EncoderPart(Part):
    """`id_embed_dim`: size of the learned vector of an object id."""

    id_embed_dim: int = Field(ge=1)


class MlpEncoderConfig(EncoderPart, LayerSizes):
    """Each object on its own."""

    target: Literal["thesis_arch.autoencoder.encoders.mlp.MlpEncoder"] = Field(alias="_target_")


class GnnEncoderConfig(EncoderPart, LayerSizes):
    """Messages between all objects of an event; `pair_features` go along the edges."""

    target: Literal["thesis_arch.autoencoder.encoders.gnn.GnnEncoder"] = Field(alias="_target_")
    pair_features: tuple[PairwiseFeature, ...]


class TransformerEncoderConfig(EncoderPart, TransformerSizes):
    """Attention between all objects of an event."""

    target: Literal["thesis_arch.autoencoder.encoders.transformer.TransformerEncoder"] = Field(
        alias="_target_"
    )


class IdentityLatentConfig(Part):
    """The encoder's output as it is."""

    target: Literal["thesis_arch.autoencoder.latents.identity.IdentityLatent"] = Field(
        alias="_target_"
    )


class LinearLatentConfig(Part):
    """`latent_dim`: numbers of each object."""

    target: Literal["thesis_arch.autoencoder.latents.linear.LinearLatent"] = Field(alias="_target_")
    latent_dim: int = Field(ge=1)


class VqLatentConfig(Part):
    """One code of a codebook for each object.

    Attributes
    ----------
    latent_dim, codebook_size : int
        Size of a code vector, and how many there are.
    beta : float
        Weight of the commitment loss.
    ema : bool
        Codes follow the mean of what they stand for; else the commitment loss moves them.
    ema_decay : float
        How slowly they follow.
    dead_below : float
        A code is drawn anew from the batch where it stands for fewer objects than this share of
        the mean over all codes, in the moving average; 0 never does.
    """

    target: Literal["thesis_arch.autoencoder.latents.vq.VqLatent"] = Field(alias="_target_")
    latent_dim: int = Field(ge=1)
    codebook_size: int = Field(ge=2)
    beta: float = Field(ge=0)
    ema: bool
    ema_decay: float = Field(gt=0, lt=1)
    dead_below: float = Field(ge=0, lt=1)

    @model_validator(mode="after")
    def _codes_learn(self) -> "VqLatentConfig":
        if not self.ema and self.beta == 0:
            raise ValueError("beta is 0 and ema false: nothing would move the codes")
        return self


class DecoderPart(Part):
    """What all decoders reconstruct beside the momenta.

    Attributes
    ----------
    ids_beta : float
        Weight of the cross-entropy of object ids; 0 leaves them out.
    globals_head : bool
        Whether MET and its direction are reconstructed from the mean over the objects.
    globals_hidden : tuple of int
        Hidden layers of that.
    globals_beta : float
        Weight of its error.
    """

    ids_beta: float = Field(ge=0)
    globals_head: bool
    globals_hidden: Widths
    globals_beta: float = Field(ge=0)


class DecoderLayers(Section):
    """Widths of the hidden layers of a decoder."""

    dec_hidden: Widths
    dropout: float = Field(ge=0, lt=1)
    activation: Activation


class MlpDecoderConfig(DecoderPart, DecoderLayers):
    """Each object on its own."""

    target: Literal["thesis_arch.autoencoder.decoders.mlp.MlpDecoder"] = Field(alias="_target_")


class GnnDecoderConfig(DecoderPart, DecoderLayers):
    """Messages between all objects of an event."""

    target: Literal["thesis_arch.autoencoder.decoders.gnn.GnnDecoder"] = Field(alias="_target_")


class TransformerDecoderConfig(DecoderPart, TransformerSizes):
    """Attention between all objects of an event."""

    target: Literal["thesis_arch.autoencoder.decoders.transformer.TransformerDecoder"] = Field(
        alias="_target_"
    )


class DenoiserConfig(DecoderPart, TransformerSizes):
    """A transformer that takes noise off the objects, told what is kept of them.

    Attributes
    ----------
    prediction : str
        What it predicts: the noise (epsilon), or v (Salimans and Ho, arXiv:2202.00512).
    unconditional : float
        Share of training events of which it is not told what is kept: it learns to make events up.
    sampling_steps : int
        Steps of DDIM (Song et al., arXiv:2010.02502) from noise to an event.
    """

    target: Literal["thesis_arch.autoencoder.diffusion.denoiser.Denoiser"] = Field(alias="_target_")
    prediction: Literal["epsilon", "v"]
    unconditional: float = Field(ge=0, lt=1)
    sampling_steps: int = Field(ge=1)


class DiscriminatorConfig(Section):
    """Layers of message passing that tell events from reconstructions.

    Attributes
    ----------
    hidden : tuple of int
        Widths of the layers.
    """

    hidden: Widths
    dropout: float = Field(ge=0, lt=1)
    activation: Activation


EncoderConfig = Annotated[
    MlpEncoderConfig | GnnEncoderConfig | TransformerEncoderConfig, Field(discriminator="target")
]
LatentConfig = Annotated[
    IdentityLatentConfig | LinearLatentConfig | VqLatentConfig, Field(discriminator="target")
]
DecoderConfig = Annotated[
    MlpDecoderConfig | GnnDecoderConfig | TransformerDecoderConfig, Field(discriminator="target")
]


class AutoencoderSpec(Section):
    """All that an autoencoder is built from; a checkpoint stores it.

    `norm` is that of the data; `none` is refused, for an error in GeV is dominated by the
    hardest objects.
    """

    encoder: EncoderConfig
    latent_space: LatentConfig
    decoder: DecoderConfig
    norm: Literal["zscore", "log_zscore"]


class DiffusionSpec(Section):
    """All that a diffusion autoencoder is built from; a checkpoint stores it."""

    encoder: EncoderConfig
    latent_space: LatentConfig
    decoder: DenoiserConfig
    norm: Literal["zscore", "log_zscore"]


class TrainedAutoencoder(Section):
    """Which autoencoder a checkpoint of phase 1 holds; its weights come from elsewhere.

    `spec` is what the events looked like that it learned from (`thesis_arch.data_spec`).
    """

    architecture: Literal["autoencoder", "diffusion_autoencoder"]
    config: AutoencoderSpec | DiffusionSpec
    spec: dict[str, Any]
