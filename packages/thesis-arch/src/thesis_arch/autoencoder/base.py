"""What all autoencoders share: from the objects of an event to what is kept of them."""

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn

from thesis_arch.autoencoder.config import AutoencoderSpec, DiffusionSpec
from thesis_arch.autoencoder.decoders.met_head import MetHead
from thesis_arch.autoencoder.encoders import ENCODERS
from thesis_arch.autoencoder.features import EventFeatures, Truth
from thesis_arch.autoencoder.latents import LATENTS
from thesis_arch.autoencoder.latents.codes import Codes
from thesis_arch.autoencoder.latents.vq import VqLatent
from thesis_arch.autoencoder.losses import event_mean, event_sum
from thesis_arch.autoencoder.multiplicity import Multiplicity
from thesis_arch.data_spec import DataSpec
from thesis_arch.events import Events
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.physics.observer import fit_observers
from thesis_arch.transformer_classifier.pooling import mean_pooling


class AutoencoderBase(nn.Module):
    """Encoder, latent space, and MET from what is kept; subclasses add the decoder.

    Parameters
    ----------
    config : AutoencoderSpec or DiffusionSpec
        The parts.
    spec : DataSpec
        What the events look like.

    Raises
    ------
    ValueError
        A part needs what the events don't have.
    """

    spec_class = DataSpec

    def __init__(self, config: AutoencoderSpec | DiffusionSpec, spec: DataSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        _check(config, spec)
        decoder = config.decoder
        self.features = EventFeatures(spec, config.norm, with_met=decoder.globals_head)
        self.multiplicity = Multiplicity(spec.n_tokens)
        self.encoder = ENCODERS[config.encoder.target](cast(Any, config.encoder), self.features)
        latent = LATENTS[config.latent_space.target]
        self.latent = latent(cast(Any, config.latent_space), self.encoder.out_features)
        width = self.latent.out_features
        self.met_head = MetHead(width, decoder.globals_hidden) if decoder.globals_head else None

    def fit_statistics(self, batches: Iterable[Events]) -> None:
        """Set all normalisations from the valid objects, pairs and MET of training batches."""
        fit_observers(self, (EventObjects.of(batch, self.spec) for batch in batches))

    def encode(self, objects: EventObjects) -> tuple[Truth, Codes]:
        """What there is to say of the objects, and what is kept of them."""
        truth = self.features(objects)
        return truth, self.latent(self.encoder(objects, truth.momenta))

    def codes(self, objects: EventObjects) -> Codes:
        """What is kept of the objects."""
        return self.encode(objects)[1]

    def objective(self, errors: dict[str, Tensor]) -> Tensor:
        """What is minimised, [B]: the errors that have a weight."""
        parts = [weight * errors[name] for name, weight in self.weights.items() if name in errors]
        return torch.stack(parts).sum(0)

    @property
    @abstractmethod
    def weights(self) -> dict[str, float]:
        """Weight of each error in the objective."""

    @abstractmethod
    def event_scores(self, batch: Events) -> dict[str, Tensor]:
        """Anomaly scores [B] by name, larger where an event is less like those of training; the
        mean of what is kept of its objects as ``embedding`` [B, L]."""

    def effective_axes(self) -> dict[str, Any]:
        """Coordinates in design space that only the built model knows."""
        return {"n_parameters": sum(p.numel() for p in self.parameters())}

    def _met(self, codes: Codes, objects: EventObjects) -> Tensor | None:
        return None if self.met_head is None else self.met_head(codes.vectors, objects.packing)

    def remember_usage(self, codes: Tensor) -> None:
        """Take the codes [B, T] of typical events, -1 where padded, for ``code_surprise``."""
        if isinstance(self.latent, VqLatent):
            self.latent.set_usage(codes[codes >= 0])

    def _of_codes(self, codes: Codes, objects: EventObjects) -> dict[str, Tensor]:
        """``codebook`` [B], the mean squared distance of objects to their codes, and ``codes``
        [B, T], -1 where padded; empty where there is no codebook."""
        if codes.index is None or codes.distance is None:
            return {}
        return {
            "codebook": event_mean(codes.distance, objects.packing),
            "codes": objects.packing.unpack(codes.index + 1) - 1,
        }

    def _code_scores(self, codes: Codes, objects: EventObjects) -> dict[str, Tensor]:
        """``embedding`` [B, L], the mean of what is kept of the objects, and ``code_surprise``."""
        scores = {"embedding": mean_pooling(codes.vectors, objects.packing).float()}
        if isinstance(self.latent, VqLatent) and codes.index is not None:
            surprise = -self.latent.frequencies.log()[codes.index]
            of_number = self.multiplicity.surprise(objects.mask.sum(1))
            scores["code_surprise"] = event_sum(surprise, objects.packing) + of_number
        return scores


def _check(config: AutoencoderSpec | DiffusionSpec, spec: DataSpec) -> None:
    if spec.vocab_size is not None:
        raise ValueError(
            "phase1: autoencoders reconstruct momenta, but the events are binned tokens; use "
            "data=h5_tokens"
        )
    if config.decoder.globals_head and not spec.has_globals:
        raise ValueError(
            "phase1.decoder.globals_head: found true, but the events carry no MET "
            "(data.globals.present is false)"
        )
