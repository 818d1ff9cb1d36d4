"""The autoencoder: objects in, a code of each, the same objects out."""

from typing import Any, cast

import torch
from torch import Tensor

from thesis_arch.autoencoder.base import AutoencoderBase
from thesis_arch.autoencoder.config import AutoencoderSpec
from thesis_arch.autoencoder.decoders import DECODERS
from thesis_arch.autoencoder.features import Found, Truth
from thesis_arch.autoencoder.latents.codes import Codes
from thesis_arch.autoencoder.losses import event_errors, wrong_ids
from thesis_arch.data_spec import DataSpec
from thesis_arch.events import Events
from thesis_arch.physics.event_objects import EventObjects


class Autoencoder(AutoencoderBase):
    """Encoder -> latent space -> decoder, each for all objects of an event.

    Parameters
    ----------
    config : AutoencoderSpec
        The three parts.
    spec : DataSpec
        What the events look like.

    Raises
    ------
    ValueError
        A part needs what the events don't have.
    """

    architecture = "autoencoder"
    config_class = AutoencoderSpec

    def __init__(self, config: AutoencoderSpec, spec: DataSpec) -> None:
        super().__init__(config, spec)
        decoder = DECODERS[config.decoder.target]
        width = self.latent.out_features
        self.decoder = decoder(cast(Any, config.decoder), width, self.features)

    def forward(self, batch: Events) -> dict[str, Tensor]:
        """Errors [B] by name (`event_errors`); of a codebook also ``codebook`` and ``codes``."""
        objects = EventObjects.of(batch, self.spec)
        return self.compare(objects)[0]

    def compare(self, objects: EventObjects) -> tuple[dict[str, Tensor], Found, Truth]:
        """What `forward` returns, what the decoder says, and the truth."""
        truth, codes = self.encode(objects)
        found = self.reconstruct(codes, objects)
        errors = event_errors(found, truth, objects.packing)
        return errors | self._of_codes(codes, objects), found, truth

    def reconstruct(self, codes: Codes, objects: EventObjects) -> Found:
        """What the decoder makes of the codes; of `objects` it only sees which belong together."""
        momenta, id_logits = self.decoder(codes.vectors, objects)
        return Found(momenta, id_logits, self._met(codes, objects))

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each error in the objective."""
        decoder = self.config.decoder
        return {
            "rec_tokens": 1.0,
            "ids": decoder.ids_beta,
            "rec_globals": decoder.globals_beta,
        }

    @torch.no_grad()
    def event_scores(self, batch: Events) -> dict[str, Tensor]:
        """Anomaly scores [B] by name, larger where an event is less like those of training.

        ``rec_tokens``, ``ids`` and ``rec_globals`` are errors of the reconstruction and
        ``reconstruction`` their weighted sum; ``ids_wrong`` is the share of objects whose most
        probable id is not their own; ``code_surprise`` is -ln of the likelihood of the
        number of objects and of their codes, each with its share among typical events (those of
        `remember_usage`). ``embedding`` [B, L] is the mean of what is kept of the objects.
        """
        objects = EventObjects.of(batch, self.spec)
        truth, codes = self.encode(objects)
        found, packing = self.reconstruct(codes, objects), objects.packing
        scores = event_errors(found, truth, packing)
        scores["reconstruction"] = self.objective(scores)
        scores["ids_wrong"] = wrong_ids(found.id_logits.argmax(-1) + 1, truth.ids, packing)
        return scores | self._code_scores(codes, objects)

    @torch.no_grad()
    def reconstructed(self, batch: Events) -> tuple[Tensor, Tensor]:
        """Events as the decoder tells them: [B, T, F] in GeV and rad, and ids [B, T]."""
        objects = EventObjects.of(batch, self.spec)
        found = self.reconstruct(self.codes(objects), objects)
        packing = objects.packing
        momenta = packing.unpack(self.features.to_physical(found.momenta))
        return momenta, packing.unpack(found.id_logits.argmax(-1) + 1)
