"""Keys that were thought of later: given to the configs of older runs that lack them."""

from __future__ import annotations

import json
import sys
from typing import Any

from thesis_facts.errors import ConfigError, ThesisError
from thesis_wandb.filters import LIVE
from thesis_wandb.library import library_of_command
from thesis_wandb.project import find_project
from thesis_wandb.text import printable

Label = str | int | float | bool | None


def backfill(text: str, project_name: str | None, entity: str | None, dry_run: bool = False) -> int:
    """Give each run of a project the keys that its config lacks; what is there is never changed.

    A run that is at work is left alone: its own process sends its config again.
    """
    labels = read_labels(text)
    project = find_project(project_name, entity)
    counts = dict.fromkeys(("done", "had", "running", "failed"), 0)
    with library_of_command():
        api = project.connect()
        for run in project.runs(api):
            name = printable(run.id)
            if run.state in LIVE:
                counts["running"] += 1
                print(f"{name}: {run.state}, left alone", file=sys.stderr)
                continue
            try:
                with project.explaining():
                    run.load_full_data()  # as it is right before it is written
                    lacking = {key: label for key, label in labels.items() if key not in run.config}
                    if lacking and not dry_run:
                        run.config.update(lacking)
                        run.update()
            except ThesisError as error:
                counts["failed"] += 1
                print(f"{name}: {error}", file=sys.stderr)
                continue
            counts["done" if lacking else "had"] += 1
            if lacking:
                print(f"{name}: {'would get' if dry_run else 'got'} {_shown(lacking)}")
    verb = "would change" if dry_run else "changed"
    left = f", {counts['running']} at work and left alone" if counts["running"] else ""
    failed = f", {counts['failed']} failed" if counts["failed"] else ""
    print(f"{counts['done']} {verb} in {project.path}, {counts['had']} had all keys{left}{failed}")
    return 1 if counts["failed"] else 0


def read_labels(text: str) -> dict[str, Label]:
    """Keys and their defaults.

    Raises
    ------
    ConfigError
        If the text is not an object of plain values.
    """
    expected = """an object of plain values such as {"data/detector": "CMS"}"""
    try:
        labels = json.loads(text, object_pairs_hook=_without_twins, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        found = f"{text} ({error})"
        raise ConfigError("wrong value", key="--labels", found=found, expected=expected) from None
    if not isinstance(labels, dict) or not labels:
        raise ConfigError("wrong value", key="--labels", found=text, expected=expected)
    for key, value in labels.items():
        if not key.strip() or key.startswith("_") or isinstance(value, (dict, list)):
            found = json.dumps({key: value})
            raise ConfigError("wrong value", key="--labels", found=found, expected=expected)
    return labels


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    labels = dict(pairs)
    if len(labels) < len(pairs):
        raise ValueError("a key twice")
    return labels


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def _shown(labels: dict[str, Label]) -> str:
    return ", ".join(f"{printable(key)} = {json.dumps(value)}" for key, value in labels.items())
