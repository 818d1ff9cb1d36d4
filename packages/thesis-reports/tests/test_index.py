"""One page over all reports of an output root, whatever else lies there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from thesis_facts.errors import ConfigError, RunError
from thesis_reports import run_report


@pytest.fixture
def made(sweep: Path, report_of: Callable[..., Path]) -> Path:
    return report_of({"inputs": {"sweep_dir": str(sweep)}})


def _index(made: Path) -> str:
    return (made.parent / "index.html").read_text()


def test_it_lists_each_report_with_its_answer(made: Path, sweep: Path, report_of) -> None:
    report_of({"inputs": {"sweep_dir": str(sweep)}, "report_name": "compare"})
    text = _index(made)
    assert text.count("report.html") == 2
    assert "2 of 4 runs finished" in text
    assert "2 reports, the newest first" in text


def test_reports_in_subfolders_are_in_the_same_index(made: Path, sweep: Path) -> None:
    outputs = {"which_figures": [], "report_subdir": "papers/one"}
    run_report({"inputs": {"sweep_dir": str(sweep)}, "outputs": outputs})
    assert "papers/one/report.html" in _index(made)
    assert not (made.parent / "papers" / "index.html").exists()


@pytest.mark.parametrize(
    "about",
    [
        "{",
        "[]",
        json.dumps({"created": "yesterday", "n_runs": 1, "n_skipped": 0}),
        json.dumps({"created": "2026-01-01T00:00:00", "n_runs": 1, "n_skipped": 0}),
        json.dumps({"created": "2026-01-01T00:00:00+00:00", "n_runs": None, "n_skipped": 0}),
    ],
)
def test_odd_neighbours_spoil_nothing(about: str, made: Path, sweep: Path, report_of) -> None:
    odd = made.parent / "odd"
    odd.mkdir()
    (odd / "about.json").write_text(about)
    (odd / "report.html").write_text("")
    again = report_of({"inputs": {"sweep_dir": str(sweep)}})
    assert again.name in _index(made)


def test_questions_are_text(made: Path, sweep: Path, report_of) -> None:
    about = json.loads((made / "about.json").read_text())
    about["question"] = "<script>alert(1)</script>"
    (made / "about.json").write_text(json.dumps(about))
    report_of({"inputs": {"sweep_dir": str(sweep)}})
    assert "<script>alert" not in _index(made)


def test_a_reports_folder_that_leads_nowhere_is_an_answer(tmp_path: Path, sweep: Path) -> None:
    root = tmp_path / "elsewhere"
    root.mkdir()
    (root / "reports").symlink_to(tmp_path / "gone" / "reports")
    with pytest.raises(RunError, match="can't be written"):
        run_report({"inputs": {"sweep_dir": str(sweep)}, "env": {"output_root": str(root)}})


def test_a_report_stays_below_reports(sweep: Path) -> None:
    with pytest.raises(ConfigError, match="stays inside"):
        run_report({"inputs": {"sweep_dir": str(sweep)}, "outputs": {"report_subdir": "."}})
