"""The facts of one run, read at the cost of its small files and the ends of its events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from thesis_facts.axes import axes_of_any_family, infer_axes, stored_axes
from thesis_facts.configs import config_sha1, read_config
from thesis_facts.errors import RunError
from thesis_facts.events import Outline, is_epoch, read_last_histories, read_outline
from thesis_facts.json_objects import read_bytes, read_object
from thesis_facts.meta import infer_meta, overridden, stored_meta
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
        Hash of the file that holds its configuration; None where there is none.
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
        """Seed that the loop used; None where that isn't known.

        Older events name that of the data in their ``meta``, and no versions.
        """
        sources = [self.outline.first, self.axes]
        if "versions" in self.circumstances:
            sources.append(self.circumstances)
        seeds = (source.get("seed") for source in sources)
        return next((seed for seed in seeds if seed is not None), None)

    @property
    def best_epoch(self) -> int | None:
        """Epoch of the best checkpoint, where the run says so."""
        epoch = (self.outline.end or {}).get("best_epoch")
        return epoch if is_epoch(epoch) else None

    @property
    def git_commit(self) -> str | None:
        """Commit of the code; the oldest runs kept it in a file of its own."""
        commit = self.circumstances.get("git_commit")
        if commit is None:
            text = read_bytes(f"{self.run_dir}/facts/git_commit.txt") or b""
            commit = text.decode("ascii", "ignore").strip() or None
        return commit

    def loss_terms(self, epoch: int | None) -> dict[str, float | None]:
        """Terms of an autoencoder's loss at an epoch: recon, codebook, rec_globals."""
        if epoch is None or self.meta.get("model_family") != "ae":
            return {}
        histories = _if_readable(read_last_histories, self.run_dir) or {}
        return {
            term: history[epoch]
            for term, name in _LOSS_TERMS.items()
            if isinstance(history := histories.get(name), list) and epoch < len(history)
        }


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
    meta = _if_readable(stored_meta, run_dir)
    axes = _if_readable(read_object, f"{facts}/axes.json")
    override = read_object(f"{facts}/meta_override.json")
    family = (override or {}).get("model_family") or (meta or {}).get("model_family")
    known_axes = stored_axes(axes, family)
    if meta is None or known_axes is None:
        config = _if_readable(read_config, run_dir)  # slow where it is YAML
        if config is not None:
            meta = infer_meta(config, source="backfill") if meta is None else meta
            known_axes = infer_axes(config) if known_axes is None else known_axes
    texts = read_overrides(run_dir) if overrides is None else overrides
    if meta is None:
        meta = infer_meta({}, source="backfill")  # all of it asks for a review
    return RunFacts(
        run_dir=run_dir,
        outline=outline,
        scalars=_if_readable(read_bytes, f"{facts}/scalars.csv"),
        axes=axes_of_any_family(axes or {}) if known_axes is None else known_axes,
        meta=overridden(meta, override),
        config_sha1=_if_readable(config_sha1, run_dir),
        overrides=parse_overrides(texts),
    )


def _if_readable(read: Callable[[str], T | None], path: str) -> T | None:
    try:
        return read(path)
    except RunError:
        return None
