"""One page over all reports of an output root: what was asked, what was found, where it stands."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from thesis_facts import write_atomic
from thesis_facts.errors import ThesisError
from thesis_facts.json_objects import read_object
from thesis_reports.page.render import render_index

logger = logging.getLogger(__name__)


def write_index(reports: Path) -> Path | None:
    """Write ``index.html`` into a folder of reports, the newest first; gives its path.

    Nothing is written where no report can be read. A report in a subfolder is found too.
    """
    entries = [entry for file in reports.rglob("about.json") if (entry := _entry(file, reports))]
    if not entries:
        return None
    entries.sort(key=lambda entry: entry["created"], reverse=True)
    html = render_index(entries)
    target = reports / "index.html"
    try:
        return write_atomic(target, lambda file: file.write(html.encode(errors="backslashreplace")))
    except ThesisError as error:
        logger.warning("No index of reports: %s", error)
        return None


def _entry(file: Path, reports: Path) -> dict[str, Any] | None:
    try:
        about = read_object(str(file)) or {}
        created = datetime.fromisoformat(str(about["created"]))
        created = created if created.tzinfo else created.replace(tzinfo=UTC)
        counts = {key: int(about[key]) for key in ("n_runs", "n_skipped")}
    except (ThesisError, ValueError, KeyError, TypeError, OverflowError):
        return None  # another writer may be at it, or it is no report of ours
    page = file.parent / "report.html"
    if not page.is_file():
        return None
    texts = {
        key: str(about.get(key, "")) for key in ("report_id", "analysis", "question", "answer")
    }
    return {**texts, **counts, "created": created, "path": str(page.relative_to(reports))}
