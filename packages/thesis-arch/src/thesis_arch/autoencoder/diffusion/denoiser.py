"""The network that takes noise off the objects of an event."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.autoencoder.config import DenoiserConfig
from thesis_arch.autoencoder.transformer_block import PairBias, Transformer
from thesis_arch.packing import Packing, with_spare_rows
from thesis_arch.physics.pairwise import Pairs
from thesis_arch.transformer_classifier.small_mlp import SmallMlp

_FASTEST = 1000.0  # of the waves that tell the time
_GAIN = 4.0  # of the push, which has few pairs to learn from
_NEIGHBOURS = 0.6  # rad, how far pairs push
_REACHES = (0.1, 0.2, 0.4, 0.8, 1.6)  # rad, at which pairs are told to be close


class Denoiser(nn.Module):
    """A transformer over noisy objects, what is kept of them, their number, and the time.

    Pairs of objects bias its attention by how far they are apart, and push or pull each other by
    as much as that distance says (as in Satorras et al., arXiv:2102.09844): jets do not overlap.

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
    pushed : list of int
        Columns of the numbers that say where an object is, by which near ones push each other.
    """

    reaches: Tensor

    def __init__(
        self, config: DenoiserConfig, n_numbers: int, width: int, n_tokens: int, pushed: list[int]
    ) -> None:
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
        self.heads = config.heads
        self.register_buffer("reaches", torch.tensor(_REACHES), persistent=False)
        self.pushed = pushed
        n_seen = n_numbers + len(_REACHES) + 1
        self.of_pairs = SmallMlp(n_seen, config.dim, config.heads + len(pushed))
        self.transformer = Transformer(config)
        self.out = nn.Linear(config.dim, n_numbers)

    def forward(
        self,
        noisy: Tensor,
        kept: Tensor,
        time: Tensor,
        packing: Packing,
        pairs: Pairs,
        distance: Tensor,
    ) -> Tensor:
        """What is predicted.

        Parameters
        ----------
        noisy : Tensor
            [n, C] numbers of the objects.
        kept : Tensor
            [n, L] what is kept of them.
        time : Tensor
            [B] in 0..1.
        packing : Packing
            Where the objects belong.
        pairs : Pairs
            P of them.
        distance : Tensor
            [P] how far apart their noisy directions are (rad).

        Returns
        -------
        Tensor
            [n, C].
        """
        n = len(noisy)
        number = functional.one_hot(packing.mask.sum(1), self.n_tokens + 1)
        of_event = self.time_and_number(torch.cat([self._waves(time), number], dim=-1))
        at = of_event.index_select(0, packing.event)
        x = self.noisy(with_spare_rows(noisy))[:n] + self.kept(with_spare_rows(kept))[:n] + at
        first, second = pairs.first_object, pairs.second_object
        apart = noisy.index_select(0, first) - noisy.index_select(0, second)
        closeness = torch.exp(-(distance[:, None] / self.reaches).square())
        seen = torch.cat([apart.abs(), closeness, time[pairs.event, None]], dim=-1)
        bias, force = self.of_pairs(seen).split([self.heads, len(self.pushed)], dim=-1)
        x = self.transformer(x.to(self.noisy.weight.dtype), packing, PairBias(pairs, bias))
        said = self.out(with_spare_rows(x))[:n].float()
        # Of neighbours alone: far pairs are many, and would drown what few close ones teach.
        near = torch.exp(-(distance[:, None] / _NEIGHBOURS).square())
        direction = apart[:, self.pushed] / distance[:, None].clamp_min(_REACHES[0])
        push = torch.zeros_like(apart)
        push[:, self.pushed] = _GAIN * force.float() * near * direction
        return said.index_add(0, first, push).index_add(0, second, -push)

    def _waves(self, time: Tensor) -> Tensor:
        steps = torch.arange(self.n_waves, device=time.device) / max(self.n_waves - 1, 1)
        angles = time[:, None] * torch.exp(steps * math.log(_FASTEST))
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)
        return functional.pad(waves, (0, self.is_odd))
