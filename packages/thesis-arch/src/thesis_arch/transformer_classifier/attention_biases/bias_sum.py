"""The sum of the biases that `attention_biases` names, laid out for attention."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from thesis_arch.blocks import Blocks
from thesis_arch.data_spec import DataSpec
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.transformer_classifier.attention_biases.global_conditioned import (
    GlobalScale,
    global_conditioned,
)
from thesis_arch.transformer_classifier.attention_biases.lorentz_scalar import (
    LorentzScalarBias,
    lorentz_scalar,
)
from thesis_arch.transformer_classifier.attention_biases.maps import spread_over_maps
from thesis_arch.transformer_classifier.attention_biases.sm_interaction import SmInteractionBias
from thesis_arch.transformer_classifier.attention_biases.typepair_kinematic import (
    TypepairKinematicBias,
)
from thesis_arch.transformer_classifier.config import TransformerConfig

BIASES: dict[str, Callable[[TransformerConfig, DataSpec], nn.Module | None]] = {
    "lorentz_scalar": lorentz_scalar,
    "typepair_kinematic": TypepairKinematicBias,
    "sm_interaction": SmInteractionBias,
    "global_conditioned": global_conditioned,
}
"""Name -> what gives [1 | 2, P, 1 | branches, 1 | H] of `EventObjects`, or scales such a sum."""


@dataclass(frozen=True)
class PhysicsBias:
    """What acts on the logits of all attention layers.

    Attributes
    ----------
    pairs : list of Tensor or None
        Added: of each block [n, 1 | M, length, length], keys before queries; M counts all heads of
        the first branch, then those of the second.
    query_scale : Tensor or None
        [B, H] factors of the logits of each event.
    """

    pairs: list[Tensor] | None
    query_scale: Tensor | None


class AttentionBias(nn.Module):
    """All biases of a model. Pairwise features are computed once and shared by them.

    Pairs with a padded slot, with an extra token (CLS, MET), or of an object with itself get 0.

    Parameters
    ----------
    config : TransformerConfig
        `attention_biases`, `bias_config`, heads and branches.
    spec : DataSpec
        Features that the batches carry; without the energy, features that need it are left out.
    """

    def __init__(self, config: TransformerConfig, spec: DataSpec) -> None:
        super().__init__()
        self.config = config
        if config.attention_biases != "none" and not config.biases:
            warnings.warn(
                f"classifier.model.attention_biases={config.attention_biases} acts nowhere, since "
                "attention.diff_bias_mode is none",
                stacklevel=2,
            )
        self.biases = nn.ModuleDict()
        self.scale: GlobalScale | None = None
        self.lorentz_features: tuple[str, ...] = ()
        for name in config.biases:
            bias = BIASES[name](config, spec)
            if isinstance(bias, GlobalScale):
                self.scale = bias
            elif bias is not None:
                self.biases[name] = bias
            if isinstance(bias, LorentzScalarBias):
                self.lorentz_features = bias.features

    def effective_axes(self) -> dict[str, Any]:
        """What is left of `attention_biases` and of their features."""
        names = [*self.biases] + (["global_conditioned"] if self.scale is not None else [])
        axes: dict[str, Any] = {"attention_biases": "+".join(sorted(names)) or "none"}
        if self.lorentz_features:
            axes["lorentz_features"] = list(self.lorentz_features)
        for bias in self.biases.values():
            if isinstance(bias, TypepairKinematicBias):
                axes["typepair_kinematic_gate"] = bias.kinematics is not None
        return axes

    def forward(self, objects: EventObjects, tokens: Tensor, blocks: Blocks) -> PhysicsBias:
        """The bias of every attention layer.

        Parameters
        ----------
        objects : EventObjects
            The objects of the batch, n of them.
        tokens : Tensor
            [n] which tokens of the sequence the objects are.
        blocks : Blocks
            Layout of the whole sequence.
        """
        scale = None if self.scale is None else self.scale(objects)
        if not self.biases:
            return PhysicsBias(None, scale)
        total = sum(bias(objects) for bias in self.biases.values())
        if scale is not None:
            total = total * scale[objects.pairs.event][:, None]
        return PhysicsBias(
            spread_over_maps(total, self.config, objects.pairs, tokens, blocks), None
        )
