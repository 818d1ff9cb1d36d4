"""A report can be checked: what was changed is found, and all else still holds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from thesis_facts import Scores, read_scores, write_pointer, write_scores
from thesis_facts.errors import RunError
from thesis_reports.verify import verify_report


@pytest.fixture
def report(sweep: Path, report_of: Callable[..., Path]) -> Path:
    return report_of({"inputs": {"sweep_dir": str(sweep)}, "outputs": {"fig_format": ["png"]}})


def _best(report: Path) -> Path:
    return Path(json.loads((report / "training" / "summary.json").read_text())["best"]["run_dir"])


def _change_one_score(run_dir: Path, split: str) -> None:
    scores = read_scores(run_dir, split)
    logits = scores.logits.copy()
    logits[np.argmin(logits[:, 1])] = [-9.0, 9.0]  # the surest background is signal now
    write_scores(run_dir, split, Scores(logits, scores.labels, scores.class_names))


def test_what_was_just_made_holds(report: Path) -> None:
    found = verify_report(report)
    assert found.holds, found.text()
    assert {"answer", "figure roc", "figure losses", "table Runs"} <= set(found.items)
    assert f"{len(found.items)} of {len(found.items)} items follow" in found.text()


def test_a_report_is_checked_from_anywhere(
    report: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert verify_report(report.relative_to(tmp_path)).holds


def test_one_changed_score_fails_exactly_what_depends_on_it(report: Path) -> None:
    run_dir = _best(report)
    _change_one_score(run_dir, "test")
    found = verify_report(report)
    assert [path for path, _ in found.changed] == [str(run_dir / "scores" / "test.npz")]
    assert set(found.failed) == {
        "answer",
        "findings",
        "key number test AUROC",
        "key number test rejection 1/ε_B",
        "figure roc",
        "figure scores",
    }
    assert "does not follow any more: figure roc" in found.text()


def test_scores_that_nothing_was_made_of_may_change(report: Path) -> None:
    _change_one_score(_best(report), "val")
    assert verify_report(report).holds


def test_one_changed_number_of_an_epoch_fails_its_curve_alone(report: Path) -> None:
    scalars = _best(report) / "facts" / "scalars.csv"
    lines = scalars.read_text().splitlines()
    column = lines[0].split(",").index("train_loss")
    row = next(i for i, line in enumerate(lines) if line.split(",")[1] == "train")
    cells = lines[row].split(",")
    cells[column] = "0.123"
    scalars.write_text("\n".join([*lines[:row], ",".join(cells), *lines[row + 1 :]]) + "\n")
    found = verify_report(report)
    assert [path for path, _ in found.changed] == [str(scalars)]
    assert set(found.failed) == {"figure losses"}
    (difference,) = found.failed["figure losses"]
    assert difference.endswith("→ 0.123")


@pytest.mark.parametrize("file", ["report.html", "training/figures/roc.png"])
def test_a_page_or_picture_that_was_touched_is_found(report: Path, file: str) -> None:
    with (report / file).open("ab") as target:
        target.write(b" ")
    found = verify_report(report)
    assert [Path(path).name for path, _ in found.changed] == [Path(file).name]
    assert not found.failed


def test_a_number_that_was_edited_is_found(report: Path) -> None:
    page = report / "page.json"
    content = json.loads(page.read_text())
    content["key numbers"]["test AUROC"][0] = "0.9999 ± 0.0001"
    page.write_text(json.dumps(content))
    assert set(verify_report(report).failed) == {"key number test AUROC"}


def test_runs_that_came_later_change_nothing(
    report: Path, sweep: Path, write_run, config_of
) -> None:
    run_dir = write_run(sweep.parents[1] / "runs" / "run_20260101-130000_late", config_of(9, 96))
    write_pointer(sweep, 9, run_dir, ["classifier.model.dim=96"])
    assert verify_report(report).holds


def test_a_run_that_is_gone_is_named(report: Path) -> None:
    run_dir = _best(report)
    run_dir.rename(run_dir.with_name("elsewhere"))
    found = verify_report(report)
    assert not found.holds
    assert any(path.startswith(str(run_dir)) and "gone" in what for path, what in found.changed)


def test_what_is_no_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="not a report"):
        verify_report(tmp_path)
    (tmp_path / "manifest.yaml").write_text("schema_version: 1\n")
    with pytest.raises(RunError, match="another version"):
        verify_report(tmp_path)


@pytest.mark.parametrize("name", ["compare", "anomaly_detection"])
def test_other_analyses_hold_too(
    name: str, sweep: Path, report_of: Callable[..., Path], request: pytest.FixtureRequest
) -> None:
    report = report_of({"inputs": {"sweep_dir": str(sweep)}, "report_name": name})
    found = verify_report(report)
    assert found.holds, found.text()


def test_two_of_a_name_are_both_checked(sweep: Path, tmp_path: Path, report_of) -> None:
    path = tmp_path / "twice.py"
    path.write_text(
        "from thesis_reports import ReportConfig, open_report, read_config\n"
        "VALUES = ['0.8', '0.7']\n"
        "def run_report(cfg):\n"
        "    with open_report(read_config(cfg, ReportConfig), 'Twice?') as report:\n"
        "        for value in VALUES:\n"
        "            report.key_number('AUROC', value)\n"
        "        report.summary(report.runs)\n"
    )
    report = report_of({"report_path": str(path), "inputs": {"sweep_dir": str(sweep)}})
    assert verify_report(report).holds
    path.write_text(path.read_text().replace("0.8", "0.9"))
    assert set(verify_report(report).failed) == {"key number AUROC"}


def test_a_run_that_takes_no_pointer_does_not_fail_the_check(sweep: Path, report_of) -> None:
    run_dir = sorted((sweep.parents[1] / "runs").iterdir())[0]
    (run_dir / "report_pointer.txt").mkdir()
    report = report_of({"inputs": {"sweep_dir": str(sweep)}})
    assert "could not be left" in (report / "report.html").read_text()
    assert verify_report(report).holds


def test_another_sweep_under_the_same_pattern_changes_nothing(
    sweep: Path, report_of, write_run, config_of
) -> None:
    report = report_of({"inputs": {"sweep_dir": str(sweep.parent / "exp*")}})
    run_dir = write_run(sweep.parents[1] / "runs" / "run_20260103-120000_new", config_of(9, 96))
    write_pointer(sweep.parent / "exp_20260103-120000_new", 0, run_dir, [])
    assert verify_report(report).holds


def test_a_torn_manifest_is_an_answer_and_no_traceback(report: Path) -> None:
    manifest = report / "manifest.yaml"
    manifest.write_text("".join(manifest.read_text().splitlines(keepends=True)[:5]))
    with pytest.raises(RunError, match="torn"):
        verify_report(report)


def test_a_copy_of_a_report_can_be_checked_and_writes_nothing(report: Path, tmp_path: Path) -> None:
    copy = tmp_path / "mail" / "report"
    shutil.copytree(report, copy)
    before = sorted(tmp_path.rglob("*"))
    assert verify_report(copy).holds
    assert sorted(tmp_path.rglob("*")) == before
