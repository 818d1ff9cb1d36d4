"""Attention bias from a learnable table over pairs of object ids."""

import torch
from torch import Tensor, nn

from thesis_arch.data_spec import DataSpec
from thesis_arch.physics.couplings import N_IDS, fixed_couplings
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.physics.observer import Observer
from thesis_arch.physics.requirements import available_features
from thesis_arch.statistics import Standardise
from thesis_arch.transformer_classifier.attention_biases.gate import Gate
from thesis_arch.transformer_classifier.attention_biases.id_pairs import look_up
from thesis_arch.transformer_classifier.bias_config import TypepairKinematicConfig
from thesis_arch.transformer_classifier.config import TransformerConfig
from thesis_arch.transformer_classifier.small_mlp import SmallMlp

_GATE_HIDDEN = 8
_INITIAL_SPREAD = 0.1  # of a table that physics does not fill


class TypepairKinematicBias(nn.Module):
    """Symmetric table, times a function of one pairwise feature, mapped to the heads.

    Parameters
    ----------
    config : TransformerConfig
        `bias_config.typepair_kinematic` and heads.
    spec : DataSpec
        Without the energy, a gate that needs it is left out.
    """

    table: Tensor

    def __init__(self, config: TransformerConfig, spec: DataSpec) -> None:
        super().__init__()
        own = config.bias_config.typepair_kinematic
        table = _initial_table(own)
        if own.freeze_table:
            self.register_buffer("table", table)
        else:
            self.table = nn.Parameter(table)
        feature = (own.kinematic_feature,) if own.kinematic_gate else ()
        name = "classifier.model.attention_biases: the gate of typepair_kinematic"
        left = available_features(feature, spec, name) if feature else ()
        self.kinematics = KinematicGate(left) if left else None
        # Each head starts with the table as it is: with random signs some would prefer the pairs
        # that physics discourages.
        self.weight = nn.Parameter(torch.ones(config.heads))
        self.bias = nn.Parameter(torch.zeros(config.heads))
        self.gate = Gate()

    def symmetric_table(self) -> Tensor:
        """[8, 8] what each pair of ids gets; rows and columns of padding are 0."""
        real = self.table[1:, 1:]
        return nn.functional.pad((real + real.T) / 2, (1, 0, 1, 0))

    def forward(self, objects: EventObjects) -> Tensor:
        """[1, P, 1, H] of each pair."""
        values = look_up(self.symmetric_table(), objects)[:, None]
        if self.kinematics is not None:
            values = values * self.kinematics(objects)
        return self.gate(values * self.weight + self.bias)[None, :, None]


class KinematicGate(Observer):
    """MLP of one pairwise feature to a factor, which is 1 or so at the start."""

    def __init__(self, features: tuple[str, ...]) -> None:
        super().__init__()
        self.features = features
        self.standardise = Standardise(1)
        self.mlp = SmallMlp(1, _GATE_HIDDEN, 1)
        nn.init.ones_(self.mlp.out.bias)

    def observe(self, objects: EventObjects) -> None:
        self.standardise.observe(objects.features(self.features))

    def finish(self) -> None:
        self.standardise.finish()

    def forward(self, objects: EventObjects) -> Tensor:
        """[P, 1] of each pair."""
        return self.mlp(self.standardise(objects.features(self.features)))


def _initial_table(config: TypepairKinematicConfig) -> Tensor:
    if config.init_from_physics == "none":
        return _INITIAL_SPREAD * torch.randn(N_IDS, N_IDS)
    return fixed_couplings(config.init_from_physics, config.mask_value)
