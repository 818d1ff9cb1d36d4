"""A multilayer perceptron on a table of features."""

from collections.abc import Iterable
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from thesis_arch.dropout import ByteDropout
from thesis_arch.simple.config import SimpleMLPConfig, TableSpec
from thesis_arch.statistics import Standardise

ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}


class Rows(Protocol):
    """A batch of rows: ``x`` [B, F]."""

    @property
    def x(self) -> Tensor: ...


class SimpleMLP(nn.Module):
    """Standardised features -> hidden layers -> outputs.

    Parameters
    ----------
    config : SimpleMLPConfig
        Layers.
    spec : TableSpec
        Number of features and of outputs.
    """

    architecture = "simple_mlp"
    config_class = SimpleMLPConfig
    spec_class = TableSpec

    def __init__(self, config: SimpleMLPConfig, spec: TableSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        self.standardise = Standardise(spec.n_features)
        hidden = hidden_layers(spec.n_features, config)
        self.layers = nn.Sequential(*hidden, nn.Linear(config.hidden_sizes[-1], spec.n_outputs))

    def fit_statistics(self, batches: Iterable[Rows]) -> None:
        """Set the normalisation from training rows."""
        for batch in batches:
            self.standardise.observe(batch.x)
        self.standardise.finish()

    def forward(self, batch: Rows) -> Tensor:
        """Outputs [B, n_outputs]."""
        return self.layers(self.standardise(batch.x))

    @torch.no_grad()
    def event_scores(self, batch: Rows) -> dict[str, Tensor]:
        """``outputs`` [B, n_outputs], float32."""
        return {"outputs": self.forward(batch).float()}

    def effective_axes(self) -> dict[str, Any]:
        """Coordinates in design space that only the built model knows."""
        return {"n_parameters": sum(p.numel() for p in self.parameters())}


def hidden_layers(width: int, config: SimpleMLPConfig) -> list[nn.Module]:
    """Linear, (batch norm,) activation and dropout for each hidden size, from `width` inputs."""
    layers: list[nn.Module] = []
    for size in config.hidden_sizes:
        layers.append(nn.Linear(width, size))
        if config.use_batch_norm:
            layers.append(nn.BatchNorm1d(size))
        layers += [ACTIVATIONS[config.activation](), ByteDropout(config.dropout)]
        width = size
    return layers
