"""Four-momenta from (E, pt, eta, phi)."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class FourMomentum:
    """Kinematics of objects, each [N].

    Attributes
    ----------
    pt, eta, phi : Tensor
        Transverse momentum (GeV), pseudorapidity, azimuth (rad).
    mass2 : Tensor or None
        Squared mass (GeV²), not negative; None where the energy is unknown.
    """

    pt: Tensor
    eta: Tensor
    phi: Tensor
    mass2: Tensor | None

    @classmethod
    def of(cls, pt: Tensor, eta: Tensor, phi: Tensor, energy: Tensor | None) -> "FourMomentum":
        """From measured quantities; E < |p| by rounding counts as massless."""
        return cls(pt, eta, phi, None if energy is None else squared_mass(energy, pt, eta))

    def at(self, index: Tensor) -> "FourMomentum":
        """Those at `index` [P]."""
        mass2 = None if self.mass2 is None else self.mass2[index]
        return FourMomentum(self.pt[index], self.eta[index], self.phi[index], mass2)


def squared_mass(energy: Tensor, pt: Tensor, eta: Tensor) -> Tensor:
    """m² = E² − p² (GeV²), clamped at zero; summed in float64, where E² and p² nearly cancel."""
    energy64, pt64, eta64 = energy.double(), pt.double(), eta.double()
    momentum = pt64 * torch.cosh(eta64)
    return ((energy64 - momentum) * (energy64 + momentum)).clamp_min(0.0).to(pt.dtype)


def energy_of(mass: Tensor, pt: Tensor, eta: Tensor) -> Tensor:
    """E = sqrt(m² + p²) (GeV), summed in float64 and rounded once, to the precision of pt.

    `squared_mass` finds m² again to within 2 E times that rounding.
    """
    momentum = pt.double() * torch.cosh(eta.double())
    return torch.hypot(mass.double(), momentum).to(pt.dtype)


def delta_phi(phi_i: Tensor, phi_j: Tensor) -> Tensor:
    """Azimuthal difference wrapped to [-pi, pi) (rad); broadcasts."""
    return torch.remainder(phi_i - phi_j + torch.pi, 2 * torch.pi) - torch.pi
