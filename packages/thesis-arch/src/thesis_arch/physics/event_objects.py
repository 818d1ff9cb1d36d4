"""The objects of a batch with the kinematics that options ask for, each computed once."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from thesis_arch.data_spec import DataSpec
from thesis_arch.events import Events
from thesis_arch.packing import Packing
from thesis_arch.physics.four_momentum import FourMomentum
from thesis_arch.physics.pairwise import PAIRWISE_FEATURES, Pairs
from thesis_arch.physics.requirements import require_directions


@dataclass(frozen=True)
class EventObjects:
    """Packed objects in physical units; what is derived from them is made when it is asked for.

    Attributes
    ----------
    cont : Tensor
        [n, F] continuous features (GeV, rad).
    ids : Tensor
        [n] object ids.
    globals : Tensor
        [B, 2] MET (GeV) and METphi (rad) of each event.
    packing : Packing
        Where the objects belong.
    spec : DataSpec
        Which features they have.
    """

    cont: Tensor
    ids: Tensor
    globals: Tensor
    packing: Packing
    spec: DataSpec

    @classmethod
    def of(cls, batch: Events, spec: DataSpec) -> "EventObjects":
        """The objects of `batch`."""
        packing = Packing.of(batch.mask)
        cont, ids = packing.pack(batch.tokens_cont), packing.pack(batch.tokens_id).long()
        return cls(cont, ids, batch.globals, packing, spec)

    @property
    def mask(self) -> Tensor:
        """[B, T], True where there is an object."""
        return self.packing.mask

    @property
    def event(self) -> Tensor:
        """[n] event of each object."""
        return self.packing.event

    @cached_property
    def momenta(self) -> FourMomentum:
        """Of each object, [n].

        Raises
        ------
        ValueError
            The data have no pt, eta or phi.
        """
        require_directions(self.spec, "a four-momentum")
        pt, eta, phi = (self.cont[:, self.spec.column(name)] for name in ("Pt", "eta", "phi"))
        energy = self.spec.column("E")
        return FourMomentum.of(pt, eta, phi, None if energy is None else self.cont[:, energy])

    @cached_property
    def pairs(self) -> Pairs:
        """All unordered pairs of different objects of one event, P of them."""
        return Pairs.of(self.mask)

    def feature(self, name: str) -> Tensor:
        """[P] one of `PAIRWISE_FEATURES` of each pair."""
        if name not in self._features:
            self._features[name] = PAIRWISE_FEATURES[name](*self._ends)
        return self._features[name]

    def features(self, names: tuple[str, ...]) -> Tensor:
        """[P, len(names)] of each pair."""
        return torch.stack([self.feature(name) for name in names], dim=-1)

    @cached_property
    def _ends(self) -> tuple[FourMomentum, FourMomentum]:
        pairs = self.pairs
        return self.momenta.at(pairs.first_object), self.momenta.at(pairs.second_object)

    @cached_property
    def _features(self) -> dict[str, Tensor]:
        return {}
