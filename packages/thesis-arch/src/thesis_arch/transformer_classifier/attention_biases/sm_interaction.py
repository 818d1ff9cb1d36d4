"""Fixed attention bias from the couplings of the Standard Model (arXiv:2211.05143)."""

import torch
from torch import Tensor, nn

from thesis_arch.data_spec import DataSpec
from thesis_arch.physics.couplings import (
    fixed_couplings,
    running_couplings,
    running_factors,
    uncoupled,
)
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.physics.requirements import require_directions
from thesis_arch.transformer_classifier.attention_biases.gate import Gate
from thesis_arch.transformer_classifier.attention_biases.id_pairs import look_up
from thesis_arch.transformer_classifier.config import TransformerConfig


class SmInteractionBias(nn.Module):
    """How strongly two objects can interact, times a positive scale for each head.

    A scale of either sign would turn a mask into what a head looks at first.

    Parameters
    ----------
    config : TransformerConfig
        `bias_config.sm_interaction` and heads.
    spec : DataSpec
        Running couplings need momenta.
    """

    table: Tensor
    factors: Tensor

    def __init__(self, config: TransformerConfig, spec: DataSpec) -> None:
        super().__init__()
        own = config.bias_config.sm_interaction
        self.runs = own.mode == "running_coupling"
        if own.mode == "running_coupling":
            require_directions(spec, "classifier.model.attention_biases: sm_interaction")
            self.register_buffer("table", own.mask_value * uncoupled())
            self.register_buffer("factors", running_factors())
        else:
            self.register_buffer("table", fixed_couplings(own.mode, own.mask_value))
        self.log_scale = nn.Parameter(torch.zeros(config.heads))
        self.gate = Gate(keeps_sign=True)

    def forward(self, objects: EventObjects) -> Tensor:
        """[1, P, 1, H] of each pair."""
        return self.gate(self.prior(objects)[:, None] * self.log_scale.exp())[None, :, None]

    def prior(self, objects: EventObjects) -> Tensor:
        """[P] coupling of each pair; running ones at the mean pt of the two."""
        values = look_up(self.table, objects)
        if not self.runs:
            return values
        pairs, pt = objects.pairs, objects.momenta.pt
        scale = (pt[pairs.first_object] + pt[pairs.second_object]) / 2
        return values + (look_up(self.factors, objects) * running_couplings(scale)).sum(-1)
