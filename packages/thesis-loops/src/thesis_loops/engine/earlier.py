"""What a run directory holds of the run that is to be resumed, and whether it is the same run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thesis_facts.configs import flatten
from thesis_facts.errors import ConfigError, RunError
from thesis_facts.events import CRASHED, read_events, read_outline
from thesis_facts.json_objects import read_object

# What may differ between a run and its continuation: it changes no number, but for the rounding
# of another device.
_FREE_TO_CHANGE = (
    "checkpoint_every_s",
    "device",
    "env",
    "job_id",
    "logging",
    "objective",
    "resume",
    "run_dir",
    "stop_signals",
)


@dataclass(frozen=True)
class Earlier:
    """Facts of a run from before it was interrupted; all None for a new one.

    Attributes
    ----------
    config : dict or None
        Its resolved config.
    run_id : str or None
        The one that its events carry.
    dataset : dict or None
        What its `on_start` said of its data set.
    numerics : dict or None
        What its `on_start` said of how it computes.
    results : dict or None
        What it returned, where it is complete.
    failure : dict or None
        The `on_exception` that it ended with.
    """

    config: dict[str, Any] | None = None
    run_id: str | None = None
    dataset: dict[str, Any] | None = None
    numerics: dict[str, Any] | None = None
    results: dict[str, Any] | None = None
    failure: dict[str, Any] | None = None


def has_facts(run_dir: Path) -> bool:
    """Whether a run ever began in the directory."""
    return (run_dir / "facts" / "events.jsonl").exists()


def read_earlier(run_dir: Path) -> Earlier:
    """Read what the facts in the directory say; where they say nothing, all is None."""
    config = read_object(run_dir / "facts" / "config.json")
    if not has_facts(run_dir):
        return Earlier(config)
    events = read_events(run_dir)
    ids = [event["meta"]["run_id"] for event in events if (event.get("meta") or {}).get("run_id")]
    starts = [event for event in events if event["moment"] == "on_start"]
    ends = [event for event in events if event["moment"] == "on_train_end"]
    return Earlier(
        config,
        run_id=ids[0] if ids else None,
        dataset=starts[-1].get("dataset") if starts else None,
        numerics=starts[-1].get("numerics") if starts else None,
        results=_results(ends[-1].get("results")) if ends else None,
        failure=last_failure(run_dir),
    )


def last_failure(run_dir: Path) -> dict[str, Any] | None:
    """The `on_exception` that the facts end with, if they do."""
    try:
        outline = read_outline(run_dir)
    except RunError:  # no event yet
        return None
    return outline.last if outline.status == CRASHED else None


def storable(results: Mapping[str, Any]) -> dict[str, Any]:
    """Results as facts keep them: JSON has no NaN and no infinity, so these become their names."""
    return {
        name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in results.items()
    }


def check_same_config(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with another config, but for keys that change no number.

    Raises
    ------
    ConfigError
        Lists the keys that differ.
    """
    old, new = dict(flatten(before)), dict(flatten(now))
    changed = sorted(
        key
        for key in old.keys() | new.keys()
        if old.get(key) != new.get(key) and key.split(".")[0] not in _FREE_TO_CHANGE
    )
    if changed:
        listed = "\n".join(f"  {key}: {old.get(key)} -> {new.get(key)}" for key in changed)
        raise ConfigError(
            f"a run can only be resumed with its own config; these keys differ:\n{listed}\n"
            "give the same overrides again, or start a new run",
        )


def changed_numerics(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> str:
    """What of it differs, such as "threads 2 -> 1"; empty where nothing does."""
    pairs = [(name, (before or {}).get(name, value), value) for name, value in now.items()]
    return ", ".join(f"{name} {old} -> {new}" for name, old, new in pairs if old != new)


def check_same_dataset(before: Mapping[str, Any] | None, now: Mapping[str, Any] | None) -> None:
    """Refuse to go on with other events under the same name.

    Raises
    ------
    RunError
        The content of the data set is not what the run began with.
    """
    if before is None or now is None or before.get("sha256") is None:
        return
    if before["sha256"] != now.get("sha256"):
        raise RunError(
            "the data set changed since this run began",
            key=str(now.get("path")),
            found=_identity(now),
            expected=_identity(before),
            do="put the old file back, or start a new run",
        )


def _results(stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if stored is None:
        return None
    names = ("nan", "inf", "-inf")
    return {name: float(v) if v in names else v for name, v in stored.items()}


def _identity(dataset: Mapping[str, Any]) -> str:
    return f"{dataset.get('size')} bytes with SHA-256 {str(dataset.get('sha256'))[:12]}…"
