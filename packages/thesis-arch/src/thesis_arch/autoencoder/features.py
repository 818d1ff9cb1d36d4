"""What is reconstructed: objects and MET in normalised units, in which each number has width 1."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from thesis_arch.data_spec import FEATURES, DataSpec
from thesis_arch.inputs import MetInputs, ObjectInputs
from thesis_arch.physics.event_objects import EventObjects

# sin and cos of an angle that takes all values alike have a standard deviation of √½
_ANGLE_WIDTH = 0.5**0.5


@dataclass(frozen=True)
class Truth:
    """What a decoder has to say of a batch.

    Attributes
    ----------
    momenta : Tensor
        [n, K] normalised features of the packed objects, phi as sin and cos.
    ids : Tensor
        [n] object ids from 1.
    met : Tensor or None
        [B, 3] normalised ln(1 + MET / GeV), sin and cos of METphi.
    """

    momenta: Tensor
    ids: Tensor
    met: Tensor | None


@dataclass(frozen=True)
class Found:
    """What a decoder says: as `Truth`, but for logits of the ids [n, I]."""

    momenta: Tensor
    id_logits: Tensor
    met: Tensor | None


class EventFeatures(nn.Module):
    """Between physical and normalised units, both ways.

    The mass stands for E (`ObjectInputs`): E, pt and eta say little of it together.

    Parameters
    ----------
    spec : DataSpec
        Which features the batches carry.
    norm : {"zscore", "log_zscore"}
        How momenta are normalised.
    with_met : bool
        Whether MET is reconstructed.

    Attributes
    ----------
    n_momenta, n_ids : int
        Numbers of an object, and object ids.
    """

    scale: Tensor

    def __init__(
        self, spec: DataSpec, norm: Literal["zscore", "log_zscore"], with_met: bool
    ) -> None:
        super().__init__()
        self.spec = spec
        self.inputs = ObjectInputs(spec, norm, with_mass=True)
        self.met = MetInputs() if with_met else None
        self.n_momenta, self.n_ids = self.inputs.n_features, spec.num_types - 1
        scale = torch.ones(self.n_momenta)
        scale[self.inputs.columns.get("phi", [])] = 1 / _ANGLE_WIDTH
        self.register_buffer("scale", scale, persistent=False)

    def forward(self, objects: EventObjects) -> Truth:
        """What there is to say of a batch."""
        met = None
        if self.met is not None:
            size, direction = self.met(objects.globals)
            met = torch.cat([size, direction / _ANGLE_WIDTH], dim=-1)
        return Truth(self.normalised(objects.cont), objects.ids, met)

    def normalised(self, cont: Tensor) -> Tensor:
        """[n, F] in GeV and rad, in the columns of the batches -> [n, K]."""
        return self.inputs(cont) * self.scale

    def to_physical(self, momenta: Tensor) -> Tensor:
        """Normalised [n, K] -> [n, F] in GeV and rad, in the columns of the batches."""
        return self.inputs.invert(momenta / self.scale)

    @property
    def direction_columns(self) -> list[int]:
        """Columns of eta and phi; none where one of them is unknown."""
        columns = self.inputs.columns
        return [*columns["eta"], *columns["phi"]] if {"eta", "phi"} <= columns.keys() else []

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        """Angular distance [P] of normalised momenta [P, K]; infinite where eta or phi is unknown.

        ΔR where it is small; of angles that differ much the chord stands for the arc.
        """
        if not self.direction_columns:
            return one.new_full((len(one),), torch.inf)
        apart = (one - other) / self.scale
        columns = self.inputs.columns
        eta = apart[:, columns["eta"]] * self.inputs.standardise.std[columns["eta"]]
        return torch.cat([eta, apart[:, columns["phi"]]], dim=-1).square().sum(-1).sqrt()

    @property
    def names(self) -> list[str]:
        """Name of each column of the normalised momenta."""
        own = [n for n in self.inputs.columns if n != "phi"]
        return own + (["sin phi", "cos phi"] if "phi" in self.inputs.columns else [])


def known_features(spec: DataSpec) -> tuple[str, ...]:
    """Names of the features that the batches carry, in their order."""
    return tuple(FEATURES[i] for i in spec.cont_features)
