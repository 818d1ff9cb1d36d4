"""Continuous features beside the object id."""

import torch
from torch import Tensor, nn

from thesis_arch.inputs import ObjectInputs
from thesis_arch.object_ids import build_ids
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.transformer_classifier.config import IdOptions


class IdentityTokenizer(nn.Module):
    """Concatenate normalised features with what stands for the id.

    Parameters
    ----------
    inputs : ObjectInputs
        Normalises continuous features.
    num_types : int
        Number of ids, padding (0) included.
    config : IdOptions
        `pid_mode` and `id_embed_dim`.
    """

    def __init__(self, inputs: ObjectInputs, num_types: int, config: IdOptions) -> None:
        super().__init__()
        self.inputs = inputs
        self.ids = build_ids(config.pid_mode, num_types, config.id_embed_dim)
        self.out_features = inputs.n_features + self.ids.out_features
        id_columns = list(range(inputs.n_features, self.out_features))
        self.columns = {**inputs.columns, "id": id_columns}

    def forward(self, objects: EventObjects) -> Tensor:
        """[n, out_features] of n objects."""
        return torch.cat([self.inputs(objects.cont), self.ids(objects.ids)], dim=-1)
