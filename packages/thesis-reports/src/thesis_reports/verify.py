"""Check a report: its files, what it was made from, and every number in it.

The analysis is made again from the runs that the manifest names, without drawing; what it says is
compared with what the report says, item by item.
"""

from __future__ import annotations

import csv
import io
import math
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from thesis_facts import describe_file
from thesis_facts.errors import RunError
from thesis_facts.json_objects import read_object
from thesis_reports.manifest import read_manifest
from thesis_reports.registry import run_report
from thesis_reports.report import recompute
from thesis_reports.rounding import counted
from thesis_reports.selection import KnownRuns

_RELATIVE = 1e-9  # versions of NumPy may sum in another order
_MOST_SHOWN = 6  # differences of an item


@dataclass
class Verification:
    """What was checked, and what does not hold.

    Attributes
    ----------
    changed
        Files whose content is not what the manifest says, with what they are.
    items
        Names of all that the report says: answer, key numbers, tables, figures.
    failed
        Differences of each item that does not follow from its inputs any more.
    """

    changed: list[tuple[str, str]] = field(default_factory=list)
    items: list[str] = field(default_factory=list)
    failed: dict[str, list[str]] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether all is as the report says."""
        return not self.changed and not self.failed

    def text(self) -> str:
        """For a terminal."""
        lines = [f"changed: {path} ({what})" for path, what in self.changed]
        for item, differences in self.failed.items():
            lines.append(f"does not follow any more: {item}")
            lines += [f"    {difference}" for difference in differences[:_MOST_SHOWN]]
            hidden = len(differences) - _MOST_SHOWN
            if hidden > 0:
                lines.append(f"    and {hidden} more")
        n_held = len(self.items) - len(self.failed)
        verdict = f"{n_held} of {len(self.items)} items follow from what went in"
        n_changed = len(self.changed)
        lines.append(
            f"{verdict}, but {counted(n_changed, 'file')} changed" if n_changed else verdict
        )
        return "\n".join(lines)


def verify_report(directory: str | Path) -> Verification:
    """Check a report directory.

    Raises
    ------
    RunError
        It is no report, or its runs are gone.
    """
    directory = Path(os.path.expanduser(directory)).resolve()
    manifest = read_manifest(directory)
    recorded = read_object(str(directory / "page.json"))
    if recorded is None:
        raise RunError("what the page says is gone", key=str(directory / "page.json"))
    found = Verification(changed=list(_changed_files(directory, manifest)))
    config = {**manifest["config"], "inputs": manifest["inputs"]}
    config["env"] = {**config["env"], "output_root": str(directory.parent)}  # nothing is written
    known = KnownRuns(
        frozenset([*(run["run_dir"] for run in manifest["runs"]), *manifest["deselected"]]),
        [(one["path"], one["reason"]) for one in manifest["skipped"]],
        frozenset(sweep["path"] for sweep in manifest["sweeps"]),
        {(one["run_dir"], one["split"]): one["path"] for one in manifest["scores"]},
    )
    with recompute(known) as recomputed:
        run_report(config)
    if recomputed.report is None:
        raise RunError("the analysis makes no report", found=str(manifest["analysis"]))
    now = dict(_items(recomputed.report.record()))
    before = dict(_items(recorded))
    found.items = list(before | now)
    for item in found.items:
        differences = list(_differences(before.get(item), now.get(item)))
        if differences:
            found.failed[item] = differences
    return found


def _changed_files(directory: Path, manifest: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for path, digest in manifest["files"].items():
        yield from _check(directory / path, digest, "a file of the report")
    for run in manifest["runs"]:
        for path, digest in run["facts"].items():
            yield from _check(Path(run["run_dir"]) / path, digest, "facts")
    if manifest.get("inference"):
        for run in manifest["runs"]:
            checkpoint = run["checkpoint"]
            yield from _check(Path(checkpoint["path"]), checkpoint["sha256"], "a checkpoint")
        for dataset in manifest["inference"]["datasets"]:
            for file in dataset.get("files", [dataset]):
                yield from _check(Path(file["path"]), file["sha256"], "events")
    for scores in manifest["scores"]:
        yield from _check(Path(scores["path"]), scores["sha256"], f"scores of {scores['split']}")
    for file in manifest["also_read"]:
        yield from _check(Path(file["path"]), file["sha256"], "what the report was made of")
    for sweep in manifest["sweeps"]:
        yield from _check(
            Path(sweep["path"]) / "sweep.json", sweep["plan_sha256"], "a sweep's plan"
        )


def _check(path: Path, digest: str | None, what: str) -> Iterator[tuple[str, str]]:
    now = describe_file(path)["sha256"]
    if now != digest:
        yield str(path), f"{what}{'' if now else ', gone'}"


def _items(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What can hold or fail by itself."""
    for key in ("question", "answer", "notes", "not drawn", "skipped", "findings"):
        yield key, record.get(key)
    for kind, one in (
        ("key numbers", "key number"),
        ("tables", "table"),
        ("lists", "list"),
    ):
        for name, value in dict(record.get(kind) or {}).items():
            yield f"{one} {name}", value
    for name, figure in dict(record.get("figures") or {}).items():
        known = figure if isinstance(figure, Mapping) else {}
        data = _rows(str(known.get("data", "")))
        yield f"figure {name}", {"caption": known.get("caption"), "data": data}


def _rows(data: str) -> list[list[Any]]:
    csv.field_size_limit(sys.maxsize)  # a name may be as long as it likes
    return [[_value(cell) for cell in row] for row in csv.reader(io.StringIO(data))]


def _value(cell: str) -> str | float:
    try:
        return float(cell)
    except ValueError:
        return cell


def _differences(before: Any, now: Any, where: str = "") -> Iterator[str]:
    """What differs, leaf by leaf."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in before | now:
            yield from _differences(before.get(key), now.get(key), f"{where}{key}: ")
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for number, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from _differences(one, other, f"{where}[{number}] ")
    elif not _equal(before, now):
        yield f"{where}{_short(before)} → {_short(now)}"


def _equal(before: Any, now: Any) -> bool:
    numbers = isinstance(before, (int, float)) and isinstance(now, (int, float))
    if not numbers:
        return before == now
    both_unknown = math.isnan(before) and math.isnan(now)
    return both_unknown or math.isclose(before, now, rel_tol=_RELATIVE, abs_tol=1e-12)


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} entries"
    text = str(value)
    return text if len(text) <= 90 else f"{text[:87]}…"
