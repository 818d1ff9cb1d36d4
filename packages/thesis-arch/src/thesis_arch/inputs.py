"""From physical units to numbers of order one."""

from typing import Literal

import torch
from torch import Tensor

from thesis_arch.data_spec import FEATURES, DataSpec
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.physics.four_momentum import energy_of, squared_mass
from thesis_arch.physics.observer import Observer
from thesis_arch.statistics import Standardise

_SMALLEST_GEV = 1e-3


class ObjectInputs(Observer):
    """Continuous features of objects, normalised by statistics of valid training objects.

    E, pt and eta are standardised, with `log_zscore` after taking logarithms of E and pt. phi is
    an angle without mean or width: it enters as sin and cos. `none` passes all through as it is.

    Parameters
    ----------
    spec : DataSpec
        Which features the batches carry.
    norm : {"zscore", "log_zscore", "none"}
        How to normalise.
    with_mass : bool
        Put ln(1 + m / GeV) in the place of E, where pt and eta are known too: of an object of
        10 GeV in 1 TeV, E in units of its width says nothing of the mass.

    Attributes
    ----------
    n_features : int
        Numbers that an object becomes.
    columns : dict
        Which of them each feature becomes.
    """

    def __init__(
        self,
        spec: DataSpec,
        norm: Literal["zscore", "log_zscore", "none"],
        *,
        with_mass: bool = False,
    ) -> None:
        super().__init__()
        self.norm = norm
        energy, pt, eta = (spec.column(name) for name in ("E", "Pt", "eta"))
        self.mass_columns = None
        if with_mass and energy is not None and pt is not None and eta is not None:
            self.mass_columns = (energy, pt, eta)
        phi = spec.column("phi")
        self.angle = phi if norm != "none" else None
        n_columns = len(spec.cont_features)
        self.linear_columns = [c for c in range(n_columns) if c != self.angle]
        scales = (None if self.mass_columns else energy, pt) if norm == "log_zscore" else ()
        self.log_columns = [self.linear_columns.index(c) for c in scales if c is not None]
        self.standardise = Standardise(len(self.linear_columns))
        self.n_features = len(self.linear_columns) + (0 if self.angle is None else 2)
        names = [FEATURES[spec.cont_features[c]] for c in self.linear_columns]
        if self.mass_columns:
            names[names.index("E")] = "mass"
        self.columns = {name: [column] for column, name in enumerate(names)}
        if self.angle is not None:
            self.columns["phi"] = [self.n_features - 2, self.n_features - 1]

    def observe(self, objects: EventObjects) -> None:
        if self.norm != "none":
            self.standardise.observe(self._linear(objects.cont))

    def finish(self) -> None:
        if self.norm != "none":
            self.standardise.finish()

    def forward(self, cont: Tensor) -> Tensor:
        """[N, F] in GeV and rad -> [N, n_features]."""
        features = self.standardise(self._linear(cont))
        if self.angle is None:
            return features
        phi = cont[:, self.angle, None]
        return torch.cat([features, phi.sin(), phi.cos()], dim=-1)

    def invert(self, features: Tensor) -> Tensor:
        """[N, n_features] -> [N, F] in GeV and rad; phi in (-pi, pi]."""
        linear = features[:, : len(self.linear_columns)] * self.standardise.std
        linear = linear + self.standardise.mean
        if self.log_columns:
            linear[:, self.log_columns] = linear[:, self.log_columns].exp()
        columns = dict(zip(self.linear_columns, linear.unbind(-1), strict=True))
        if self.mass_columns:
            energy, pt, eta = self.mass_columns
            mass = columns[energy].expm1().clamp_min(0)
            columns[energy] = energy_of(mass, columns[pt], columns[eta])
        if self.angle is not None:
            columns[self.angle] = torch.atan2(features[:, -2], features[:, -1])
        return torch.stack([columns[column] for column in sorted(columns)], dim=-1)

    def _linear(self, cont: Tensor) -> Tensor:
        columns = cont[:, self.linear_columns]
        if self.mass_columns:
            energy, pt, eta = self.mass_columns
            mass2 = squared_mass(cont[:, energy], cont[:, pt], cont[:, eta])
            columns[:, self.linear_columns.index(energy)] = mass2.sqrt().log1p()
        if self.log_columns:
            columns[:, self.log_columns] = (
                columns[:, self.log_columns].clamp_min(_SMALLEST_GEV).log()
            )
        return columns


class MetInputs(Observer):
    """MET as standardised ln(1 + MET / GeV), its direction as sin and cos."""

    def __init__(self) -> None:
        super().__init__()
        self.standardise = Standardise(1)

    def observe(self, objects: EventObjects) -> None:
        self.standardise.observe(objects.globals[:, :1].log1p())

    def finish(self) -> None:
        self.standardise.finish()

    def forward(self, globals_: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 2] -> magnitude [B, 1], direction [B, 2]."""
        phi = globals_[:, 1:]
        return self.standardise(globals_[:, :1].log1p()), torch.cat([phi.sin(), phi.cos()], dim=-1)


def require_met(spec: DataSpec) -> None:
    """Raise where a model is to see MET, and the events have none."""
    if not spec.has_globals:
        raise ValueError(
            "classifier.globals.include_met: found true, but the events carry no MET "
            "(data.globals.present is false)"
        )
