"""What a configuration proves about the treatment of the events, for ``meta.json``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thesis_facts.configs import value_at
from thesis_facts.loops import loop_of

UNKNOWN = "unknown"

_ORDER_NAMES = {"input_order": "input_order", "pt_ordered": "pt_sorted", "shuffled": "shuffled"}


def infer_treatment(config: Mapping[str, Any]) -> dict[str, Any]:
    """Data treatment of a run; "unknown" wherever the configuration proves nothing.

    An ``id_embed_dim`` of None is no gap: ids that aren't embedded have none.
    """
    globals_present = value_at(config, "data.globals.present")
    if not isinstance(globals_present, bool):
        globals_present = UNKNOWN
    return {
        "token_order": infer_token_order(config),
        "tokenization": _tokenization(config),
        "pid_encoding": _pid_encoding(config),
        "id_embed_dim": _id_embed_dim(config),
        "met_rep": {True: "met_metphi", False: "none"}.get(globals_present, UNKNOWN),
        "globals_included": globals_present,
        "feature_set_version": "v1",
        "normalization": _normalization(config),
    }


def infer_token_order(config: Mapping[str, Any]) -> str:
    """Order in which the objects of an event enter the model."""
    data = config.get("data")
    if not isinstance(data, Mapping):
        return UNKNOWN
    if data.get("token_order") is not None:
        return _ORDER_NAMES.get(str(data["token_order"]), UNKNOWN)
    if data.get("shuffle_tokens") is True:
        return "shuffled"
    sorted_by = data.get("sort_tokens_by")
    if sorted_by is not None:
        return "pt_sorted" if sorted_by == "pt" else UNKNOWN
    return "input_order"  # older configurations name only what departs from it


def is_older(config: Mapping[str, Any]) -> bool:
    """Whether an older system ran this; what its facts said then, they go on saying."""
    return value_at(config, "data.num_workers") is not None


def feature_mode(treatment: Mapping[str, Any]) -> str | None:
    """Compact name of the input: four- or five-vectors, with MET, with globals."""
    encoding = treatment.get("pid_encoding")
    if encoding in (None, UNKNOWN):
        return None
    parts = ["4vec" if encoding == "none" else "5vec"]
    if treatment.get("met_rep") not in (None, "none", UNKNOWN):
        parts.append("MET")
    if treatment.get("globals_included") is True:
        parts.append("globals")
    return "+".join(parts)


def _tokenization(config: Mapping[str, Any]) -> str:
    tokenizer = value_at(config, "classifier.model.tokenizer.name")
    data = value_at(config, "data.tokenization")
    if "binned" in (tokenizer, data) or value_at(config, "data.use_binned_tokens") is True:
        return "binned"
    if tokenizer == "pretrained":
        return "vq"
    return "direct" if isinstance(config.get("data"), Mapping) else UNKNOWN


def _pid_encoding(config: Mapping[str, Any]) -> str:
    if _embeds_ids_in_phase1(config):
        return "embedded"
    tokenizer = value_at(config, "classifier.model.tokenizer") or {}
    name = tokenizer.get("name") if isinstance(tokenizer, Mapping) else None
    if name == "raw":
        return "none"
    # older systems called every id encoding "embedded"
    if name == "identity" and tokenizer.get("pid_mode") == "one_hot" and not is_older(config):
        return "onehot"
    return "embedded" if name in ("identity", "binned", "pretrained") else UNKNOWN


def _id_embed_dim(config: Mapping[str, Any]) -> Any:
    if _pid_encoding(config) in ("onehot", "none") and not is_older(config):
        return None  # the number that stands there acts nowhere
    if _embeds_ids_in_phase1(config):
        return value_at(config, "phase1.encoder.id_embed_dim")
    return value_at(config, "classifier.model.tokenizer.id_embed_dim")


def _embeds_ids_in_phase1(config: Mapping[str, Any]) -> bool:
    """Whether an autoencoder of ours was trained; older systems left it unknown."""
    is_ae = loop_of(config).family == "ae"
    return is_ae and not is_older(config) and bool(value_at(config, "phase1.encoder.id_embed_dim"))


def _normalization(config: Mapping[str, Any]) -> Any:
    if loop_of(config).family == "bdt" and not is_older(config):
        return "none"  # trees cut the features as they are
    return value_at(config, "data.norm") or UNKNOWN
