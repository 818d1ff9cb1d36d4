"""Which checkpoint of a run was tested, and whether it is still that one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thesis_facts import describe_file
from thesis_facts.errors import RunError, ThesisError
from thesis_facts.json_objects import read_object

BEST = "best_val.pt"


def tested_checkpoint(run_dir: str | Path) -> Path:
    """The file whose weights the run tested; the best one where its facts don't say."""
    return Path(run_dir) / Path(str(_recorded(run_dir).get("path") or BEST)).name


def check_tested(run_dir: str | Path) -> dict[str, Any]:
    """Path, size and SHA-256 of the tested checkpoint.

    Raises
    ------
    RunError
        It is gone, or holds other weights than those that were tested.
    """
    described = describe_file(tested_checkpoint(run_dir))
    recorded = _recorded(run_dir).get("sha256")
    if described["sha256"] is None:
        raise RunError("no checkpoint", key=described["path"])
    if recorded not in (None, described["sha256"]):
        raise RunError(
            "the checkpoint is not the one that the run tested",
            key=described["path"],
            found=f"sha256 {described['sha256']}",
            expected=f"sha256 {recorded}",
        )
    return described


def _recorded(run_dir: str | Path) -> Mapping[str, Any]:
    """What the run said of the checkpoint that it tested."""
    for name in ("evaluation", "anomaly"):
        try:
            facts = read_object(str(Path(run_dir) / "facts" / f"{name}.json")) or {}
        except ThesisError:
            continue
        described = facts.get("checkpoint")
        if isinstance(described, Mapping):
            return described
    return {}
