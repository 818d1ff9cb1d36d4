"""Continuous features alone: what can be known without object identification."""

from torch import Tensor, nn

from thesis_arch.inputs import ObjectInputs
from thesis_arch.physics.event_objects import EventObjects


class RawTokenizer(nn.Module):
    """Pass the normalised features on and ignore the ids.

    Parameters
    ----------
    inputs : ObjectInputs
        Normalises continuous features.
    """

    def __init__(self, inputs: ObjectInputs) -> None:
        super().__init__()
        self.inputs = inputs
        self.out_features = inputs.n_features
        self.columns = inputs.columns

    def forward(self, objects: EventObjects) -> Tensor:
        """[n, out_features] of n objects."""
        return self.inputs(objects.cont)
