"""Attention bias from a small MLP of pairwise features (as in ParT, arXiv:2202.03772)."""

import torch
from torch import Tensor, nn

from thesis_arch.data_spec import DataSpec
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.physics.observer import Observer
from thesis_arch.physics.requirements import available_features
from thesis_arch.statistics import Standardise
from thesis_arch.transformer_classifier.attention_biases.gate import Gate
from thesis_arch.transformer_classifier.config import TransformerConfig
from thesis_arch.transformer_classifier.small_mlp import SmallKan, SmallMlp

_NAME = "classifier.model.attention_biases: lorentz_scalar"


def lorentz_scalar(config: TransformerConfig, spec: DataSpec) -> "LorentzScalarBias | None":
    """The bias of those features that the data allow; None where there is none."""
    features = available_features(config.bias_config.lorentz_scalar.features, spec, _NAME)
    return LorentzScalarBias(config, features) if features else None


class LorentzScalarBias(Observer):
    """MLP of standardised pairwise features, times a learnable gate.

    Parameters
    ----------
    config : TransformerConfig
        `bias_config.lorentz_scalar`, heads and branches.
    features : tuple of str
        What enters.
    """

    def __init__(self, config: TransformerConfig, features: tuple[str, ...]) -> None:
        super().__init__()
        own = config.bias_config.lorentz_scalar
        self.features = features
        n_features = len(features)
        self.standardise = Standardise(n_features)
        # sigmoid(2) = 0.88: all features start nearly open
        self.feature_gates = (
            nn.Parameter(torch.full((n_features,), 2.0)) if own.sparse_gating else None
        )
        sizes = (n_features, own.hidden_dim, config.heads if own.per_head else 1)
        self.mlps = nn.ModuleList(
            SmallKan(*sizes, config.kan) if own.mlp_type == "kan" else SmallMlp(*sizes)
            for _ in range(config.branches if config.splits_lorentz_scalar else 1)
        )
        self.gate = Gate()

    def observe(self, objects: EventObjects) -> None:
        self.standardise.observe(objects.features(self.features))

    def finish(self) -> None:
        self.standardise.finish()

    def forward(self, objects: EventObjects) -> Tensor:
        """[1, P, 1 | branches, 1 | H] of each pair."""
        features = self.standardise(objects.features(self.features))
        if self.feature_gates is not None:
            features = features * torch.sigmoid(self.feature_gates)
        return self.gate(torch.stack([mlp(features) for mlp in self.mlps], dim=1))[None]
