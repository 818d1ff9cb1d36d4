"""Boosted decision trees of xgboost, as a model that scores events like any other."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
import xgboost
from torch import Tensor, nn

from thesis_arch.baselines.bdt_config import BDTSpec
from thesis_arch.baselines.table import TableLayout
from thesis_arch.data_spec import DataSpec
from thesis_arch.events import Events
from thesis_arch.inputs import require_met


class BoostedTrees(nn.Module):
    """Table of an event -> trees -> logits.

    Nothing here is trained by gradients: a loop grows the trees and gives them to `booster`. They
    are saved with the module, as the bytes of xgboost's own format (UBJSON).

    Parameters
    ----------
    config : BDTSpec
        All options of the model.
    spec : DataSpec
        What the events look like.
    """

    architecture = "bdt_classifier"
    config_class = BDTSpec
    spec_class = DataSpec

    def __init__(self, config: BDTSpec, spec: DataSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        if config.globals.include_met:
            require_met(spec)
        self.layout = TableLayout(
            spec,
            with_met=config.globals.include_met,
            with_physics=config.model.features == "physics",
        )
        self.booster: xgboost.Booster | None = None

    def fit_statistics(self, batches: Iterable[Events]) -> None:
        """Nothing to do: a cut is the same cut in any unit."""

    def forward(self, batch: Events) -> Tensor:
        """Logits [B, C]; of two classes the first one's are 0."""
        rows = self.layout.rows(batch)
        if self.booster is None:
            margins = np.zeros((len(rows), self.spec.n_classes), dtype=np.float32)
        else:
            margins = self.booster.inplace_predict(rows, predict_type="margin")
        return logits_of(margins).to(batch.mask.device)

    @torch.no_grad()
    def event_scores(self, batch: Events) -> dict[str, Tensor]:
        """Per-event results: ``logits`` [B, C], float32."""
        return {"logits": self.forward(batch)}

    def effective_axes(self) -> dict[str, Any]:
        """Coordinates in design space that only the built model knows: none before it grew."""
        return {}

    @property
    def trees(self) -> bytearray | None:
        """All of them in UBJSON; None before there are any."""
        return None if self.booster is None else self.booster.save_raw(raw_format="ubj")

    def get_extra_state(self) -> Tensor:
        """The trees as bytes, uint8; empty before there are any."""
        return torch.from_numpy(np.frombuffer(self.trees or b"", dtype=np.uint8).copy())

    def set_extra_state(self, state: Tensor) -> None:
        """The trees from their bytes."""
        self.booster = None
        if len(state):
            self.booster = xgboost.Booster(model_file=bytearray(state.numpy().tobytes()))


def logits_of(margins: np.ndarray) -> Tensor:
    """Logits [N, C] of what xgboost calls margins: [N, C], or [N] of class 1 of two."""
    values = torch.from_numpy(margins)
    # Class by class in memory, which sums over classes like.
    return torch.stack([torch.zeros_like(values), values]).T if values.ndim == 1 else values
