"""How much of an event is left at a time of the diffusion, from 0 (all) to 1 (almost nothing)."""

import math
from typing import Literal

from torch import Tensor

_OFFSET = 0.008  # of the cosine schedule, so that the first steps are not lost
_LEAST_SIGNAL = 1e-4  # at time 1: a predicted noise can still be turned into an event


def signal_and_noise(time: Tensor) -> tuple[Tensor, Tensor]:
    """Factors a and s of x_t = a x + s noise, a² + s² = 1.

    The cosine schedule of Nichol and Dhariwal (arXiv:2102.09672, eq. 17) in continuous time.
    """
    angle = (time + _OFFSET) / (1 + _OFFSET) * (math.pi / 2)
    start = math.cos(_OFFSET / (1 + _OFFSET) * math.pi / 2)
    kept = (angle.cos() / start).square().clamp(_LEAST_SIGNAL, 1)
    return kept.sqrt(), (1 - kept).sqrt()


def wanted(
    prediction: Literal["epsilon", "v"], x: Tensor, noise: Tensor, a: Tensor, s: Tensor
) -> Tensor:
    """What the denoiser has to say: the noise, or v = a noise - s x."""
    return noise if prediction == "epsilon" else a * noise - s * x


def split(
    prediction: Literal["epsilon", "v"], said: Tensor, noisy: Tensor, a: Tensor, s: Tensor
) -> tuple[Tensor, Tensor]:
    """The event and the noise that `noisy` is made of, as the denoiser says."""
    if prediction == "epsilon":
        return (noisy - s * said) / a, said
    return a * noisy - s * said, s * noisy + a * said
