"""What kind of run this is, inferred from its configuration alone: ``facts/meta.json``.

Nothing is guessed. What the configuration doesn't prove is null or "unknown", lowers the
confidence and asks for a review; ``facts/meta_override.json`` settles it by hand.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
from collections.abc import Mapping
from glob import has_magic
from pathlib import Path, PurePosixPath
from typing import Any

from thesis_facts.builders import SCHEMA_VERSION
from thesis_facts.configs import read_config, value_at
from thesis_facts.durable import StrPath, write_json
from thesis_facts.errors import RunError
from thesis_facts.json_objects import read_object
from thesis_facts.loops import loop_of
from thesis_facts.processes import canonical_groups
from thesis_facts.tasks import infer_process_groups, keeps_signal_last
from thesis_facts.treatment import UNKNOWN, feature_mode, infer_treatment

CANONICAL_FIELDS = (
    "schema_version",
    "level",
    "goal",
    "dataset_name",
    "model_family",
    "process_groups",
    "datatreatment",
)
"""Fields that say what a run is; the hash is of these, all others follow from them."""

_REVIEWED = ("goal", "dataset_name", "model_family", "process_groups", "datatreatment")
_CONFIDENCES = ("high", "medium", "low")


def infer_meta(
    config: Mapping[str, Any], override: Mapping[str, Any] | None = None, source: str = "live"
) -> dict[str, Any]:
    """Classify a run by its resolved configuration.

    Parameters
    ----------
    config
        Resolved configuration of the run.
    override
        Canonical fields that were settled by hand; each wins over what is inferred, inside
        ``datatreatment`` entry by entry.
    source
        "live" for a run that is starting, "backfill" for one that is over.

    Returns
    -------
    dict
        The content of ``meta.json``.

    Raises
    ------
    RunError
        If the override names a field that can't be overridden.
    """
    loop = loop_of(config)
    fields = {
        "schema_version": SCHEMA_VERSION,
        "level": _text_at(config, "meta.level") or "sim_event",
        "goal": _text_at(config, "meta.goal") or loop.goal,
        "dataset_name": _dataset_name(config),
        "model_family": loop.family,
        "process_groups": infer_process_groups(config),
        "datatreatment": infer_treatment(config),
    }
    meta = _complete(fields, source)
    if override:
        meta = apply_override(meta, override, signal_last=keeps_signal_last(config))
    return meta


def keep_stored(meta: Mapping[str, Any], stored: Mapping[str, Any]) -> dict[str, Any]:
    """Inferred meta, with what only the meta that was stored before says.

    What the configuration leaves open is taken over: it may have been known then. It is not
    proved by that, so confidence and review stay those of the inferred meta. Keys of others stay.
    """
    fields = {
        name: stored.get(name) if meta.get(name) is None else meta[name]
        for name in CANONICAL_FIELDS
    }
    inferred = meta.get("datatreatment") or {}
    known = {name: value for name, value in inferred.items() if value != UNKNOWN}
    if known.get("id_embed_dim") is None and known.get("pid_encoding") not in ("onehot", "none"):
        known.pop("id_embed_dim", None)  # ids that are embedded have one, whatever it is
    fields["datatreatment"] = {**inferred, **(stored.get("datatreatment") or {}), **known}
    judged = ("meta_source", "meta_confidence", "meta_confidence_fields")
    judged += ("needs_review", "needs_review_reason")
    completed = _complete(fields, meta["meta_source"]) | {name: meta[name] for name in judged}
    return completed | {name: value for name, value in stored.items() if name not in completed}


def meta_hash(meta: Mapping[str, Any]) -> str:
    """Hash of the canonical fields: equal for runs of the same kind.

    Examples
    --------
    >>> meta_hash({"goal": "classification"}) == meta_hash({"goal": "classification", "x": 1})
    True
    """
    fields = {name: meta.get(name) for name in CANONICAL_FIELDS}
    # Python's default separators and ASCII: the hashes of older runs were made so
    digest = hashlib.sha1(json.dumps(fields, sort_keys=True).encode(), usedforsecurity=False)
    return f"sha1:{digest.hexdigest()[:12]}"


def write_meta(run_dir: StrPath, config: Mapping[str, Any], source: str = "live") -> dict[str, Any]:
    """Infer ``facts/meta.json`` from a configuration, with the override beside it, and write it."""
    facts = Path(run_dir) / "facts"
    meta = infer_meta(config, read_object(facts / "meta_override.json"), source)
    write_json(facts / "meta.json", meta)
    return meta


def read_meta(run_dir: StrPath) -> dict[str, Any]:
    """Read ``facts/meta.json``; where there is none, infer it from the configuration.

    An override beside the file counts, also where it was written later.

    Raises
    ------
    RunError
        If neither the file nor a configuration can be read.
    """
    meta = stored_meta(run_dir)
    override = read_object(Path(run_dir) / "facts" / "meta_override.json")
    if meta is None:
        return infer_meta(read_config(run_dir), override, source="backfill")
    return overridden(meta, override)


def stored_meta(run_dir: StrPath) -> dict[str, Any] | None:
    """Content of ``facts/meta.json``; None where there is no such file.

    Raises
    ------
    RunError
        If it can't be read, or holds something else.
    """
    path = f"{os.fspath(run_dir)}/facts/meta.json"
    meta = read_object(path)
    if meta is None:
        return None
    if not _is_meta(meta):
        raise RunError(f"{path} holds no meta of a run", do="run thesis-facts backfill-meta")
    return meta


def overridden(meta: dict[str, Any], override: Mapping[str, Any] | None) -> dict[str, Any]:
    """Stored meta with the fields that were settled by hand, if there are any."""
    if not override:
        return meta
    groups = meta.get("process_groups") or []
    return apply_override(meta, override, signal_last=groups != canonical_groups(groups))


def apply_override(
    meta: Mapping[str, Any], override: Mapping[str, Any], signal_last: bool
) -> dict[str, Any]:
    """Let fields settled by hand win, and derive the rest anew."""
    for name in override:
        if name not in CANONICAL_FIELDS:
            near = difflib.get_close_matches(name, CANONICAL_FIELDS, n=1)
            raise RunError(
                "meta_override.json names an unknown field",
                key=name,
                expected=f"one of {', '.join(CANONICAL_FIELDS)}",
                do=f"did you mean {near[0]}?" if near else None,
            )
    fields = {name: override.get(name, meta.get(name)) for name in CANONICAL_FIELDS}
    treatment = override.get("datatreatment")
    if isinstance(treatment, Mapping):
        fields["datatreatment"] = {**(meta.get("datatreatment") or {}), **treatment}
    groups = override.get("process_groups")
    if groups is not None:
        if not _are_groups(groups):
            raise RunError(
                "meta_override.json holds no classes",
                key="process_groups",
                found=groups,
                expected="a list of classes, each a list of process names",
            )
        fields["process_groups"] = canonical_groups(groups, signal_last)
    return {**meta, **_complete(fields, "override")}


def _is_meta(meta: Mapping[str, Any]) -> bool:
    """Whether the fields that are read have the types that they should have."""
    texts = [meta.get(name) for name in ("level", "goal", "dataset_name", "model_family")]
    groups, reasons = meta.get("process_groups"), meta.get("needs_review_reason") or []
    return (
        all(text is None or isinstance(text, str) for text in texts)
        and isinstance(meta.get("datatreatment") or {}, dict)
        and (groups is None or _are_groups(groups))
        and isinstance(reasons, list)
        and all(isinstance(reason, str) for reason in reasons)
    )


def _are_groups(value: Any) -> bool:
    """Whether a value is a list of classes, each a list of process names."""
    return isinstance(value, list) and all(
        isinstance(names, list) and names and all(isinstance(name, str) for name in names)
        for names in value
    )


def _complete(fields: dict[str, Any], source: str) -> dict[str, Any]:
    """Canonical fields with the bookkeeping and the fields derived from them."""
    groups, treatment = fields["process_groups"], fields["datatreatment"] or {}
    confidence = {name: _confidence(name, fields[name]) for name in _REVIEWED}
    unsure = [name for name in _REVIEWED if confidence[name] != "high"]
    reasons = [
        "ambiguous_datatreatment" if name == "datatreatment" else f"missing_{name}"
        for name in unsure
    ]
    key = "|".join("+".join(names) for names in groups) if groups else None
    dataset = fields["dataset_name"]
    return {
        **fields,
        "feature_mode": feature_mode(treatment),
        "meta_hash": meta_hash(fields),
        "meta_source": source,
        "meta_confidence": max(confidence.values(), key=_CONFIDENCES.index),
        "meta_confidence_fields": confidence,
        "needs_review": bool(reasons),
        "needs_review_reason": reasons,
        "n_classes": len(groups) if groups else None,
        "processes_all": sorted({name for names in groups for name in names}) if groups else None,
        "class_def_str": key.replace("|", " | ") if key else None,
        "process_groups_key": key,
        "row_key": f"{dataset}::{key}" if dataset and key else None,
    }


def _confidence(name: str, value: Any) -> str:
    if name != "datatreatment":
        return "high" if value else "low"
    if not value:
        return "low"
    unknown = sum(entry == UNKNOWN for entry in value.values())
    return "high" if unknown == 0 else "medium" if unknown <= 2 else "low"


def _dataset_name(config: Mapping[str, Any]) -> str | None:
    """The name that was given, or that of the file; several files have none of their own."""
    name = _text_at(config, "data.dataset_name")
    if name is None:
        path = _text_at(config, "data.path")
        name = PurePosixPath(path).stem if path and not has_magic(path) else None
    return name.replace("-", "").replace("_", "") if name else None


def _text_at(config: Mapping[str, Any], key: str) -> str | None:
    value = value_at(config, key)
    return value if isinstance(value, str) else None
