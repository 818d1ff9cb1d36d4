"""The diffusion autoencoder (Preechakul et al., arXiv:2111.15640) for the objects of an event."""

import torch
from torch import Tensor
from torch.nn import functional

from thesis_arch.autoencoder.base import AutoencoderBase
from thesis_arch.autoencoder.config import DiffusionSpec
from thesis_arch.autoencoder.diffusion.ddim import ddim
from thesis_arch.autoencoder.diffusion.denoiser import Denoiser
from thesis_arch.autoencoder.diffusion.noise import signal_and_noise, wanted
from thesis_arch.autoencoder.features import Truth
from thesis_arch.autoencoder.losses import event_mean, met_error, momenta_error, wrong_ids
from thesis_arch.data_spec import DataSpec
from thesis_arch.events import Events
from thesis_arch.packing import Packing
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.physics.pairwise import Pairs

_EVENTS_AT_ONCE = 1024  # that are made up, for their pairs take memory
_PROBES = 4  # times at which an event is judged, always the same
_SEED = 20240607  # of the noise that judges


class DiffusionAutoencoder(AutoencoderBase):
    """Encoder -> latent space; a denoiser that is told what is kept turns noise into the event.

    An object is its normalised momentum and a column for each id, 1 for its own and -1 for the
    others (analog bits, Chen et al., arXiv:2208.04202). The number of objects is not part of the
    diffusion: events that are made up have as many as those of training.

    Parameters
    ----------
    config : DiffusionSpec
        The parts.
    spec : DataSpec
        What the events look like.

    Raises
    ------
    ValueError
        A part needs what the events don't have.
    """

    architecture = "diffusion_autoencoder"
    config_class = DiffusionSpec

    probe: Tensor

    def __init__(self, config: DiffusionSpec, spec: DataSpec) -> None:
        super().__init__(config, spec)
        decoder = config.decoder
        self.prediction, self.steps = decoder.prediction, decoder.sampling_steps
        self.unconditional = decoder.unconditional
        self.n_momenta, n_ids = self.features.n_momenta, self.features.n_ids
        self.n_numbers = self.n_momenta + n_ids
        self.decoder = Denoiser(
            decoder,
            self.n_numbers,
            self.latent.out_features,
            spec.n_tokens,
            self.features.direction_columns,
        )
        # The same noise in the same slot of every event, so that what is said of an event depends
        # neither on its batch nor on the moment.
        noise = torch.randn(
            _PROBES, spec.n_tokens, self.n_numbers, generator=torch.Generator().manual_seed(_SEED)
        )
        self.register_buffer("probe", noise, persistent=False)

    def forward(self, batch: Events) -> dict[str, Tensor]:
        """Errors [B] by name: ``denoising``, ``denoising_ids``, ``rec_globals``.

        In training each event has a time and noise of its own, drawn anew; else the errors are
        means over fixed times and noise. With a codebook also ``codebook`` and ``codes``.
        """
        objects = EventObjects.of(batch, self.spec)
        truth, codes = self.encode(objects)
        x = self._numbers(truth)
        if self.training:
            errors = self._drawn_denoising(x, codes.vectors, objects)
        else:
            errors = self._fixed_denoising(x, codes.vectors, objects)
        errors |= met_error(self._met(codes, objects), truth)
        return errors | self._of_codes(codes, objects)

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each error in the objective."""
        decoder = self.config.decoder
        return {
            "denoising": 1.0,
            "denoising_ids": decoder.ids_beta,
            "rec_globals": decoder.globals_beta,
        }

    @torch.no_grad()
    def event_scores(self, batch: Events) -> dict[str, Tensor]:
        """Anomaly scores [B] by name, larger where an event is less like those of training.

        ``denoising`` and ``denoising_ids`` are means over fixed times and noise, and
        ``reconstruction`` their weighted sum with ``rec_globals``; ``rec_tokens`` and ``ids_wrong``
        are those of the reconstruction by DDIM; ``code_surprise`` and ``embedding`` as those of
        `Autoencoder`.
        """
        objects = EventObjects.of(batch, self.spec)
        truth, codes = self.encode(objects)
        scores = self._fixed_denoising(self._numbers(truth), codes.vectors, objects)
        scores |= met_error(self._met(codes, objects), truth)
        scores["reconstruction"] = self.objective(scores)
        momenta, ids = self._reconstruct(codes.vectors, objects)
        scores["rec_tokens"] = momenta_error(momenta, truth, objects.packing)
        scores["ids_wrong"] = wrong_ids(ids, truth.ids, objects.packing)
        return scores | self._code_scores(codes, objects)

    @torch.no_grad()
    def denoising_at(self, batch: Events, times: Tensor, noise: Tensor) -> dict[str, Tensor]:
        """Mean errors [S] of denoising events at given times: ``denoising``, ``denoising_ids``.

        Parameters
        ----------
        times : Tensor
            [S], from 0 (all of the event) to 1 (noise).
        noise : Tensor
            [S, T, C] of each slot of an event at each time.
        """
        objects = EventObjects.of(batch, self.spec)
        truth, codes = self.encode(objects)
        x, slots = self._numbers(truth), objects.packing.index % objects.packing.mask.shape[1]
        found = [
            self._denoising(
                x, of_slots[slots], time.expand(len(objects.mask)), codes.vectors, objects
            )
            for time, of_slots in zip(times, noise, strict=True)
        ]
        return {name: torch.stack([one[name].mean() for one in found]) for name in found[0]}

    @torch.no_grad()
    def reconstructed(self, batch: Events) -> tuple[Tensor, Tensor]:
        """Events as DDIM tells them: [B, T, F] in GeV and rad, and ids [B, T]."""
        objects = EventObjects.of(batch, self.spec)
        momenta, ids = self._reconstruct(self.codes(objects).vectors, objects)
        return self._physical(momenta, ids, objects.packing)

    @torch.no_grad()
    def sample(self, n_events: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Events that are made up: [n_events, T, F] in GeV and rad, and ids [n_events, T].

        To the model objects are a set; they come hardest first, where pt is known.

        Parameters
        ----------
        generator : torch.Generator
            On the CPU; the same one makes the same events.
        """
        device = self.multiplicity.counts.device
        lengths = self.multiplicity.sample(n_events, generator).to(device)
        parts = [self._made_up(part, generator) for part in lengths.split(_EVENTS_AT_ONCE)]
        momenta, ids = (torch.cat(values) for values in zip(*parts, strict=True))
        return momenta, ids

    def _made_up(self, lengths: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Events with so many objects [B]; see `sample`."""
        device = lengths.device
        slots = torch.arange(self.spec.n_tokens, device=device)
        packing = Packing.of(slots < lengths[:, None])
        n = len(packing.index)
        noise = torch.randn(n, self.n_numbers, generator=generator).to(device)
        kept = self.decoder.nothing.expand(n, -1)
        momenta, ids = self._physical(*self._from_noise(noise, kept, packing), packing)
        column = self.spec.column("Pt")
        if column is None:
            return momenta, ids
        pt = momenta[..., column].masked_fill(~packing.mask, -torch.inf)
        order = pt.argsort(dim=1, descending=True, stable=True)
        return momenta.take_along_dim(order[..., None], 1), ids.take_along_dim(order, 1)

    def _numbers(self, truth: Truth) -> Tensor:
        """[n, C] what is diffused of each object."""
        bits = 2 * functional.one_hot(truth.ids - 1, self.features.n_ids).float() - 1
        return torch.cat([truth.momenta, bits], dim=-1)

    def _drawn_denoising(self, x: Tensor, kept: Tensor, objects: EventObjects) -> dict[str, Tensor]:
        """Errors [B] at a time that is drawn; of some events the denoiser is told nothing."""
        n_events = len(objects.mask)
        time, noise = torch.rand(n_events, device=x.device), torch.randn_like(x)
        told = torch.rand(n_events, device=x.device) >= self.unconditional
        kept = torch.where(told[objects.event][:, None], kept, self.decoder.nothing)
        return self._denoising(x, noise, time, kept, objects)

    def _fixed_denoising(self, x: Tensor, kept: Tensor, objects: EventObjects) -> dict[str, Tensor]:
        """Mean errors [B] over the fixed times, each with noise of its own."""
        n_events, found = len(objects.mask), []
        for number in range(_PROBES):
            time = torch.full((n_events,), (number + 0.5) / _PROBES, device=x.device)
            noise = self._probe_noise(number, objects.packing)
            found.append(self._denoising(x, noise, time, kept, objects))
        return {name: torch.stack([one[name] for one in found]).mean(0) for name in found[0]}

    def _denoising(
        self, x: Tensor, noise: Tensor, time: Tensor, kept: Tensor, objects: EventObjects
    ) -> dict[str, Tensor]:
        """Squared errors [B] of what is predicted, of momenta and of ids."""
        a, s = (factor[objects.event][:, None] for factor in signal_and_noise(time))
        said = self._denoise(a * x + s * noise, kept, time, objects.packing, objects.pairs)
        squares = (said - wanted(self.prediction, x, noise, a, s)).square()
        momenta, ids = squares.tensor_split([self.n_momenta], dim=-1)
        return {
            "denoising": event_mean(momenta.mean(-1), objects.packing),
            "denoising_ids": event_mean(ids.mean(-1), objects.packing),
        }

    def _denoise(
        self, noisy: Tensor, kept: Tensor, time: Tensor, packing: Packing, pairs: Pairs
    ) -> Tensor:
        """Prediction [n, C] of noisy numbers [n, C]."""
        momenta = noisy[:, : self.n_momenta]
        first, second = momenta[pairs.first_object], momenta[pairs.second_object]
        distance = self.features.distance(first, second)
        return self.decoder(noisy, kept, time, packing, pairs, distance)

    def _reconstruct(self, kept: Tensor, objects: EventObjects) -> tuple[Tensor, Tensor]:
        return self._from_noise(self._probe_noise(0, objects.packing), kept, objects.packing)

    def _from_noise(self, noise: Tensor, kept: Tensor, packing: Packing) -> tuple[Tensor, Tensor]:
        """Normalised momenta [n, K] and ids [n]."""
        n_events, pairs = len(packing.mask), Pairs.of(packing.mask)

        def denoise(x: Tensor, time: float) -> Tensor:
            times = torch.full((n_events,), time, device=x.device)
            return self._denoise(x, kept, times, packing, pairs)

        numbers = ddim(denoise, noise, self.steps, self.prediction)
        momenta, bits = numbers.tensor_split([self.n_momenta], dim=-1)
        return momenta, bits.argmax(-1) + 1

    def _probe_noise(self, number: int, packing: Packing) -> Tensor:
        """[n, C] of the slot of each object."""
        return self.probe[number].index_select(0, packing.index % packing.mask.shape[1])

    def _physical(self, momenta: Tensor, ids: Tensor, packing: Packing) -> tuple[Tensor, Tensor]:
        """In GeV and rad [B, T, F], and ids [B, T]."""
        return packing.unpack(self.features.to_physical(momenta)), packing.unpack(ids)
