"""Autoencoders that train in no time, one of each kind."""

from typing import Any

from thesis_arch.autoencoder.base import AutoencoderBase
from thesis_arch.autoencoder.config import AutoencoderSpec, DiffusionSpec
from thesis_arch.autoencoder.diffusion.model import DiffusionAutoencoder
from thesis_arch.autoencoder.model import Autoencoder
from thesis_arch.data_spec import DataSpec

_HERE = "thesis_arch.autoencoder."
_LAYERS = {"dropout": 0.1, "activation": "gelu"}
_SIZES = {"dim": 12, "depth": 1, "heads": 2, "mlp_dim": 16, "dropout": 0.1}
_IDS = {"id_embed_dim": 4}
_HEADS = {"ids_beta": 0.7, "globals_head": True, "globals_hidden": [5], "globals_beta": 0.3}

ENCODERS: dict[str, dict[str, Any]] = {
    "mlp": {"_target_": f"{_HERE}encoders.mlp.MlpEncoder", "enc_hidden": [16, 12]} | _LAYERS,
    "gnn": {
        "_target_": f"{_HERE}encoders.gnn.GnnEncoder",
        "enc_hidden": [16, 12],
        "pair_features": ["log_m2", "deltaR"],
    }
    | _LAYERS,
    "transformer": {"_target_": f"{_HERE}encoders.transformer.TransformerEncoder"} | _SIZES,
}
DECODERS: dict[str, dict[str, Any]] = {
    "mlp": {"_target_": f"{_HERE}decoders.mlp.MlpDecoder", "dec_hidden": [12, 16]} | _LAYERS,
    "gnn": {"_target_": f"{_HERE}decoders.gnn.GnnDecoder", "dec_hidden": [12, 16]} | _LAYERS,
    "transformer": {"_target_": f"{_HERE}decoders.transformer.TransformerDecoder"} | _SIZES,
    "denoiser": {
        "_target_": f"{_HERE}diffusion.denoiser.Denoiser",
        "prediction": "v",
        "unconditional": 0.3,
        "sampling_steps": 4,
    }
    | _SIZES,
}
LATENTS: dict[str, dict[str, Any]] = {
    "none": {"_target_": f"{_HERE}latents.identity.IdentityLatent"},
    "linear": {"_target_": f"{_HERE}latents.linear.LinearLatent", "latent_dim": 3},
    "vq": {
        "_target_": f"{_HERE}latents.vq.VqLatent",
        "latent_dim": 6,
        "codebook_size": 32,
        "beta": 0.25,
        "ema": True,
        "ema_decay": 0.9,
        "dead_below": 0.5,
    },
}

KINDS = [
    ("mlp", "none", "mlp"),
    ("mlp", "linear", "transformer"),
    ("gnn", "linear", "gnn"),
    ("transformer", "linear", "transformer"),
    ("mlp", "vq", "mlp"),
    ("transformer", "vq", "gnn"),
    ("mlp", "linear", "denoiser"),
    ("gnn", "vq", "denoiser"),
]
"""Encoder, latent space and decoder; each of them at least once."""


def autoencoder(
    encoder: str, latent: str, decoder: str, spec: DataSpec, **decoder_changes: Any
) -> AutoencoderBase:
    """A small model of these parts."""
    parts = {
        "encoder": ENCODERS[encoder] | _IDS,
        "latent_space": LATENTS[latent],
        "decoder": DECODERS[decoder] | _HEADS | decoder_changes,
        "norm": "log_zscore",
    }
    if decoder == "denoiser":
        return DiffusionAutoencoder(DiffusionSpec.model_validate(parts), spec)
    return Autoencoder(AutoencoderSpec.model_validate(parts), spec)
