"""What a model goes without where the data have no energy."""

import warnings

from thesis_arch.data_spec import DataSpec
from thesis_arch.physics.pairwise import NEEDS_ENERGY
from thesis_arch.transformer_classifier.config import TransformerConfig
from thesis_arch.transformer_classifier.mia import FEATURES as INTERACTION_FEATURES


def warn_without_energy(config: TransformerConfig, spec: DataSpec) -> None:
    """Name, in one warning, all that is asked for and needs the energy, if the data have none."""
    parts = [] if spec.has_energy else _parts_with_energy(config)
    if parts:
        warnings.warn(
            f"data.cont_features has no energy, so these are left out: {', '.join(parts)}",
            stacklevel=3,
        )


def _parts_with_energy(config: TransformerConfig) -> list[str]:
    own, parts = config.bias_config, []
    if "lorentz_scalar" in config.biases:
        needy = [name for name in own.lorentz_scalar.features if name in NEEDS_ENERGY]
        parts += [f"{name} of lorentz_scalar" for name in needy]
        if len(needy) == len(own.lorentz_scalar.features):
            parts.append("so all of lorentz_scalar")
    table = own.typepair_kinematic
    gated = table.kinematic_gate and table.kinematic_feature in NEEDS_ENERGY
    if "typepair_kinematic" in config.biases and gated:
        parts.append("kinematic_gate of typepair_kinematic")
    if config.nodewise_mass.enabled:
        parts.append("nodewise_mass")
    if config.mia_blocks.enabled:
        parts += [f"{name} of mia_blocks" for name in INTERACTION_FEATURES if name in NEEDS_ENERGY]
    return parts
