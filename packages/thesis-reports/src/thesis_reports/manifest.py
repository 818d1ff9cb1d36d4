"""What a report was made from: runs, checkpoints and data sets with their hashes."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from thesis_facts import describe_file, write_atomic
from thesis_facts.durable import json_text
from thesis_facts.errors import RunError
from thesis_facts.events import read_outline
from thesis_reports.checkpoints import tested_checkpoint
from thesis_reports.config import Inputs, ReportConfig
from thesis_reports.reproduce import absolute_path, command
from thesis_reports.scores import ScoreSource
from thesis_reports.selection import SelectedRuns
from thesis_reports.sweeps import SweepState

SCHEMA_VERSION = 2

_PACKAGES = ("thesis-reports", "thesis-facts", "numpy", "pandas", "matplotlib", "jinja2")
_NEEDED = {"config", "inputs", "runs", "deselected", "skipped", "scores", "sweeps", "files"}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # ten times as fast where it is built


def build_manifest(
    directory: Path,
    created: datetime,
    config: ReportConfig,
    selected: SelectedRuns,
    scores: ScoreSource,
    also_read: Sequence[Path],
) -> dict[str, Any]:
    """Everything that a reader needs to check or repeat a report, as plain containers.

    Facts and the best checkpoint of each run are read to hash them, as are the scores that the
    report read and the files that it wrote; a file that isn't there has null in place of its hash.
    Data sets are those that the runs recorded when they began.
    """
    return {
        "schema_version": SCHEMA_VERSION,
        "report_id": directory.name,
        "analysis": config.report_path or config.report_name,
        "created": created.isoformat(),
        "command": command(config),
        "versions": package_versions(),
        "inputs": _absolute_inputs(config.inputs),
        "config": _absolute_config(config),
        "sweeps": [_sweep(state) for state in selected.sweeps],
        "runs": [_run(row) for row in selected.runs.to_dict("records")],
        "datasets": _datasets(selected.configs),
        "scores": scores.describe(),
        "also_read": [describe_file(path) for path in also_read],
        "inference": scores.describe_inference(),
        "deselected": selected.deselected,
        "skipped": [{"path": path, "reason": reason} for path, reason in selected.skipped],
        "files": {
            str(path.relative_to(directory)): describe_file(path)["sha256"]
            for path in sorted(directory.rglob("*"))
            if path.is_file()
        },
    }


def _absolute_config(config: ReportConfig) -> dict[str, Any]:
    """All but the inputs, with paths that mean the same from everywhere."""
    values = config.model_dump(mode="json", exclude={"inputs"})
    if values["report_path"] is not None:
        values["report_path"] = absolute_path(values["report_path"])
    values["data"]["path"] = _absolute(values["data"]["path"])
    return values


def _absolute_inputs(inputs: Inputs) -> dict[str, Any]:
    """The inputs with paths that mean the same from everywhere."""
    values = inputs.model_dump(mode="json")
    for key in ("sweep_dir", "sweep_dirs", "run_dirs"):
        values[key] = _absolute(values[key])
    return values


def _absolute(given: str | list[str] | None) -> str | list[str] | None:
    if isinstance(given, str):
        return absolute_path(given)
    return None if given is None else [absolute_path(path) for path in given]


def read_manifest(directory: Path) -> dict[str, Any]:
    """The manifest of a report.

    Raises
    ------
    RunError
        There is none, or none that this version understands.
    """
    path = directory / "manifest.yaml"
    try:
        manifest = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except OSError as error:
        raise RunError(
            "not a report: it has no manifest.yaml that can be read",
            key=str(directory),
            found=error.strerror,
            expected="a folder such as outputs/reports/report_…",
        ) from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise RunError("not a report", key=str(path), found=str(error).splitlines()[0]) from error
    known = manifest if isinstance(manifest, dict) else {}
    found = known.get("schema_version")
    if found != SCHEMA_VERSION:
        raise RunError(
            "the manifest is of another version",
            key=str(path),
            found=str(found),
            expected=str(SCHEMA_VERSION),
            do="make the report again",
        )
    missing = ", ".join(sorted(_NEEDED - known.keys()))
    if missing:
        raise RunError("the manifest is torn", key=str(path), found=f"no {missing}")
    return known


def write_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    """Write a manifest as YAML, keys in the order given."""
    text = yaml.dump(dict(manifest), Dumper=_DUMPER, sort_keys=False, allow_unicode=True, width=100)
    write_atomic(path, lambda file: file.write(text.encode(errors="backslashreplace")))


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
    checkpoint = describe_file(tested_checkpoint(row["run_dir"]))
    known = {key: _text(row.get(key)) for key in ("name", "run_dir", "run_id", "status")}
    return {
        **known,
        "config_sha1": _text(row.get("config_sha1")),
        "checkpoint": checkpoint,
        "facts": _facts(Path(row["run_dir"])),
    }


def _facts(run_dir: Path) -> dict[str, str | None]:
    """SHA-256 of each file that tells what the run was and how it went, by its path in the run."""
    files = [*sorted(run_dir.glob("facts/*")), *sorted(run_dir.glob(".hydra/*.yaml"))]
    return {
        str(path.relative_to(run_dir)): describe_file(path)["sha256"]
        for path in files
        if path.is_file()
    }


def _sweep(state: SweepState) -> dict[str, Any]:
    plan = describe_file(Path(state.path) / "sweep.json")
    return {"path": state.path, "n_planned": state.n_planned, "plan_sha256": plan["sha256"]}


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
