"""The facts of one run, read at the cost of its small files and the ends of its events."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from thesis_facts.axes import axes_from, settle_axes
from thesis_facts.configs import read_config
from thesis_facts.errors import RunError
from thesis_facts.events import Outline, read_outline
from thesis_facts.json_objects import read_object
from thesis_facts.meta import infer_meta, overridden
from thesis_facts.overrides import parse_overrides, read_overrides

_LOSS_TERMS = {"recon": "rec_tokens", "codebook": "codebook", "rec_globals": "rec_globals"}
_NO_HISTORY: list[float | None] = []


@dataclass(frozen=True)
class RunFacts:
    """What one run left behind, its scalars still unparsed.

    Attributes
    ----------
    outline
        First and last events.
    scalars
        Content of ``scalars.csv``; None where there is none.
    config
        Resolved configuration; None where there is none that can be read.
    axes, meta
        Of ``axes.json`` and ``meta.json``, or inferred from the configuration.
    overrides
        Values by key, as on the command line.
    """

    run_dir: str
    outline: Outline
    scalars: bytes | None
    config: dict[str, Any] | None
    axes: dict[str, Any]
    meta: dict[str, Any]
    overrides: dict[str, Any]

    @property
    def circumstances(self) -> Mapping[str, Any]:
        """The ``meta`` of the first event: commit, host, time, …"""
        return self.outline.first.get("meta") or {}

    @property
    def seed(self) -> int | None:
        """Seed that the loop used. Older events name another one in their ``meta``."""
        for source in (self.outline.first, self.axes, self.circumstances):
            if source.get("seed") is not None:
                return source["seed"]
        return None

    @property
    def best_epoch(self) -> int | None:
        """Epoch of the best checkpoint, where the run says so."""
        epoch = (self.outline.end or {}).get("best_epoch")
        return epoch if isinstance(epoch, int) else None

    @property
    def config_sha1(self) -> str | None:
        """Hash of the configuration's content, the same for JSON and YAML."""
        if self.config is None:
            return None
        content = orjson.dumps(self.config, default=str, option=orjson.OPT_SORT_KEYS)
        return hashlib.sha1(content, usedforsecurity=False).hexdigest()

    @property
    def git_commit(self) -> str | None:
        """Commit of the code; the oldest runs kept it in a file of its own."""
        commit = self.circumstances.get("git_commit")
        if commit is None:
            text = _read_bytes(os.path.join(self.run_dir, "facts", "git_commit.txt"))
            commit = (text or b"").decode("ascii", "ignore").strip() or None
        return commit

    def loss_term(self, name: str, epoch: int) -> float | None:
        """Term of an autoencoder's loss ("recon", "codebook", "rec_globals") at an epoch."""
        histories = (self.outline.end or self.outline.last).get("histories") or {}
        history = histories.get(_LOSS_TERMS[name]) or _NO_HISTORY
        return history[epoch] if 0 <= epoch < len(history) else None


def read_run(run_dir: str, overrides: list[str] | None = None) -> RunFacts:
    """Read the facts of one run.

    What its small files lack or hold in a form that can't be read is inferred from its
    configuration, or stays empty where that is missing too.

    Parameters
    ----------
    run_dir
        Directory of the run.
    overrides
        The run's overrides, where the sweep's pointer told them already.

    Raises
    ------
    RunError
        If the run has no event that can be read, or an override of its meta that can't be used.
    """
    facts = os.path.join(run_dir, "facts")
    outline = read_outline(run_dir)
    config = _config_if_any(run_dir)
    stored_axes = _object_if_any(os.path.join(facts, "axes.json"))
    override = read_object(os.path.join(facts, "meta_override.json"))
    meta = _object_if_any(os.path.join(facts, "meta.json"))
    if meta is None and config is not None:
        meta = infer_meta(config, source="backfill")
    texts = read_overrides(run_dir) if overrides is None else overrides
    return RunFacts(
        run_dir=run_dir,
        outline=outline,
        scalars=_read_bytes(os.path.join(facts, "scalars.csv")),
        config=config,
        axes=settle_axes(stored_axes or {}) if config is None else axes_from(stored_axes, config),
        meta=overridden(meta or {}, override),
        overrides=parse_overrides(texts),
    )


def _config_if_any(run_dir: str) -> dict[str, Any] | None:
    try:
        return read_config(run_dir)
    except RunError:
        return None


def _object_if_any(path: str) -> dict[str, Any] | None:
    try:
        return read_object(path)
    except RunError:
        return None


def _read_bytes(path: str) -> bytes | None:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError:
        return None
