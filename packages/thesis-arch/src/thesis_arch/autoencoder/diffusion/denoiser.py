"""The network that takes noise off the objects of an event."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.autoencoder.config import DenoiserConfig
from thesis_arch.autoencoder.transformer_block import Transformer
from thesis_arch.packing import Packing, with_spare_rows

_FASTEST = 1000.0  # of the waves that tell the time


class Denoiser(nn.Module):
    """A transformer over noisy objects, what is kept of them, and the time.

    Parameters
    ----------
    config : DenoiserConfig
        Sizes.
    n_numbers : int
        Numbers of an object.
    width : int
        Numbers that are kept of an object.
    """

    def __init__(self, config: DenoiserConfig, n_numbers: int, width: int) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(width))  # what is kept, where it is not told
        self.noisy = nn.Linear(n_numbers, config.dim)
        self.kept = nn.Linear(width, config.dim)
        self.time = nn.Sequential(
            nn.Linear(config.dim, config.dim), nn.GELU(), nn.Linear(config.dim, config.dim)
        )
        self.n_waves = config.dim // 2
        self.is_odd = config.dim % 2
        self.transformer = Transformer(config)
        self.out = nn.Linear(config.dim, n_numbers)

    def forward(self, noisy: Tensor, kept: Tensor, time: Tensor, packing: Packing) -> Tensor:
        """Noisy numbers [n, C], what is kept [n, L], time [B] in 0..1 -> prediction [n, C]."""
        n = len(noisy)
        at = self.time(self._waves(time)).index_select(0, packing.event)
        x = self.noisy(with_spare_rows(noisy))[:n] + self.kept(with_spare_rows(kept))[:n] + at
        x = self.transformer(x.to(self.noisy.weight.dtype), packing)
        return self.out(with_spare_rows(x))[:n].float()

    def _waves(self, time: Tensor) -> Tensor:
        steps = torch.arange(self.n_waves, device=time.device) / max(self.n_waves - 1, 1)
        angles = time[:, None] * torch.exp(steps * math.log(_FASTEST))
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        return functional.pad(waves, (0, self.is_odd))
