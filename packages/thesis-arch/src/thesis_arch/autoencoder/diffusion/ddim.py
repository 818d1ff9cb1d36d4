"""From noise to events in a few steps (Song et al., arXiv:2010.02502, with no noise added)."""

from collections.abc import Callable
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from thesis_arch.autoencoder.diffusion.noise import signal_and_noise, split

_LARGEST = 20.0  # normalised numbers beyond it are errors of the first steps


def ddim(
    denoise: Callable[[Tensor, float], Tensor],
    noise: Tensor,
    steps: int,
    prediction: Literal["epsilon", "v"],
) -> Tensor:
    """Numbers [n, C] that the noise [n, C] stands for.

    Parameters
    ----------
    denoise : callable
        (noisy numbers [n, C], time) -> prediction [n, C].
    noise : Tensor
        Where to begin.
    steps : int
        From time 1 to 0.
    prediction : {"epsilon", "v"}
        What `denoise` predicts.
    """
    times = torch.linspace(1, 0, steps + 1).tolist()
    x = noise
    clean = noise
    for now, then in pairwise(times):
        a, s = signal_and_noise(torch.tensor(now, device=x.device))
        clean, _ = split(prediction, denoise(x, now), x, a, s)
        clean = clean.clamp(-_LARGEST, _LARGEST)
        left = (x - a * clean) / s.clamp_min(1e-4)
        a, s = signal_and_noise(torch.tensor(then, device=x.device))
        x = a * clean + s * left
    return clean
