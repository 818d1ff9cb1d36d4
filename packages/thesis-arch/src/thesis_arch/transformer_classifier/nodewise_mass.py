"""Masses of each object's neighbourhood, added to its embedding (Li et al., 2024)."""

from torch import Tensor, nn

from thesis_arch.data_spec import DataSpec
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.physics.neighbour_mass import squared_neighbour_masses
from thesis_arch.physics.observer import Observer
from thesis_arch.physics.pairwise import floored_log
from thesis_arch.physics.requirements import require_directions
from thesis_arch.statistics import Standardise
from thesis_arch.transformer_classifier.config import NodewiseMassConfig
from thesis_arch.transformer_classifier.small_mlp import SmallMlp


def nodewise_mass(config: NodewiseMassConfig, dim: int, spec: DataSpec) -> "NodewiseMass | None":
    """What the config asks for; None where that is nothing, or where the data have no energy."""
    if not config.enabled:
        return None
    require_directions(spec, "classifier.model.nodewise_mass")
    return NodewiseMass(config, dim) if spec.has_energy else None


class NodewiseMass(Observer):
    """MLP of ln m of the k objects closest to each, for several k.

    Parameters
    ----------
    config : NodewiseMassConfig
        The k, and the size of the hidden layer.
    dim : int
        Width of a token, D.
    """

    def __init__(self, config: NodewiseMassConfig, dim: int) -> None:
        super().__init__()
        self.k_values = config.k_values
        self.standardise = Standardise(len(config.k_values))
        self.mlp = SmallMlp(len(config.k_values), config.hidden_dim, dim)
        # Training starts from the model without masses.
        nn.init.zeros_(self.mlp.out.weight)
        nn.init.zeros_(self.mlp.out.bias)

    def observe(self, objects: EventObjects) -> None:
        self.standardise.observe(self._log_masses(objects))

    def finish(self) -> None:
        self.standardise.finish()

    def forward(self, objects: EventObjects) -> Tensor:
        """[n, D] to be added to the embeddings of the objects."""
        return self.mlp(self.standardise(self._log_masses(objects)))

    def _log_masses(self, objects: EventObjects) -> Tensor:
        return floored_log(squared_neighbour_masses(objects, self.k_values)) / 2
