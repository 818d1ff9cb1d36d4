"""The sum of the biases that `attention_biases` names, laid out for attention."""

import warnings

import torch
from torch import Tensor, nn

from thesis_arch.blocks import Blocks
from thesis_arch.data_spec import DataSpec
from thesis_arch.physics.four_momentum import FourMomentum
from thesis_arch.physics.pairwise import NEEDS_ENERGY, Pairs, pairwise_features
from thesis_arch.statistics import Standardise
from thesis_arch.transformer_classifier.attention_biases.lorentz_scalar import LorentzScalarBias
from thesis_arch.transformer_classifier.config import TransformerConfig


class AttentionBias(nn.Module):
    """All biases of a model. Pairwise features are computed once and shared by them.

    Pairs with a padded slot, with an extra token (CLS, MET), or of an object with itself get 0.

    Parameters
    ----------
    config : TransformerConfig
        `attention_biases`, `bias_config` and `heads`.
    spec : DataSpec
        Features that the batches carry; without the energy, features that need it are left out.
    """

    def __init__(self, config: TransformerConfig, spec: DataSpec) -> None:
        super().__init__()
        self.spec = spec
        self.biases = nn.ModuleDict()
        self.features: tuple[str, ...] = ()
        if "lorentz_scalar" in config.biases:
            lorentz = config.bias_config.lorentz_scalar
            self.features = _available(lorentz.features, spec)
            if self.features:
                self.biases["lorentz_scalar"] = LorentzScalarBias(
                    lorentz, len(self.features), config.heads
                )
        if self.features:
            self.standardise = Standardise(len(self.features))

    def observe(self, cont: Tensor, mask: Tensor) -> None:
        """Add valid training pairs to the statistics; objects [N, F], mask [B, T]."""
        if self.features:
            self.standardise.observe(self._raw_features(cont, Pairs.of(mask)))

    def finish(self) -> None:
        """Fix the statistics."""
        if self.features:
            self.standardise.finish()

    def forward(
        self, cont: Tensor, mask: Tensor, blocks: Blocks, objects: Tensor
    ) -> list[Tensor] | None:
        """The bias of every attention layer.

        Parameters
        ----------
        cont : Tensor
            [N, F] packed objects (GeV, rad).
        mask : Tensor
            [B, T] where the objects belong.
        blocks : Blocks
            Layout of the whole sequence.
        objects : Tensor
            [N] which tokens of the sequence the objects are.

        Returns
        -------
        list of Tensor or None
            Of each block [n, 1 | H, length, length], keys before queries; None without a bias.
        """
        if not self.biases:
            return None
        pairs = Pairs.of(mask)
        features = self.standardise(self._raw_features(cont, pairs))
        values = sum(bias(features) for bias in self.biases.values())
        return _spread(values, objects[pairs.first_object], objects[pairs.second_object], blocks)

    def _raw_features(self, cont: Tensor, pairs: Pairs) -> Tensor:
        energy = self.spec.column("E")
        pt, eta, phi = (self.spec.column(name) for name in ("Pt", "eta", "phi"))
        objects = FourMomentum.of(
            cont[:, pt], cont[:, eta], cont[:, phi], None if energy is None else cont[:, energy]
        )
        return pairwise_features(objects, pairs, self.features)


def _spread(values: Tensor, first: Tensor, second: Tensor, blocks: Blocks) -> list[Tensor]:
    """[P, H] of unordered pairs of tokens -> [n, H, length, length] of each block, symmetric."""
    places = torch.cat([blocks.pair(first, second), blocks.pair(second, first)])
    flat = values.new_zeros(blocks.n_pairs, values.shape[1])
    flat = flat.index_copy(0, places, torch.cat([values, values]))
    return [block.permute(0, 3, 1, 2).contiguous() for block in blocks.split_pairs(flat)]


def _available(features: tuple[str, ...], spec: DataSpec) -> tuple[str, ...]:
    """Those of `features` that the data allow; raises where directions are missing."""
    missing = [name for name in ("Pt", "eta", "phi") if spec.column(name) is None]
    if missing:
        raise ValueError(
            f"classifier.model.attention_biases: lorentz_scalar needs Pt, eta and phi, but "
            f"data.cont_features leaves out {', '.join(missing)}"
        )
    left = tuple(name for name in features if spec.has_energy or name not in NEEDS_ENERGY)
    if left != features:
        gone = ", ".join(name for name in features if name not in left)
        warnings.warn(
            f"lorentz_scalar: {gone} left out, since data.cont_features has no energy", stacklevel=2
        )
    return left
