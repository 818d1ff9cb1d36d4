"""What a physicist would compute of an event first: numbers, sums, masses and distances.

Everything is a function of all objects of the event, whatever slot they are in, and NaN where
the event has nothing to compute it from.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from thesis_arch.data_spec import DataSpec
from thesis_arch.events import Events
from thesis_arch.physics.four_momentum import delta_phi

IDS = {"jet": 1, "b": 2, "e+": 3, "e-": 4, "mu+": 5, "mu-": 6, "photon": 7}
JETS, LEPTONS = ("jet", "b"), ("e+", "e-", "mu+", "mu-")

_N_JET_PTS, _N_B_PTS, _N_LEPTON_PTS = 6, 4, 2


@dataclass(frozen=True)
class Objects:
    """All objects of B events in T slots, hardest first, in float64.

    Attributes
    ----------
    energy, pt, eta, phi : Tensor
        [B, T] (GeV, GeV, 1, rad); 0 in empty slots.
    ids : Tensor
        [B, T], 0 in empty slots.
    """

    energy: Tensor
    pt: Tensor
    eta: Tensor
    phi: Tensor
    ids: Tensor

    @classmethod
    def of(cls, batch: Events, spec: DataSpec) -> "Objects":
        """From a batch that carries all four features."""
        cont = batch.tokens_cont.double().masked_fill(~batch.mask[..., None], 0.0)
        ids = batch.tokens_id.masked_fill(~batch.mask, 0)
        order = cont[..., spec.cont_features.index(1)].argsort(dim=1, descending=True, stable=True)
        energy, pt, eta, phi = (
            cont[..., spec.cont_features.index(i)].gather(1, order) for i in range(4)
        )
        return cls(energy, pt, eta, phi, ids.gather(1, order))

    def are(self, *names: str) -> Tensor:
        """[B, T] bool: objects of any of these kinds."""
        return torch.isin(self.ids, self.ids.new_tensor([IDS[name] for name in names]))

    @property
    def momentum(self) -> tuple[Tensor, Tensor, Tensor]:
        """px, py, pz, each [B, T] (GeV)."""
        return (
            self.pt * self.phi.cos(),
            self.pt * self.phi.sin(),
            self.pt * self.eta.sinh(),
        )


def physics_columns(objects: Objects, met: Tensor | None) -> dict[str, Tensor]:
    """Each column [B] by name.

    Parameters
    ----------
    objects : Objects
        Of B events.
    met : Tensor or None
        [B, 2] MET (GeV) and METphi (rad), for what needs them.
    """
    columns = _multiplicities(objects) | _sums(objects) | _masses(objects) | _pairs(objects)
    if met is not None:
        columns |= _with_met(objects, met.double())
    return columns


def _multiplicities(objects: Objects) -> dict[str, Tensor]:
    columns = {f"n_{name}": objects.are(name).sum(1) for name in IDS}
    columns["n_jets"] = objects.are(*JETS).sum(1)
    columns["n_leptons"] = objects.are(*LEPTONS).sum(1)
    columns["n_objects"] = (objects.ids > 0).sum(1)
    columns["lepton_charge"] = objects.are("e+", "mu+").sum(1) - objects.are("e-", "mu-").sum(1)
    return columns


def _sums(objects: Objects) -> dict[str, Tensor]:
    jets, leptons, b_jets = objects.are(*JETS), objects.are(*LEPTONS), objects.are("b")
    ht = _sum(objects.pt, jets)
    columns = {
        "HT": ht,
        "HT_b": _sum(objects.pt, b_jets),
        "HT_leptons": _sum(objects.pt, leptons),
        "centrality": _known(ht / _sum(objects.energy, jets), jets.any(1)),
    }
    for name, chosen, n in (
        ("jets", jets, _N_JET_PTS),
        ("b", b_jets, _N_B_PTS),
        ("leptons", leptons, _N_LEPTON_PTS),
    ):
        columns |= {f"pt_{name}_{k + 1}": pt for k, pt in enumerate(_nth(objects.pt, chosen, n))}
    return columns


def _masses(objects: Objects) -> dict[str, Tensor]:
    jets, leptons, b_jets = objects.are(*JETS), objects.are(*LEPTONS), objects.are("b")
    return {
        "mass_all": _mass(objects, objects.ids > 0),
        "mass_jets": _mass(objects, jets),
        "mass_b": _mass(objects, b_jets),
        "mass_leading_4_jets": _mass(objects, _first(jets, 4)),
        "mass_leading_jets": _mass(objects, _first(jets, 2), at_least=2),
        "mass_leading_b": _mass(objects, _first(b_jets, 2), at_least=2),
        "mass_leading_leptons": _mass(objects, _first(leptons, 2), at_least=2),
    }


def _pairs(objects: Objects) -> dict[str, Tensor]:
    jets, leptons, b_jets = objects.are(*JETS), objects.are(*LEPTONS), objects.are("b")
    masses, distances = _pair_masses(objects), _pair_distances(objects)
    columns = {}
    for name, one, other in (("b", b_jets, b_jets), ("leptons", leptons, leptons)):
        pairs = _pairs_of(one, other)
        columns[f"min_mass_{name}"] = _extreme(masses, pairs, largest=False)
        columns[f"max_mass_{name}"] = _extreme(masses, pairs, largest=True)
    for name, one, other in (
        ("b", b_jets, b_jets),
        ("jets", jets, jets),
        ("lepton_b", leptons, b_jets),
    ):
        columns[f"min_dR_{name}"] = _extreme(distances, _pairs_of(one, other), largest=False)
    return columns


def _with_met(objects: Objects, met: Tensor) -> dict[str, Tensor]:
    size, phi = met[:, 0], met[:, 1]
    jets, leptons = objects.are(*JETS), objects.are(*LEPTONS)
    ht = _sum(objects.pt, jets)
    lepton_pt = _nth(objects.pt, leptons, 1)[0]
    angle = delta_phi(_nth(objects.phi, leptons, 1)[0], phi)
    return {
        "MET_significance": _known(size / ht.sqrt(), jets.any(1)),
        "ST": _sum(objects.pt, objects.ids > 0) + size,
        "mT_lepton": (2 * lepton_pt * size * (1 - angle.cos())).clamp_min(0.0).sqrt(),
    }


def _sum(values: Tensor, chosen: Tensor) -> Tensor:
    return (values * chosen).sum(1)


def _known(values: Tensor, known: Tensor) -> Tensor:
    return torch.where(known, values, torch.nan)


def _first(chosen: Tensor, n: int) -> Tensor:
    """[B, T] bool: the n hardest of the chosen."""
    return chosen & (chosen.cumsum(1) <= n)


def _nth(values: Tensor, chosen: Tensor, n: int) -> list[Tensor]:
    """The value [B] of the hardest, second, … n-th of the chosen; NaN where there are fewer."""
    rank = chosen.cumsum(1)
    at = [chosen & (rank == k + 1) for k in range(n)]
    return [_known(_sum(values, which), which.any(1)) for which in at]


def _mass(objects: Objects, chosen: Tensor, at_least: int = 1) -> Tensor:
    """Invariant mass [B] (GeV) of the chosen together; NaN where they are fewer."""
    energy = _sum(objects.energy, chosen)
    squared = energy.square() - sum(_sum(p, chosen).square() for p in objects.momentum)
    return _known(squared.clamp_min(0.0).sqrt(), chosen.sum(1) >= at_least)


def _pair_masses(objects: Objects) -> Tensor:
    """[B, T, T] invariant masses (GeV)."""
    squared = _added(objects.energy).square()
    for component in objects.momentum:
        squared = squared - _added(component).square()
    return squared.clamp_min(0.0).sqrt()


def _added(values: Tensor) -> Tensor:
    return values[:, :, None] + values[:, None, :]


def _pair_distances(objects: Objects) -> Tensor:
    """[B, T, T] distances in (eta, phi)."""
    d_eta = objects.eta[:, :, None] - objects.eta[:, None, :]
    return torch.hypot(d_eta, delta_phi(objects.phi[:, :, None], objects.phi[:, None, :]))


def _pairs_of(one: Tensor, other: Tensor) -> Tensor:
    """[B, T, T] bool: pairs of different objects, one of each kind."""
    different = ~torch.eye(one.shape[1], dtype=torch.bool, device=one.device)
    return one[:, :, None] & other[:, None, :] & different


def _extreme(values: Tensor, pairs: Tensor, largest: bool) -> Tensor:
    """[B] largest or smallest value of the pairs; NaN without one."""
    outside = -math.inf if largest else math.inf
    flat = values.masked_fill(~pairs, outside).flatten(1)
    found = flat.amax(1) if largest else flat.amin(1)
    return _known(found, pairs.flatten(1).any(1))
