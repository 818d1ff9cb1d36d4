"""What a report was made from: runs, checkpoints and data sets with their hashes."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from thesis_facts import describe_file, write_atomic
from thesis_facts.durable import json_text
from thesis_facts.events import read_outline
from thesis_reports.config import ReportConfig
from thesis_reports.reproduce import command
from thesis_reports.selection import SelectedRuns

SCHEMA_VERSION = 1
CHECKPOINT = "best_val.pt"

_PACKAGES = ("thesis-reports", "thesis-facts", "numpy", "pandas", "matplotlib", "jinja2")
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # ten times as fast where it is built


def build_manifest(
    report_id: str, created: datetime, config: ReportConfig, selected: SelectedRuns
) -> dict[str, Any]:
    """Everything that a reader needs to check or repeat a report, as plain containers.

    The best checkpoint of each run is read to hash it, and has null in place of the hash where it
    isn't there. Data sets are those that the runs recorded when they began.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "report_id": report_id,
        "analysis": config.report_path or config.report_name,
        "created": created.isoformat(),
        "command": command(config),
        "versions": package_versions(),
        "inputs": config.inputs.model_dump(mode="json"),
        "config": config.model_dump(mode="json", exclude={"inputs"}),
        "runs": [_run(row) for row in selected.runs.to_dict("records")],
        "datasets": _datasets(selected.configs),
        "inference": None,
        "skipped": [{"path": path, "reason": reason} for path, reason in selected.skipped],
    }


def write_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    """Write a manifest as YAML, keys in the order given."""
    text = yaml.dump(dict(manifest), Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=100)
    write_atomic(path, lambda file: file.write(text.encode()))


def package_versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide what a report shows."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def append_pointers(run_dirs: Iterable[str], report_id: str) -> list[str]:
    """Leave the report's id in each run's ``report_pointer.txt``.

    Returns
    -------
    list of str
        The runs where that was not possible, each with its reason.
    """
    refused = []
    for run_dir in run_dirs:
        try:
            with (Path(run_dir) / "report_pointer.txt").open("a", encoding="utf-8") as file:
                file.write(f"{report_id}\n")
        except OSError as error:
            refused.append(f"{run_dir}: {error.strerror}")
    return refused


def _run(row: Mapping[str, Any]) -> dict[str, Any]:
    checkpoint = describe_file(Path(row["run_dir"]) / CHECKPOINT)
    known = {key: _text(row.get(key)) for key in ("name", "run_dir", "run_id", "status")}
    return {**known, "config_sha1": _text(row.get("config_sha1")), "checkpoint": checkpoint}


def _datasets(configs: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Data sets that the runs read, as they recorded them, each once with the number of its runs.

    Of a run that recorded none only the path is known: what is there today may be another file.
    """
    described: dict[str, dict[str, Any]] = {}
    users: Counter[str] = Counter()
    for run_dir, config in configs.items():
        dataset = read_outline(run_dir).first.get("dataset")
        if not isinstance(dataset, dict):
            data = config.get("data")
            path = data.get("path") if isinstance(data, Mapping) else None
            if path is None:
                continue
            dataset = {"path": path, "size": None, "sha256": None}
        key = json_text(dataset)
        described[key] = dataset
        users[key] += 1
    return [{**dataset, "n_runs": users[key]} for key, dataset in described.items()]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
