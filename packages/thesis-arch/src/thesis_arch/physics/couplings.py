"""Strengths of Standard Model interactions between kinds of objects (arXiv:2211.05143)."""

import math
from typing import Literal

import torch
from torch import Tensor

JET, B_JET, POSITRON, ELECTRON, ANTIMUON, MUON, PHOTON = range(1, 8)
N_IDS = 8
"""Object ids, padding (0) included."""

G_STRONG = 1.22
G_ELECTRIC = 0.31
G_Z = 0.758

ALPHA_STRONG = 0.118  # at the Z mass, as the next one
ALPHA_ELECTRIC = 1 / 127.5
Z_MASS = 91.1876  # GeV
TOP_MASS = 172.57  # GeV
_SMALLEST_SCALE = 1.0  # GeV; at 0.09 GeV the strong coupling of one loop would have its pole

# The charge of a jet is that of a quark unknown, so a mean one.
_CHARGES = {JET: 1 / 2, B_JET: 1 / 3, POSITRON: 1, ELECTRON: 1, ANTIMUON: 1, MUON: 1}
STRONG_PAIRS = {(JET, JET): 1.0, (JET, B_JET): 1.0, (B_JET, B_JET): 1.0}
PHOTON_PAIRS = {(PHOTON, fermion): charge for fermion, charge in _CHARGES.items()}
Z_PAIRS = {(POSITRON, ELECTRON): 1.0, (ANTIMUON, MUON): 1.0}


def fixed_couplings(mode: Literal["binary", "fixed_coupling"], mask_value: float) -> Tensor:
    """[8, 8] coupling (binary: 1) of each pair of ids, `mask_value` for pairs without one.

    Rows and columns of padding are 0.
    """
    couplings = (
        G_STRONG * _table(STRONG_PAIRS) + G_ELECTRIC * _table(PHOTON_PAIRS) + G_Z * _table(Z_PAIRS)
    )
    if mode == "binary":
        couplings = (couplings > 0).float()
    return couplings + mask_value * uncoupled()


def running_factors() -> Tensor:
    """[8, 8, 2] factors of the strong and of the electric coupling at the scale of a pair.

    The coupling to the Z runs as the electric one does, out of which it is made.
    """
    z_to_electric = G_Z / math.sqrt(4 * math.pi * ALPHA_ELECTRIC)
    electric = _table(PHOTON_PAIRS) + z_to_electric * _table(Z_PAIRS)
    return torch.stack([_table(STRONG_PAIRS), electric], dim=-1)


def uncoupled() -> Tensor:
    """[8, 8], 1 for pairs of ids without a coupling, 0 for others and for padding."""
    coupled = _table(STRONG_PAIRS) + _table(PHOTON_PAIRS) + _table(Z_PAIRS)
    without = (coupled == 0).float()
    without[0] = without[:, 0] = 0
    return without


def running_couplings(scale: Tensor) -> Tensor:
    """Strong and electric coupling g = √(4πα) at `scale` (GeV); [...] -> [..., 2]."""
    alphas = torch.stack([alpha_strong(scale), alpha_electric(scale)], dim=-1)
    return (4 * math.pi * alphas).sqrt()


def alpha_strong(scale: Tensor) -> Tensor:
    """One-loop α_s with five flavours below the top mass and six from there on."""
    n_flavours = torch.where(scale < TOP_MASS, 5.0, 6.0)
    slope = (33 - 2 * n_flavours) / (12 * math.pi)
    return ALPHA_STRONG / (1 + ALPHA_STRONG * slope * _log_scale(scale))


def alpha_electric(scale: Tensor) -> Tensor:
    """One-loop α_em with all charged fermions but the top quark, which joins at its mass."""
    charges = torch.where(scale < TOP_MASS, 20 / 3, 20 / 3 + 4 / 3)  # Σ N_c Q²
    slope = charges / (3 * math.pi)
    return ALPHA_ELECTRIC / (1 - ALPHA_ELECTRIC * slope * _log_scale(scale))


def _log_scale(scale: Tensor) -> Tensor:
    return 2 * (scale.clamp_min(_SMALLEST_SCALE) / Z_MASS).log()


def _table(pairs: dict[tuple[int, int], float]) -> Tensor:
    """[8, 8], symmetric, 0 where there is no entry."""
    table = torch.zeros(N_IDS, N_IDS)
    for (a, b), value in pairs.items():
        table[a, b] = table[b, a] = value
    return table
