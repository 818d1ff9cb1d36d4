"""The network that takes noise off the objects of an event."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.autoencoder.config import DenoiserConfig
from thesis_arch.autoencoder.graph import GraphLayer
from thesis_arch.autoencoder.transformer_block import PairBias, Transformer
from thesis_arch.packing import Packing, with_spare_rows
from thesis_arch.physics.pairwise import Pairs
from thesis_arch.transformer_classifier.small_mlp import SmallMlp

_FASTEST = 1000.0  # of the waves that tell the time


class Denoiser(nn.Module):
    """A transformer over noisy objects, what is kept of them, their number, and the time.

    Parameters
    ----------
    config : DenoiserConfig
        Sizes.
    n_numbers : int
        Numbers of an object.
    width : int
        Numbers that are kept of an object.
    n_tokens : int
        Largest number of objects in an event. Attention takes means and can't count them.
    """

    def __init__(self, config: DenoiserConfig, n_numbers: int, width: int, n_tokens: int) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(width))  # what is kept, where it is not told
        self.noisy = nn.Linear(n_numbers, config.dim)
        self.kept = nn.Linear(width, config.dim)
        self.n_tokens = n_tokens
        self.time_and_number = nn.Sequential(
            nn.Linear(config.dim + n_tokens + 1, config.dim),
            nn.GELU(),
            nn.Linear(config.dim, config.dim),
        )
        self.n_waves = config.dim // 2
        self.is_odd = config.dim % 2
        self.closeness = SmallMlp(n_numbers + 1, config.dim // 2, config.heads)
        self.others = GraphLayer(config.dim, config.dim, n_numbers, config.dropout, "gelu")
        self.transformer = Transformer(config)
        self.out = nn.Linear(config.dim, n_numbers)

    def forward(self, noisy: Tensor, kept: Tensor, time: Tensor, packing: Packing) -> Tensor:
        """Noisy numbers [n, C], what is kept [n, L], time [B] in 0..1 -> prediction [n, C]."""
        n = len(noisy)
        number = functional.one_hot(packing.mask.sum(1), self.n_tokens + 1)
        of_event = self.time_and_number(torch.cat([self._waves(time), number], dim=-1))
        at = of_event.index_select(0, packing.event)
        x = self.noisy(with_spare_rows(noisy))[:n] + self.kept(with_spare_rows(kept))[:n] + at
        pairs = Pairs.of(packing.mask)
        first, second = pairs.first_object, pairs.second_object
        apart = (noisy.index_select(0, first) - noisy.index_select(0, second)).abs()
        x = x + self.others(x, pairs, apart)
        closeness = self._closeness(noisy, time, pairs)
        x = self.transformer(x.to(self.noisy.weight.dtype), packing, closeness)
        return self.out(with_spare_rows(x))[:n].float()

    def _closeness(self, noisy: Tensor, time: Tensor, pairs: Pairs) -> PairBias:
        """What is added to the logits of attention: jets don't overlap, pairs have masses."""
        first, second = pairs.first_object, pairs.second_object
        apart = (noisy.index_select(0, first) - noisy.index_select(0, second)).abs()
        values = self.closeness(torch.cat([apart, time[pairs.event, None]], dim=-1))
        return PairBias(pairs, values)

    def _waves(self, time: Tensor) -> Tensor:
        steps = torch.arange(self.n_waves, device=time.device) / max(self.n_waves - 1, 1)
        angles = time[:, None] * torch.exp(steps * math.log(_FASTEST))
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        return functional.pad(waves, (0, self.is_odd))
