"""The facts of one run, read at the cost of its small files and the ends of its events."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from thesis_facts.axes import axes_from, settle_axes
from thesis_facts.configs import read_config
from thesis_facts.errors import RunError
from thesis_facts.events import Outline, read_outline
from thesis_facts.json_objects import read_bytes, read_object
from thesis_facts.meta import infer_meta, overridden
from thesis_facts.overrides import parse_overrides, read_overrides

T = TypeVar("T")

_LOSS_TERMS = {"recon": "rec_tokens", "codebook": "codebook", "rec_globals": "rec_globals"}


@dataclass(frozen=True)
class RunFacts:
    """What one run left behind, its scalars still unparsed.

    Attributes
    ----------
    outline
        First and last events.
    scalars
        Content of ``scalars.csv``; None where there is none.
    axes, meta
        Of ``axes.json`` and ``meta.json``, or inferred from the configuration.
    config_sha1
        Hash of the content of the configuration, the same for JSON and YAML; None without one.
    overrides
        Values by key, as on the command line.
    """

    run_dir: str
    outline: Outline
    scalars: bytes | None
    axes: dict[str, Any]
    meta: dict[str, Any]
    config_sha1: str | None
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
    def git_commit(self) -> str | None:
        """Commit of the code; the oldest runs kept it in a file of its own."""
        commit = self.circumstances.get("git_commit")
        if commit is None:
            text = read_bytes(f"{self.run_dir}/facts/git_commit.txt") or b""
            commit = text.decode("ascii", "ignore").strip() or None
        return commit

    def loss_term(self, name: str, epoch: int) -> float | None:
        """Term of an autoencoder's loss ("recon", "codebook", "rec_globals") at an epoch."""
        histories = (self.outline.end or self.outline.last).get("histories") or {}
        history = histories.get(_LOSS_TERMS[name]) or []
        return history[epoch] if 0 <= epoch < len(history) else None


def read_run(run_dir: str, overrides: list[str] | None = None) -> RunFacts:
    """Read the facts of one run.

    What its small files lack, or hold in a form that can't be read, is inferred from its
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
    facts = f"{run_dir}/facts"
    outline = read_outline(run_dir)
    config = _if_readable(read_config, run_dir)
    axes = _if_readable(read_object, f"{facts}/axes.json")
    meta = _if_readable(read_object, f"{facts}/meta.json")
    if meta is None:
        meta = {} if config is None else infer_meta(config, source="backfill")
    texts = read_overrides(run_dir) if overrides is None else overrides
    return RunFacts(
        run_dir=run_dir,
        outline=outline,
        scalars=_if_readable(read_bytes, f"{facts}/scalars.csv"),
        axes=settle_axes(axes or {}) if config is None else axes_from(axes, config),
        meta=overridden(meta, read_object(f"{facts}/meta_override.json")),
        config_sha1=None if config is None else config_sha1(config),
        overrides=parse_overrides(texts),
    )


def config_sha1(config: Mapping[str, Any]) -> str:
    """Hash of the content of a configuration, whatever file it came from."""
    content = orjson.dumps(config, default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def _if_readable(read: Callable[[str], T | None], path: str) -> T | None:
    try:
        return read(path)
    except RunError:
        return None
