"""What the missing transverse momentum says about attention."""

import torch
from torch import Tensor, nn

from thesis_arch.data_spec import DataSpec
from thesis_arch.inputs import MetInputs
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.physics.requirements import require_directions
from thesis_arch.transformer_classifier.attention_biases.gate import Gate
from thesis_arch.transformer_classifier.config import TransformerConfig
from thesis_arch.transformer_classifier.small_mlp import SmallKan, SmallMlp

_NAME = "classifier.model.attention_biases: global_conditioned"


def global_conditioned(
    config: TransformerConfig, spec: DataSpec
) -> "GlobalScale | MetDirectionBias":
    """What `bias_config.global_conditioned.mode` asks for.

    Raises
    ------
    ValueError
        The data have no MET, or no directions to compare with.
    """
    if not spec.has_globals:
        raise ValueError(f"{_NAME} needs MET, but data.globals.present is false")
    if config.bias_config.global_conditioned.mode == "global_scale":
        return GlobalScale(config)
    require_directions(spec, _NAME)
    return MetDirectionBias(config)


class GlobalScale(nn.Module):
    """A factor for each head out of MET, 1 or so at the start.

    It multiplies the sum of other biases, or the logits where there is none: something added to
    all logits of a query would cancel in the softmax.

    Parameters
    ----------
    config : TransformerConfig
        `bias_config.global_conditioned` and heads.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.inputs = MetInputs()
        self.mlp = _network(1, config)
        self.gate = Gate()

    def forward(self, objects: EventObjects) -> Tensor:
        """[B, H] of each event."""
        size, _ = self.inputs(objects.globals)
        return 1 + self.gate(self.mlp(size))


class MetDirectionBias(nn.Module):
    """MLP of where two objects stand relative to the missing transverse momentum, and of its size.

    Who looks at whom makes a difference. Parameters are those of `GlobalScale`.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.inputs = MetInputs()
        self.mlp = _network(5, config)
        self.gate = Gate()

    def forward(self, objects: EventObjects) -> Tensor:
        """[2, P, 1, H]: the first object of each pair looks, then the second."""
        values = self.gate(self.mlp(self.features(objects).flatten(0, 1)))
        return values.unflatten(0, (2, -1))[:, :, None]

    def features(self, objects: EventObjects) -> Tensor:
        """[2, P, 5] sin, cos of φ − φ(MET) of who looks, the same of the other, size of MET."""
        pairs = objects.pairs
        angle = objects.momenta.phi - objects.globals[objects.event, 1]
        direction = torch.stack([angle.sin(), angle.cos()], dim=-1)
        first, second = direction[pairs.first_object], direction[pairs.second_object]
        size, _ = self.inputs(objects.globals)
        size = size[pairs.event]
        return torch.stack(
            [torch.cat([first, second, size], -1), torch.cat([second, first, size], -1)]
        )


def _network(n_in: int, config: TransformerConfig) -> SmallMlp | SmallKan:
    own = config.bias_config.global_conditioned
    sizes = (n_in, own.global_dim, config.heads)
    return SmallKan(*sizes, config.kan) if own.mlp_type == "kan" else SmallMlp(*sizes)
