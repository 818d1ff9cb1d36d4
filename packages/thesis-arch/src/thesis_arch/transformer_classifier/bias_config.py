"""What `attention_biases` and `bias_config` may hold."""

from typing import Literal

from pydantic import Field

from thesis_arch.strict import Section

PairwiseFeature = Literal["m2", "log_m2", "dot", "log_kt", "z", "deltaR", "deltaR_ptw"]
MlpType = Literal["standard", "kan"]

# What `attention_biases` may add up; each has its section in `bias_config`.
BIAS_NAMES = ("lorentz_scalar", "typepair_kinematic", "sm_interaction", "global_conditioned")
ALIASES = {
    "typepair": "typepair_kinematic",
    "sm": "sm_interaction",
    "global": "global_conditioned",
}


class LorentzScalarConfig(Section):
    """Bias from an MLP (or KAN) of pairwise features.

    Attributes
    ----------
    features : tuple of str
        What enters.
    per_head : bool
        One bias for each head, or one for all.
    sparse_gating : bool
        A learned gate in (0, 1) for each feature.
    dual_branch : bool or None
        One MLP for each branch of differential attention; null follows
        `attention.diff_bias_mode`, which has to be split for it.
    """

    features: tuple[PairwiseFeature, ...] = Field(min_length=1)
    hidden_dim: int = Field(ge=1)
    per_head: bool
    sparse_gating: bool
    mlp_type: MlpType
    dual_branch: bool | None


class TypepairKinematicConfig(Section):
    """Bias from a learnable symmetric table over pairs of object ids.

    Attributes
    ----------
    kinematic_gate : bool
        Multiply the table by a small MLP of `kinematic_feature`.
    init_from_physics : str
        Start from the couplings of the Standard Model (binary: whether there is one) or from small
        random numbers.
    mask_value : float
        Where a pair starts that has no coupling.
    freeze_table : bool
        Leave the table as it starts.
    """

    kinematic_gate: bool
    kinematic_feature: PairwiseFeature
    init_from_physics: Literal["none", "binary", "fixed_coupling"]
    mask_value: float
    freeze_table: bool


class SmInteractionConfig(Section):
    """Fixed bias from Standard Model couplings; `mask_value` is that of pairs without one."""

    mode: Literal["binary", "fixed_coupling", "running_coupling"]
    mask_value: float


class GlobalConditionedConfig(Section):
    """MET scales the other biases (or the attention logits), or gives directions to compare with.

    Attributes
    ----------
    global_dim : int
        Hidden size of the MLP.
    """

    mode: Literal["global_scale", "met_direction"]
    global_dim: int = Field(ge=1)
    mlp_type: MlpType


class BiasConfig(Section):
    """One section for each bias that `attention_biases` can name."""

    lorentz_scalar: LorentzScalarConfig
    typepair_kinematic: TypepairKinematicConfig
    sm_interaction: SmInteractionConfig
    global_conditioned: GlobalConditionedConfig


def bias_names(attention_biases: str) -> tuple[str, ...]:
    """The biases in a sum such as ``"a+b"`` under their full names; none of them for ``"none"``.

    Raises
    ------
    ValueError
        A name that is no bias, or one that stands twice.
    """
    if attention_biases == "none":
        return ()
    names = tuple(ALIASES.get(p, p) for p in (s.strip() for s in attention_biases.split("+")))
    if any(name not in BIAS_NAMES for name in names):
        raise ValueError(f"expected none or a sum like 'a+b' of: {', '.join(BIAS_NAMES)}")
    if len(set(names)) < len(names):
        raise ValueError("a bias stands twice in the sum")
    return names
