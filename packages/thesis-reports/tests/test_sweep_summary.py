"""The whole report, on a sweep of four, on one run, and on what is left of broken ones."""

import csv
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from thesis_facts import RunError, read_events
from thesis_facts.errors import ConfigError

FIGURES = {"settings", "losses", "metric", "roc", "scores"}
PNG = {"fig_format": "png"}


def _summary(report: Path) -> dict:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    text = (report / "training" / "summary.json").read_text()
    return json.loads(text, parse_constant=refuse)


def _drawn(report: Path) -> set[str]:
    paths = list((report / "training" / "figures").glob("*"))
    names = {path.stem for path in paths if path.suffix == ".csv"}
    assert names == {path.stem for path in paths}  # each has its data beside it
    return {path.name for path in paths if path.suffix != ".csv"}


@pytest.fixture
def report(sweep: Path, report_of) -> Path:
    return report_of({"inputs": {"sweep_dir": str(sweep)}, "outputs": PNG})


def test_what_ran_what_failed_what_is_best(report: Path) -> None:
    summary = _summary(report)
    assert summary["status"] == {"complete": 2, "crashed": 1, "incomplete": 1, "skipped": 0}
    assert summary["ranked_by"]["name"] == "auroc"
    best = summary["best"]
    assert best["setting"] == {"dim": 64}
    assert best["validation"]["n"] == 2
    assert best["run_dir"] in summary["settings"][0]["run_dirs"]
    assert 0 < best["test"]["auroc_uncertainty"] < 0.05
    page = (report / "report.html").read_text()
    assert "2 of 4 runs finished; 1 crashed and 1 stopped early." in page
    assert "Only dim=64 has a result: validation AUROC" in page  # no next to be ahead of
    assert "crashed after 2 epochs: ValueError: loss is not finite &lt;b&gt;at step 3" in page
    assert "stopped after 2 epochs" in page


def test_the_best_run_is_chosen_on_validation_alone(sweep: Path, report_of) -> None:
    runs = sorted((sweep.parents[1] / "runs").iterdir())
    first = _summary(report_of({"inputs": {"sweep_dir": str(sweep)}}))
    values = {row["run_dir"]: row["metric_auroc_best"] for row in first["runs"]}
    finished = [str(run) for run in runs[:2]]
    assert first["best"]["run_dir"] == max(finished, key=lambda run: values[run])
    # make its test result bad: it stays the best
    shutil.rmtree(Path(first["best"]["run_dir"]) / "scores")
    scalars = Path(first["best"]["run_dir"]) / "facts" / "scalars.csv"
    lines = scalars.read_text().splitlines()
    header = lines[0].split(",")
    cells = lines[-1].split(",")
    cells[header.index("metric_auroc")] = "0.1"
    scalars.write_text("\n".join([*lines[:-1], ",".join(cells)]) + "\n")
    second = _summary(report_of({"inputs": {"sweep_dir": str(sweep)}}))
    assert second["best"]["run_dir"] == first["best"]["run_dir"]
    assert second["best"]["test"]["auroc"] == 0.1


def test_a_row_per_run_is_written_as_csv_and_json(report: Path) -> None:
    with (report / "training" / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    summary = _summary(report)
    assert len(rows) == len(summary["runs"]) == 4
    assert {row["setting"] for row in rows} == {"dim=64", "dim=32"}
    for row, entry in zip(rows, summary["runs"], strict=True):
        assert row["run_dir"] == entry["run_dir"]
        assert float(row["metric_auroc_best"]) == pytest.approx(entry["metric_auroc_best"])


def test_figures_are_saved_in_each_format_and_shown(report: Path) -> None:
    # one setting has no finished run, so there is nothing to compare
    expected = FIGURES - {"settings"}
    assert _drawn(report) == {f"{name}.png" for name in expected}
    page = (report / "report.html").read_text()
    assert page.count("data:image/svg+xml;base64,") == len(expected)
    assert "Only one setting has a result." in page


def test_settings_are_compared_with_the_uncertainty_of_their_difference(
    tmp_path, write_run, config_of, report_of
) -> None:
    for dim, separation in ((32, 1.6), (64, 2.2)):
        for seed in (1, 2):
            write_run(
                tmp_path / f"outputs/runs/d{dim}_s{seed}",
                config_of(seed, dim), separation=separation, n_epochs=2,
            )  # fmt: skip
    cfg = {"inputs": {"run_dirs": str(tmp_path / "outputs/runs/*")}}
    cfg["outputs"] = {"which_figures": "settings", "fig_format": "png"}
    report = report_of(cfg)
    lead = _summary(report)["best"]["lead"]
    assert lead["basis"] == "2 and 2 seeds"
    assert lead["value"] > 0
    assert lead["uncertainty"] > 0
    assert _drawn(report) == {"settings.png"}


def test_single_seeds_are_compared_event_by_event(
    tmp_path, write_run, config_of, report_of
) -> None:
    for dim, separation in ((32, 1.6), (64, 2.2)):
        run_dir = tmp_path / f"outputs/runs/d{dim}"
        write_run(run_dir, config_of(1, dim), separation=separation, n_epochs=2)
    cfg = {
        "inputs": {"sweep_dir": str(tmp_path / "outputs/runs")},
        "outputs": {"which_figures": []},
    }
    report = report_of(cfg)
    assert _summary(report)["best"]["lead"]["basis"] == "paired, the same 1,500 validation events"
    assert not (report / "training" / "figures").exists()


def test_one_run_gets_a_page_of_its_own(tmp_path, write_run, config_of, report_of) -> None:
    run_dir = write_run(tmp_path / "outputs/runs/run_20260101-120000_first", config_of())
    report = report_of({"inputs": {"run_dirs": str(run_dir)}, "outputs": {}})
    page = (report / "report.html").read_text()
    assert "<h1>How did this run go?</h1>" in page
    assert "The run finished in 10.0 s." in page
    assert "Only one setting" not in page
    assert _drawn(report) == {
        f"{name}.{suffix}" for name in FIGURES - {"settings"} for suffix in ("png", "pdf")
    }


def test_a_run_without_scores_says_why_there_is_no_roc(
    tmp_path, write_run, config_of, report_of
) -> None:
    run_dir = write_run(tmp_path / "outputs/runs/a", config_of(), with_scores=False)
    report = report_of({"inputs": {"run_dirs": str(run_dir)}, "outputs": PNG})
    assert "no scores of split test" in (report / "report.html").read_text()
    # the facts hold the test metrics all the same
    assert 0.5 < _summary(report)["best"]["test"]["auroc"] < 1


def test_a_broken_score_file_never_stops_the_report(
    tmp_path, write_run, config_of, report_of
) -> None:
    run_dir = write_run(tmp_path / "outputs/runs/a", config_of())
    scores = run_dir / "scores" / "test.npz"
    scores.write_bytes(scores.read_bytes()[:500])
    report = report_of({"inputs": {"run_dirs": str(run_dir)}, "outputs": PNG})
    assert f"{scores}; score the split again" in (report / "report.html").read_text()


def test_what_cannot_be_read_is_skipped_with_its_reason(sweep: Path, report_of) -> None:
    broken = sweep.parents[1] / "runs" / "run_20260101-120000_dims_job000"
    (broken / "facts" / "events.jsonl").unlink()
    report = report_of({"inputs": {"sweep_dir": str(sweep)}})
    (skipped,) = _summary(report)["skipped"]
    assert skipped["path"] == str(broken)
    assert "1 run directory could not be read" in (report / "report.html").read_text()
    manifest = yaml.safe_load((report / "manifest.yaml").read_text())
    assert manifest["skipped"] == [skipped]
    assert not (broken / "report_pointer.txt").exists()


def test_nothing_readable_still_gives_a_page(sweep: Path, report_of) -> None:
    for events in (sweep.parents[1] / "runs").glob("*/facts/events.jsonl"):
        events.unlink()
    report = report_of({"inputs": {"sweep_dir": str(sweep)}})
    page = (report / "report.html").read_text()
    assert "No run could be read: 4 run directories could not be read." in page
    assert _summary(report)["runs"] == []


def test_only_crashed_runs_still_give_an_answer(tmp_path, write_run, config_of, report_of) -> None:
    for seed in (1, 2):
        run_dir = tmp_path / f"outputs/runs/r{seed}"
        write_run(run_dir, config_of(seed), end="crashed", n_epochs=1)
    report = report_of({"inputs": {"sweep_dir": str(tmp_path / "outputs/runs")}})
    summary = _summary(report)
    assert summary["answer"].startswith("0 of 2 runs finished; 2 crashed.")
    assert summary["best"]["validation"]["n"] == 2


def test_a_run_that_died_at_once_is_named_with_its_error(
    tmp_path, write_run, config_of, report_of
) -> None:
    run_dir = tmp_path / "outputs/runs/r"
    write_run(run_dir, config_of(), end="crashed", n_epochs=0)
    report = report_of({"inputs": {"run_dirs": str(run_dir)}, "outputs": {}})
    page = (report / "report.html").read_text()
    assert "The run crashed. None of them got far enough" not in page
    assert "The run crashed. It did not get far enough to have a validation result." in page
    assert "crashed before any epoch: ValueError: loss is not finite" in page
    assert "No run has written an epoch yet." in page


def test_hostile_names_and_values_reach_the_page_as_text(
    tmp_path, write_run, config_of, report_of
) -> None:
    evil = "<img src=x onerror=alert(1)>$\\frac{&"
    runs = [tmp_path / "outputs" / "runs" / name for name in (evil, "_b")]
    for i, run_dir in enumerate(runs):
        write_run(run_dir, config_of(1, positional=f"{evil}{i}"), n_epochs=2)
    cfg = {"inputs": {"run_dirs": [str(run_dir) for run_dir in runs]}, "outputs": PNG}
    report = report_of(cfg)
    page = (report / "report.html").read_text()
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert {row["name"] for row in _summary(report)["runs"]} == {evil, "_b"}


def test_runs_are_filtered_by_any_column(sweep: Path, report_of) -> None:
    cfg = {"inputs": {"sweep_dir": str(sweep), "select": {"dim": 64, "status": "complete"}}}
    report = report_of(cfg)
    assert {row["dim"] for row in _summary(report)["runs"]} == {64}
    assert "inputs.select leaves out 2 runs." in (report / "report.html").read_text()


def test_thresholds_become_a_column(sweep: Path, report_of) -> None:
    cfg = {"inputs": {"sweep_dir": str(sweep)}, "thresholds": {"val_loss": 0.55}}
    report = report_of(cfg)
    label = "time to val_loss ≤ 0.55 (s)"
    assert label in (report / "report.html").read_text()
    assert [row[label] for row in _summary(report)["runs"]] == [4.0] * 4


def test_runs_can_be_ranked_by_another_metric(sweep: Path, report_of) -> None:
    report = report_of({"inputs": {"sweep_dir": str(sweep)}, "rank_by": "loss"})
    assert _summary(report)["ranked_by"]["higher_is_better"] is False
    with pytest.raises(ConfigError, match=r"rank_by: found 'aurocc'.*did you mean auroc"):
        report_of({"inputs": {"sweep_dir": str(sweep)}, "rank_by": "aurocc"})


def test_a_mistake_leaves_nothing_behind(sweep: Path, report_of) -> None:
    mistakes = [
        {"rank_by": "speed"},
        {"outputs": {"which_figures": ["rocs"]}},
        {"thresholds": {"val_nothing": 1}},
    ]
    for mistake in mistakes:
        with pytest.raises(ConfigError):
            report_of({"inputs": {"sweep_dir": str(sweep)}, **mistake})
    assert list(sweep.parents[1].glob("reports/*")) == []


def test_a_wrong_path_is_an_error(tmp_path, report_of) -> None:
    with pytest.raises(RunError, match="no runs found"):
        report_of({"inputs": {"run_dirs": str(tmp_path / "nothing*")}})


def test_runs_of_an_older_system_are_reported(tmp_path, write_run, config_of, report_of) -> None:
    run_dir = write_run(tmp_path / "outputs" / "runs" / "job0", config_of(), with_scores=False)
    _make_old(run_dir)
    report = report_of({"inputs": {"run_dirs": str(run_dir)}, "outputs": PNG})
    summary = _summary(report)
    assert summary["best"]["test"] == {}
    assert "losses.png" in _drawn(report)
    assert "roc.png" not in _drawn(report)


def _make_old(run_dir: Path) -> None:
    """Only val rows with both losses, no JSON config, no scores, no checkpoint."""
    (run_dir / "best_val.pt").unlink()
    (run_dir / "facts" / "config.json").unlink()
    shutil.copy(run_dir / ".hydra" / "config.yaml", run_dir / "cfg.yaml")
    shutil.rmtree(run_dir / ".hydra")
    rows = ["epoch,split,train_loss,val_loss,metric_acc,metric_auroc"]
    rows += [f"{e},val,{0.7 - 0.1 * e},{0.8 - 0.1 * e},0.6,{0.6 + 0.1 * e}" for e in range(3)]
    (run_dir / "facts" / "scalars.csv").write_text("\n".join(rows) + "\n")
    events = [e for e in read_events(run_dir) if e["moment"] != "on_test_end"]
    text = "\n".join(json.dumps(event) for event in events) + "\n"
    (run_dir / "facts" / "events.jsonl").write_text(text)


def test_the_page_tells_how_to_repeat_it(sweep: Path, report_of: Callable) -> None:
    relative = os.path.relpath(sweep)
    report = report_of({"inputs": {"sweep_dir": relative}, "config_name": "sweep_summary"})
    page = (report / "report.html").read_text()
    assert f"thesis-report --config-name sweep_summary inputs.sweep_dir={sweep}" in page
    assert "thesis-train classifier.model.dim=64 classifier.trainer.seed=" in page
