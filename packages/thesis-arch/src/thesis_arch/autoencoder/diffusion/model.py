"""The diffusion autoencoder (Preechakul et al., arXiv:2111.15640) for the objects of an event."""

import torch
from torch import Tensor
from torch.nn import functional

from thesis_arch.autoencoder.base import AutoencoderBase
from thesis_arch.autoencoder.config import DiffusionSpec
from thesis_arch.autoencoder.diffusion.ddim import ddim
from thesis_arch.autoencoder.diffusion.denoiser import Denoiser
from thesis_arch.autoencoder.diffusion.noise import signal_and_noise, wanted
from thesis_arch.autoencoder.features import Targets
from thesis_arch.autoencoder.losses import event_errors, event_mean
from thesis_arch.data_spec import DataSpec
from thesis_arch.events import Events
from thesis_arch.packing import Packing
from thesis_arch.physics.event_objects import EventObjects

_PROBES = 8  # times at which an event is judged, always the same
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
        self.decoder = Denoiser(decoder, self.n_numbers, self.latent.out_features)
        # The same noise in the same slot of every event, so that what is said of an event depends
        # neither on its batch nor on the moment.
        noise = torch.randn(
            _PROBES, spec.n_tokens, self.n_numbers, generator=torch.Generator().manual_seed(_SEED)
        )
        self.register_buffer("probe", noise, persistent=False)

    def forward(self, batch: Events) -> dict[str, Tensor]:
        """Errors [B] by name: ``denoising``, ``denoising_ids``, ``rec_globals``.

        In training each event has a time and noise of its own, drawn anew; else the time is that
        of its place in the batch, and the noise is fixed. With a codebook also ``codebook`` and
        ``codes``.
        """
        objects = EventObjects.of(batch, self.spec)
        truth = self.features(objects)
        codes = self.codes(objects, truth.momenta)
        x, n_events = self._numbers(truth), len(batch.mask)
        kept = codes.vectors
        if self.training:
            time, noise = torch.rand(n_events, device=x.device), torch.randn_like(x)
            told = torch.rand(n_events, device=x.device) >= self.unconditional
            kept = torch.where(told[objects.event][:, None], kept, self.decoder.nothing)
        else:
            time = (torch.arange(n_events, device=x.device) % _PROBES + 0.5) / _PROBES
            noise = self._probe_noise(0, objects.packing)
        errors = self._denoising(x, noise, time, kept, objects)
        met = self._met(codes, objects)
        if met is not None and truth.met is not None:
            errors["rec_globals"] = (met - truth.met).square().mean(-1)
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

        ``denoising`` and ``denoising_ids`` are means over fixed times and noise; ``rec_tokens``,
        ``ids`` and ``rec_globals`` errors of the reconstruction by DDIM; ``code_surprise`` and
        ``embedding`` as those of `Autoencoder`.
        """
        objects = EventObjects.of(batch, self.spec)
        truth = self.features(objects)
        codes = self.codes(objects, truth.momenta)
        x, n_events = self._numbers(truth), len(batch.mask)
        sums: dict[str, Tensor] = {}
        for number in range(_PROBES):
            time = torch.full((n_events,), (number + 0.5) / _PROBES, device=x.device)
            noise = self._probe_noise(number, objects.packing)
            errors = self._denoising(x, noise, time, codes.vectors, objects)
            sums = {name: sums.get(name, 0) + values for name, values in errors.items()}
        scores = {name: values / _PROBES for name, values in sums.items()}
        found = self._reconstruct(codes.vectors, objects)
        found = Targets(found.momenta, found.ids, self._met(codes, objects))
        scores |= event_errors(found, truth, objects.packing)
        return scores | self._code_scores(codes, objects)

    @torch.no_grad()
    def reconstructed(self, batch: Events) -> tuple[Tensor, Tensor]:
        """Events as DDIM tells them: [B, T, F] in GeV and rad, and ids [B, T]."""
        objects = EventObjects.of(batch, self.spec)
        found = self._reconstruct(self.codes(objects).vectors, objects)
        return self._physical(found, objects.packing)

    @torch.no_grad()
    def sample(self, n_events: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Events that are made up: [n_events, T, F] in GeV and rad, and ids [n_events, T].

        Parameters
        ----------
        generator : torch.Generator
            On the CPU; the same one makes the same events.
        """
        device = self.multiplicity.counts.device
        lengths = self.multiplicity.sample(n_events, generator).to(device)
        slots = torch.arange(self.spec.n_tokens, device=device)
        packing = Packing.of(slots < lengths[:, None])
        n = len(packing.index)
        noise = torch.randn(n, self.n_numbers, generator=generator).to(device)
        kept = self.decoder.nothing.expand(n, -1)
        return self._physical(self._from_noise(noise, kept, packing), packing)

    def _numbers(self, truth: Targets) -> Tensor:
        """[n, C] what is diffused of each object."""
        bits = 2 * functional.one_hot(truth.ids - 1, self.features.n_ids).float() - 1
        return torch.cat([truth.momenta, bits], dim=-1)

    def _denoising(
        self, x: Tensor, noise: Tensor, time: Tensor, kept: Tensor, objects: EventObjects
    ) -> dict[str, Tensor]:
        """Squared errors [B] of what is predicted, of momenta and of ids."""
        a, s = (factor[objects.event][:, None] for factor in signal_and_noise(time))
        said = self.decoder(a * x + s * noise, kept, time, objects.packing)
        squares = (said - wanted(self.prediction, x, noise, a, s)).square()
        momenta, ids = squares.tensor_split([self.n_momenta], dim=-1)
        return {
            "denoising": event_mean(momenta.mean(-1), objects.packing),
            "denoising_ids": event_mean(ids.mean(-1), objects.packing),
        }

    def _reconstruct(self, kept: Tensor, objects: EventObjects) -> Targets:
        return self._from_noise(self._probe_noise(0, objects.packing), kept, objects.packing)

    def _from_noise(self, noise: Tensor, kept: Tensor, packing: Packing) -> Targets:
        n_events = len(packing.mask)

        def denoise(x: Tensor, time: float) -> Tensor:
            times = torch.full((n_events,), time, device=x.device)
            return self.decoder(x, kept, times, packing)

        numbers = ddim(denoise, noise, self.steps, self.prediction)
        momenta, bits = numbers.tensor_split([self.n_momenta], dim=-1)
        return Targets(momenta, bits, None)

    def _probe_noise(self, number: int, packing: Packing) -> Tensor:
        """[n, C] of the slot of each object."""
        return self.probe[number].index_select(0, packing.index % packing.mask.shape[1])

    def _physical(self, found: Targets, packing: Packing) -> tuple[Tensor, Tensor]:
        momenta = packing.unpack(self.features.to_physical(found.momenta))
        return momenta, packing.unpack(found.ids.argmax(-1) + 1)
