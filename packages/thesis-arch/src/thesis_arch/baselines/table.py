"""Events as a flat table, a row each, in physical units."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from thesis_arch.baselines.physics_columns import Objects, physics_columns
from thesis_arch.data_spec import FEATURES, DataSpec
from thesis_arch.events import Events


@dataclass(frozen=True)
class TableLayout:
    """Which columns a table has.

    Attributes
    ----------
    spec : DataSpec
        What the events look like.
    with_met : bool
        MET and METphi are columns.
    with_physics : bool
        So is what a physicist would compute first.

    Raises
    ------
    ValueError
        The events lack a feature that the physics columns are made of.
    """

    spec: DataSpec
    with_met: bool
    with_physics: bool

    def __post_init__(self) -> None:
        missing = [name for name in FEATURES if self.spec.column(name) is None]
        if self.with_physics and missing:
            raise ValueError(
                "classifier.model.features: found physics, but data.cont_features leaves out "
                f"{', '.join(missing)}; use features=raw"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Names, in the order of the table."""
        return tuple(self._columns(_no_events(self.spec)))

    def rows(self, batch: Events) -> NDArray[np.float32]:
        """[B, n_columns]; NaN where there is nothing to say."""
        columns = torch.stack(list(self._columns(batch).values()), dim=1)
        return columns.to("cpu", torch.float32).numpy()

    def table(self, batches: Iterable[Events]) -> NDArray[np.float32]:
        """[N, n_columns] of all batches, one after the other."""
        return np.concatenate([self.rows(batch) for batch in batches])

    def _columns(self, batch: Events) -> dict[str, Tensor]:
        """Every column [B] by name."""
        columns = self._slots(batch)
        if self.with_met:
            columns |= {"MET": batch.globals[:, 0], "METphi": batch.globals[:, 1]}
        if self.with_physics:
            columns |= physics_columns(
                Objects.of(batch, self.spec), batch.globals if self.with_met else None
            )
        return columns

    def _slots(self, batch: Events) -> dict[str, Tensor]:
        """Features and id of each slot; batches are only as long as their longest event."""
        features = torch.cat([batch.tokens_cont, batch.tokens_id[..., None]], dim=-1)
        features = torch.where(batch.mask[..., None], features, torch.nan)
        missing = self.spec.n_tokens - features.shape[1]
        features = functional.pad(features, (0, 0, 0, missing), value=torch.nan)
        last = "id" if self.spec.vocab_size is None else "token"
        names = [*(FEATURES[i].lower() for i in self.spec.cont_features), last]
        return {
            f"{name}_{slot + 1}": features[:, slot, column]
            for slot in range(self.spec.n_tokens)
            for column, name in enumerate(names)
        }


@dataclass(frozen=True)
class _NoEvents:
    tokens_cont: Tensor
    tokens_id: Tensor
    globals: Tensor
    mask: Tensor


def _no_events(spec: DataSpec) -> Events:
    n_features = len(spec.cont_features)
    ids = torch.zeros(0, spec.n_tokens, dtype=torch.int64)
    return _NoEvents(torch.zeros(*ids.shape, n_features), ids, torch.zeros(0, 2), ids > 0)
