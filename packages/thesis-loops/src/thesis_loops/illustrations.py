"""What pictures show of an autoencoder, computed where one is drawn."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from thesis_arch.autoencoder.base import AutoencoderBase
from thesis_arch.autoencoder.diffusion.model import DiffusionAutoencoder
from thesis_arch.autoencoder.features import known_features
from thesis_arch.autoencoder.latents.vq import VqLatent
from thesis_arch.autoencoder.model import Autoencoder
from thesis_data.events import EventBatch
from thesis_data.loading import Split

_EVENTS = 512
_SEED = 20240607  # of events that are made up


def illustrations(model: AutoencoderBase, split: Split) -> dict[str, Any]:
    """By name what can be shown of the model with events of a split, as callables.

    - ``codebook_size``: number of codes, where there are codes.
    - ``reconstruction``: ``true`` and ``reconstructed`` [n, F] in GeV and rad, ``features``.
    - ``denoising``, of a diffusion autoencoder: as `denoising_by_time`.
    - ``made_up``, of a diffusion autoencoder: ``true`` and ``made_up`` [n, F], ``features``.
    """
    shown: dict[str, Any] = {}
    if isinstance(model.latent, VqLatent):
        shown["codebook_size"] = model.latent.codebook_size
    if isinstance(model, Autoencoder | DiffusionAutoencoder):
        shown["reconstruction"] = partial(_reconstruction, model, split)
    if isinstance(model, DiffusionAutoencoder):
        shown["denoising"] = partial(_denoising, model, split)
        shown["made_up"] = partial(_made_up, model, split)
    return shown


def denoising_by_time(
    model: DiffusionAutoencoder, batch: EventBatch, times: Tensor, noise: Tensor
) -> dict[str, np.ndarray]:
    """``time`` and mean squared errors of ``momenta`` and ``ids``, each [S].

    Parameters are those of `DiffusionAutoencoder.denoising_at`, on the device of the model.
    """
    errors = model.denoising_at(batch, times, noise)
    found = {"time": times, "momenta": errors["denoising"], "ids": errors["denoising_ids"]}
    return {name: values.cpu().numpy() for name, values in found.items()}


def _reconstruction(model: Autoencoder | DiffusionAutoencoder, split: Split) -> Mapping[str, Any]:
    batch = _some(model, split)
    reconstructed, _ = model.reconstructed(batch)
    return {
        "true": _objects(batch.tokens_cont, batch.mask),
        "reconstructed": _objects(reconstructed, batch.mask),
        "features": known_features(model.spec),
    }


def _made_up(model: DiffusionAutoencoder, split: Split) -> Mapping[str, Any]:
    batch = _some(model, split)
    momenta, ids = model.sample(_EVENTS, torch.Generator().manual_seed(_SEED))
    return {
        "true": _objects(batch.tokens_cont, batch.mask),
        "made_up": _objects(momenta, ids > 0),
        "features": known_features(model.spec),
    }


def _denoising(model: DiffusionAutoencoder, split: Split) -> Mapping[str, Any]:
    batch = _some(model, split)
    times = torch.linspace(0.05, 0.95, 10, device=batch.mask.device)
    generator = torch.Generator().manual_seed(_SEED)
    shape = (len(times), batch.mask.shape[1], model.n_numbers)
    noise = torch.randn(shape, generator=generator).to(times.device)
    return denoising_by_time(model, batch, times, noise)


def _some(model: AutoencoderBase, split: Split) -> EventBatch:
    events = split.sample(_EVENTS)
    device = next(model.parameters()).device
    return events.select(torch.arange(len(events)), trim=True).to(device)


def _objects(padded: Tensor, mask: Tensor) -> np.ndarray:
    """[n, F] numbers of the objects of [B, T, F]."""
    return padded[mask].float().cpu().numpy()
