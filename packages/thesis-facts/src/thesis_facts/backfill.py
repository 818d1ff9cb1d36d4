"""Write the meta of runs that are over anew, from their configuration; nothing known is lost."""

from __future__ import annotations

import os
from pathlib import Path

from thesis_facts.configs import read_config
from thesis_facts.durable import StrPath, reported, write_json
from thesis_facts.errors import RunError
from thesis_facts.json_objects import read_object
from thesis_facts.meta import CANONICAL_FIELDS, infer_meta, keep_stored, stored_meta

_UNREADABLE = "unreadable (put aside as meta.json.unreadable)"


def backfill(run_dir: StrPath, write: bool = True) -> str:
    """Rebuild ``facts/meta.json`` of one run and say what changed.

    What the configuration proves counts; where it proves nothing, what the file said before is
    kept, and still asks for a review. A file that can't be read is put aside.

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
        stored = stored_meta(run_dir)
        before = (stored or {}).get("meta_hash")
    except RunError:
        stored, before = None, _UNREADABLE
    if stored is not None:
        meta = keep_stored(meta, stored)
    if write:
        if before == _UNREADABLE:  # somebody may still find something in it
            with reported(facts / "meta.json"):
                os.replace(facts / "meta.json", facts / "meta.json.unreadable")
        write_json(facts / "meta.json", meta)
    after = meta["meta_hash"]
    change = f"{after}, as before" if before == after else f"{before or 'none'} -> {after}"
    if stored is not None and before != after:
        differ = [name for name in CANONICAL_FIELDS if stored.get(name) != meta[name]]
        change += f" ({', '.join(differ)})" if differ else ""
    if meta["needs_review"]:
        change += f", needs a review ({', '.join(meta['needs_review_reason'])})"
    return change
