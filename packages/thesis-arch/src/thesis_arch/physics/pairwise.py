"""Pairwise features of objects (Qu et al., Particle Transformer, arXiv:2202.03772, eq. 3).

All of them are symmetric, so each unordered pair of different objects is computed once, on
packed pairs [P]: a batch padded to T = 18 would have ten times as many slots.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from thesis_arch.physics.four_momentum import FourMomentum, delta_phi

_SMALLEST = 1e-6  # floor of what enters a logarithm


def dot(a: FourMomentum, b: FourMomentum) -> Tensor:
    """Minkowski product p_a·p_b (GeV²).

    With transverse masses mT and rapidities y it is a sum of terms that are never negative,

        mT_a mT_b (cosh Δy − 1) + (mT_a mT_b − pt_a pt_b) + pt_a pt_b (1 − cos Δφ),

    so that float32 keeps its relative precision where E_a E_b − p_a·p_b would cancel.
    """
    assert a.mass2 is not None
    assert b.mass2 is not None
    mt_a, mt_b = _transverse_mass(a), _transverse_mass(b)
    mt_product, pt_product = mt_a * mt_b, a.pt * b.pt
    boost = 2 * torch.sinh((_rapidity(a, mt_a) - _rapidity(b, mt_b)) / 2).square()
    opening = 2 * torch.sin((a.phi - b.phi) / 2).square()
    # mT_a² mT_b² − pt_a² pt_b² without its leading terms
    masses = a.mass2 * mt_b.square() + a.pt.square() * b.mass2
    excess = masses / (mt_product + pt_product).clamp_min(_SMALLEST)
    return mt_product * boost + excess + pt_product * opening


def m2(a: FourMomentum, b: FourMomentum) -> Tensor:
    """Squared invariant mass of the pair (GeV²)."""
    assert a.mass2 is not None
    assert b.mass2 is not None
    return a.mass2 + b.mass2 + 2 * dot(a, b)


def log_m2(a: FourMomentum, b: FourMomentum) -> Tensor:
    """ln m² (m² in GeV²)."""
    return floored_log(m2(a, b))


def delta_r(a: FourMomentum, b: FourMomentum) -> Tensor:
    """ΔR = √(Δη² + Δφ²)."""
    return torch.hypot(a.eta - b.eta, delta_phi(a.phi, b.phi))


def log_kt(a: FourMomentum, b: FourMomentum) -> Tensor:
    """ln kt, kt = min(pt) ΔR (GeV)."""
    return floored_log(torch.minimum(a.pt, b.pt) * delta_r(a, b))


def z(a: FourMomentum, b: FourMomentum) -> Tensor:
    """Momentum sharing min(pt) / (pt_a + pt_b)."""
    return torch.minimum(a.pt, b.pt) / (a.pt + b.pt).clamp_min(_SMALLEST)


def delta_r_ptw(a: FourMomentum, b: FourMomentum) -> Tensor:
    """ΔR (pt_a + pt_b) (GeV)."""
    return delta_r(a, b) * (a.pt + b.pt)


def floored_log(values: Tensor) -> Tensor:
    """ln of values, of 1e-6 at least."""
    return values.clamp_min(_SMALLEST).log()


PAIRWISE_FEATURES = {
    "m2": m2,
    "log_m2": log_m2,
    "dot": dot,
    "log_kt": log_kt,
    "z": z,
    "deltaR": delta_r,
    "deltaR_ptw": delta_r_ptw,
}
NEEDS_ENERGY = frozenset({"m2", "log_m2", "dot"})


@dataclass(frozen=True)
class Pairs:
    """Unordered pairs of different objects of one event.

    Attributes
    ----------
    event, first, second : Tensor
        [P] event and the two slots, first < second.
    first_object, second_object : Tensor
        [P] the two objects, counted along the packed objects.
    """

    event: Tensor
    first: Tensor
    second: Tensor
    first_object: Tensor
    second_object: Tensor

    @classmethod
    def of(cls, mask: Tensor) -> "Pairs":
        """All pairs of valid objects of `mask` [B, T]."""
        length = mask.shape[1]
        both = mask[:, :, None] & mask[:, None, :]
        upper = torch.ones(length, length, dtype=torch.bool, device=mask.device).triu(1)
        event, first, second = (both & upper).nonzero(as_tuple=True)
        rank = (mask.reshape(-1).cumsum(0) - 1).view_as(mask)
        return cls(event, first, second, rank[event, first], rank[event, second])


def _transverse_mass(p: FourMomentum) -> Tensor:
    assert p.mass2 is not None
    return (p.mass2 + p.pt.square()).sqrt()


def _rapidity(p: FourMomentum, transverse_mass: Tensor) -> Tensor:
    return torch.asinh(p.pt * torch.sinh(p.eta) / transverse_mass.clamp_min(_SMALLEST))
