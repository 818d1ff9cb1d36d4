"""Write the meta of runs that are over anew, from their configuration alone."""

from __future__ import annotations

from pathlib import Path

from thesis_facts.configs import read_config
from thesis_facts.durable import StrPath, write_json
from thesis_facts.errors import RunError
from thesis_facts.json_objects import read_object
from thesis_facts.meta import infer_meta


def backfill(run_dir: StrPath, write: bool = True) -> str:
    """Rebuild ``facts/meta.json`` of one run and say what changed.

    Parameters
    ----------
    run_dir
        Directory of the run.
    write
        False only says what would change.

    Raises
    ------
    RunError
        If the run has no configuration that can be read, or can't be written.
    """
    facts = Path(run_dir) / "facts"
    override = read_object(facts / "meta_override.json")
    meta = infer_meta(read_config(run_dir), override, source="backfill")
    try:
        before = (read_object(facts / "meta.json") or {}).get("meta_hash")
    except RunError:
        before = "unreadable"
    if write:
        write_json(facts / "meta.json", meta)
    after = meta["meta_hash"]
    change = f"{after}, as before" if before == after else f"{before or 'none'} -> {after}"
    if meta["needs_review"]:
        change += f", needs a review ({', '.join(meta['needs_review_reason'])})"
    return change
