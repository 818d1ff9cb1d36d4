"""Design-space coordinates of a run: one flat dict that reports group by.

A live run records what the built model says of itself; the resolved configuration fills in the
rest, and stands alone for older runs. An axis is absent where it does not apply or is unknown.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from thesis_facts.configs import read_config, value_at
from thesis_facts.durable import StrPath
from thesis_facts.errors import RunError
from thesis_facts.json_objects import read_object
from thesis_facts.loops import loop_of
from thesis_facts.meta import stored_meta
from thesis_facts.treatment import infer_token_order, is_older

_MODEL, _BIASES = "classifier.model", "classifier.model.bias_config"

AXES: dict[str, str | None] = {
    "positional": f"{_MODEL}.positional",
    "positional_space": f"{_MODEL}.positional_space",
    "positional_dim_mask": f"{_MODEL}.positional_dim_mask",
    "tokenizer_name": f"{_MODEL}.tokenizer.name",
    "pid_mode": f"{_MODEL}.tokenizer.pid_mode",
    "id_embed_dim": f"{_MODEL}.tokenizer.id_embed_dim",
    "token_order": None,
    "include_met": "classifier.globals.include_met",
    "cont_features": "data.cont_features",
    "norm_policy": f"{_MODEL}.norm.policy",
    "norm_type": f"{_MODEL}.norm.type",
    "attention_type": f"{_MODEL}.attention.type",
    "attention_norm": f"{_MODEL}.attention.norm",
    "diff_bias_mode": f"{_MODEL}.attention.diff_bias_mode",
    "ffn_type": f"{_MODEL}.ffn.type",
    "kan_ffn_variant": f"{_MODEL}.ffn.kan.variant",
    "pooling": f"{_MODEL}.head.pooling",
    "head_type": f"{_MODEL}.head.type",
    "causal_attention": f"{_MODEL}.causal_attention",
    "attention_biases": f"{_MODEL}.attention_biases",
    "sm_mode": f"{_BIASES}.sm_interaction.mode",
    "lorentz_features": f"{_BIASES}.lorentz_scalar.features",
    "lorentz_mlp_type": f"{_BIASES}.lorentz_scalar.mlp_type",
    "lorentz_per_head": f"{_BIASES}.lorentz_scalar.per_head",
    "lorentz_sparse_gating": f"{_BIASES}.lorentz_scalar.sparse_gating",
    "typepair_init": f"{_BIASES}.typepair_kinematic.init_from_physics",
    "typepair_freeze": f"{_BIASES}.typepair_kinematic.freeze_table",
    "typepair_kinematic_gate": f"{_BIASES}.typepair_kinematic.kinematic_gate",
    "global_conditioned_mode": f"{_BIASES}.global_conditioned.mode",
    "nodewise_mass_enabled": f"{_MODEL}.nodewise_mass.enabled",
    "mia_enabled": f"{_MODEL}.mia_blocks.enabled",
    "mia_placement": f"{_MODEL}.mia_blocks.placement",
    "moe_enabled": f"{_MODEL}.moe.enabled",
    "moe_top_k": f"{_MODEL}.moe.top_k",
    "moe_routing_level": f"{_MODEL}.moe.routing_level",
    "moe_scope": f"{_MODEL}.moe.scope",
    "kan_grid_size": f"{_MODEL}.kan.grid_size",
    "kan_spline_order": f"{_MODEL}.kan.spline_order",
    "dim": f"{_MODEL}.dim",
    "depth": f"{_MODEL}.depth",
    "heads": f"{_MODEL}.heads",
    "mlp_dim": f"{_MODEL}.mlp_dim",
    "dropout": f"{_MODEL}.dropout",
    "lr": "{trainer}.lr",
    "weight_decay": "{trainer}.weight_decay",
    "batch_size": "{trainer}.batch_size",
    "epochs": "{trainer}.epochs",
    "seed": "{trainer}.seed",
    "model_size_key": None,
    "n_parameters": None,
    "experiment_name": "experiment.name",
}
"""Where each axis stands in the configuration; None where it is derived or only reported."""

AxesDict = dict[str, Any]

_ALIASES = {
    "typepair": "typepair_kinematic",
    "sm": "sm_interaction",
    "global": "global_conditioned",
}
_DATA_AXES = ("token_order", "cont_features", "seed", "n_parameters", "experiment_name")
_AXES_OF_EVENTS = ("token_order", "cont_features", "experiment_name")
_TRAINING_AXES = ("lr", "weight_decay", "batch_size", "epochs")
_INPUT_AXES = ("tokenizer_name", "pid_mode", "id_embed_dim", "include_met")
_OLDER_FAMILY_AXES = {
    "transformer": frozenset(AXES),
    "mlp": frozenset((*_DATA_AXES, *_TRAINING_AXES, "dropout")),
    "ae": frozenset((*_DATA_AXES, *_TRAINING_AXES)),
    "bdt": frozenset(_DATA_AXES),
}
# Older configurations hold the input of a transformer also where something else was trained.
_FAMILY_AXES = {
    **_OLDER_FAMILY_AXES,
    "mlp": _OLDER_FAMILY_AXES["mlp"].union(_INPUT_AXES),
    "bdt": _OLDER_FAMILY_AXES["bdt"] | {"include_met"},
}
# What gates read beside the axes: where it stands in the configuration.
_GLOBAL_MLP_TYPE = f"{_BIASES}.global_conditioned.mlp_type"
_OLDER = "is_older"


def infer_axes(config: Mapping[str, Any], reported: Mapping[str, Any] | None = None) -> AxesDict:
    """Axes of a run from its resolved configuration and from what its model reports.

    Parameters
    ----------
    config
        Resolved configuration of the run.
    reported
        Axes that the built model says of itself; each wins over the configuration.

    Returns
    -------
    dict
        The axes that apply to this run, in the order of ``AXES``.

    Raises
    ------
    RunError
        If a reported name is no axis.
    """
    unknown = sorted(set(reported or {}) - set(AXES))
    if unknown:
        raise RunError("unknown axis", found=", ".join(unknown), expected="a name of AXES")
    loop = loop_of(config)
    found = {
        name: value_at(config, path.replace("{trainer}", loop.trainer or "-"))
        for name, path in AXES.items()
        if path and (loop.family or not path.startswith("classifier."))
    }
    found["token_order"] = infer_token_order(config)
    if loop.family and found["pooling"] is None:
        found["pooling"] = value_at(config, f"{_MODEL}.pooling")  # its place in the oldest runs
    found[_GLOBAL_MLP_TYPE] = value_at(config, _GLOBAL_MLP_TYPE) if loop.family else None
    return settle_axes({**found, **(reported or {})}, loop.family, older=is_older(config))


def read_axes(run_dir: StrPath) -> AxesDict:
    """Axes of a run from ``facts/axes.json``, or from its configuration where there is none.

    Older files hold every axis, whether it applies or not, and lists as text; both are brought
    to the form of ``infer_axes``.

    Raises
    ------
    RunError
        If neither the file nor a configuration can be read.
    """
    facts = Path(run_dir) / "facts"
    stored = read_object(facts / "axes.json")
    try:
        family = (stored_meta(run_dir) or {}).get("model_family")
    except RunError:
        family = None
    settled = (read_object(facts / "meta_override.json") or {}).get("model_family")
    axes = stored_axes(stored, settled or family)
    if axes is not None:
        return axes
    try:
        return infer_axes(read_config(run_dir))
    except RunError:
        if stored is None:
            raise
        return axes_of_any_family(stored)


def axes_of_any_family(stored: Mapping[str, Any]) -> AxesDict:
    """What an older ``axes.json`` says of a run whose model family nobody knows.

    Such a file describes the classifier of a configuration whether or not that was trained; what
    it says of the events holds for every model.
    """
    axes = settle_axes(stored, older=True)
    return {name: axes[name] for name in _AXES_OF_EVENTS if name in axes}


def stored_axes(stored: Mapping[str, Any] | None, family: str | None) -> AxesDict | None:
    """Axes by the content of ``axes.json``; None where only the configuration can tell them."""
    if stored is None:
        return None
    if "n_parameters" in stored:
        return dict(stored)  # a live run wrote it settled, from what its model reported
    if family in (None, "ae"):
        return None  # older files describe the classifier, also where an autoencoder was trained
    if family == "bdt" and set(stored) <= _FAMILY_AXES["bdt"]:
        return dict(stored)  # trees report no parameters, but older files hold every axis
    return settle_axes(stored, family, older=True)


def settle_axes(
    values: Mapping[str, Any], family: str | None = None, *, older: bool = False
) -> AxesDict:
    """Bring axes to their one form: lists as lists, only those that apply, in a fixed order.

    Axes of a run of an older system are those that its reports always had.
    """
    values = {
        name: value if isinstance(value, (bool, int, float)) else _plain(value)
        for name, value in values.items()
    }
    values["attention_biases"] = _bias_names(values.get("attention_biases"))
    if values.get("moe_enabled") and values.get("moe_scope") == "all_blocks":
        values["ffn_type"] = "moe"  # the experts take the place of every feed-forward layer
    values[_OLDER] = older
    dim, depth = values.get("dim"), values.get("depth")
    if dim is not None and depth is not None:
        values["model_size_key"] = f"d{dim}_L{depth}"
    dropped = {name for names, applies in _GATES for name in names if not applies(values)}
    families = _OLDER_FAMILY_AXES if older else _FAMILY_AXES
    kept = families.get(family or "", frozenset(AXES)) - dropped
    return {name: values[name] for name in AXES if name in kept and values.get(name) is not None}


def _plain(value: Any) -> Any:
    """Value with a list that was stored as text read back."""
    if isinstance(value, str) and value.startswith("["):
        try:
            return ast.literal_eval(value)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            return value
    return list(value) if isinstance(value, tuple) else value


def _bias_names(value: Any) -> str | None:
    """Biases under their full names, in one order: their sum has none."""
    if not isinstance(value, str):
        return None
    names = [part.strip() for part in value.split("+") if part.strip()]
    return "+".join(sorted(_ALIASES.get(name, name) for name in names)) or None


def _with_bias(name: str) -> Callable[[AxesDict], bool]:
    return lambda axes: name in (axes["attention_biases"] or "").split("+")


def _has_energy(axes: AxesDict) -> bool:
    features = axes.get("cont_features")
    return isinstance(features, list) and 0 in features


def _has_ids(axes: AxesDict) -> bool:
    return axes.get("tokenizer_name") == "identity"


def _biases_branches(axes: AxesDict) -> bool:
    by_pairs = axes["attention_biases"] not in (None, "none")
    by_interactions = bool(axes.get("mia_enabled")) and not axes[_OLDER]
    return axes.get("attention_type") == "differential" and (by_pairs or by_interactions)


def _uses_kan(axes: AxesDict) -> bool:
    of_pairs = _with_bias("lorentz_scalar")(axes) and axes.get("lorentz_mlp_type") == "kan"
    of_met = _with_bias("global_conditioned")(axes) and axes.get(_GLOBAL_MLP_TYPE) == "kan"
    in_bias = of_pairs or (of_met and not axes[_OLDER])
    return in_bias or "kan" in (axes.get("ffn_type"), axes.get("head_type"))


def _uses_experts(axes: AxesDict) -> bool:
    return bool(axes.get("moe_enabled")) or axes.get("head_type") == "moe"


_GATES: tuple[tuple[tuple[str, ...], Callable[[AxesDict], bool]], ...] = (
    (("positional_space",), lambda axes: axes.get("positional") in ("sinusoidal", "learned")),
    (
        ("positional_dim_mask",),
        lambda axes: (
            axes.get("positional") in ("sinusoidal", "learned")
            and axes.get("positional_space") == "token"
        ),
    ),
    (("pid_mode",), _has_ids),
    (("id_embed_dim",), lambda axes: _has_ids(axes) and axes.get("pid_mode") != "one_hot"),
    (("cont_features",), lambda axes: axes.get("tokenizer_name") != "binned"),
    (("diff_bias_mode",), _biases_branches),
    (("kan_ffn_variant",), lambda axes: axes.get("ffn_type") == "kan"),
    (("kan_grid_size", "kan_spline_order"), _uses_kan),
    (("moe_top_k", "moe_routing_level"), _uses_experts),
    (("moe_scope",), lambda axes: bool(axes.get("moe_enabled"))),
    (("sm_mode",), _with_bias("sm_interaction")),
    (
        ("lorentz_features", "lorentz_mlp_type", "lorentz_per_head", "lorentz_sparse_gating"),
        _with_bias("lorentz_scalar"),
    ),
    (
        ("typepair_init", "typepair_freeze", "typepair_kinematic_gate"),
        _with_bias("typepair_kinematic"),
    ),
    (("global_conditioned_mode",), _with_bias("global_conditioned")),
    (
        ("nodewise_mass_enabled",),
        lambda axes: _has_energy(axes) and axes.get("tokenizer_name") in ("raw", "identity"),
    ),
    (("mia_enabled",), lambda axes: axes.get("tokenizer_name") != "binned"),
    (("mia_placement",), lambda axes: bool(axes.get("mia_enabled"))),
)
"""Axes that apply only where another axis, already in its one form, says so."""
