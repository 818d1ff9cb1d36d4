"""What anomaly scores find: chosen on validation, judged on test, beside what needs no model."""

import json

import numpy as np
import pytest

from thesis_facts.anomaly import (
    AnomalyScores,
    anomaly_report,
    compare_changed,
    write_anomaly,
    write_anomaly_scores,
)
from thesis_facts.errors import ConfigError
from thesis_facts.metrics import auroc, paired_auroc_difference
from thesis_reports.analyses.anomaly_detection import FIGURES

N_EVENTS = 2000
BACKGROUND = ("ttH", "ttW", "ttWW", "ttZ")


def scores_of(seed: int, split: str) -> AnomalyScores:
    """`good` finds 4t, `lucky` only in validation; the number of objects is in between."""
    shared = np.random.default_rng(0 if split == "val" else 1)
    process = shared.integers(1, 6, N_EVENTS)
    is_signal = process == 1
    n_objects = shared.poisson(6 + 3 * is_signal).astype(float)
    own = np.random.default_rng([seed, split == "val"])
    good = n_objects + 2.5 * is_signal + own.normal(0, 0.5, N_EVENTS)
    lucky = own.normal(0, 1, N_EVENTS) + (1.0 if split == "val" else 0.0) * is_signal
    return AnomalyScores({"lucky": lucky, "good": good, "n_objects": n_objects}, process)


def write(run_dir) -> None:
    seed = int(run_dir.name[-1])
    found = {}
    for split in ("val", "test"):
        scores = scores_of(seed, split)
        write_anomaly_scores(run_dir, split, scores)
        found[split] = anomaly_report(scores, [2, 3, 4, 5])
    test = scores_of(seed, "test").scores
    smeared = {name: compare_changed(values, values + 1) for name, values in test.items()}
    report = {"background": BACKGROUND, "splits": found, "corruptions": {"smearing": smeared}}
    write_anomaly(run_dir, report)


@pytest.fixture
def runs(tmp_path, write_run, config_of):
    root = tmp_path / "outputs" / "runs"
    for seed in (1, 2):
        run_dir = root / f"run_20260101-120000_ae_{seed}"
        write_run(run_dir, config_of(seed), with_scores=False)
        write(run_dir)
    return root


def report_on(report_of, root, **cfg):
    written = report_of(
        {"report_name": "anomaly_detection", "inputs": {"run_dirs": f"{root}/*"}} | cfg
    )
    return written, json.loads((written / "training" / "summary.json").read_text())


def test_the_best_score_is_chosen_on_validation_and_judged_on_test(runs, report_of):
    _, found = report_on(report_of, runs)
    assert found["best"]["score"] == "good"
    test = [scores_of(seed, "test") for seed in (1, 2)]
    expected = [auroc(one.scores["good"], one.process == 1) for one in test]
    assert found["best"]["test"]["mean"] == pytest.approx(np.mean(expected))
    assert [row["score"] for row in found["scores"]] == ["good", "lucky", "n_objects"] or (
        [row["score"] for row in found["scores"]] == ["good", "n_objects", "lucky"]
    )


def test_what_the_model_adds_is_paired(runs, report_of):
    _, found = report_on(report_of, runs)
    gains = []
    for seed in (1, 2):
        one = scores_of(seed, "test")
        pair = (one.scores["good"], one.scores["n_objects"])
        gains.append(paired_auroc_difference(*pair, one.process == 1))
    values = [gain.value for gain in gains]
    assert found["gain"]["value"] == pytest.approx(np.mean(values))
    error = np.hypot(gains[0].uncertainty, np.std(values, ddof=1) / np.sqrt(2))
    assert found["gain"]["uncertainty"] == pytest.approx(error)
    assert "the model adds" in found["answer"]


def test_all_figures_are_drawn(runs, report_of):
    written, _ = report_on(report_of, runs, outputs={"which_figures": None, "fig_format": ["png"]})
    drawn = {path.stem for path in (written / "training" / "figures").iterdir()}
    assert drawn == set(FIGURES)


def test_runs_without_scores_are_named(runs, report_of, write_run, config_of):
    write_run(runs / "run_20260101-120000_classifier", config_of(3))
    (runs / "run_20260101-120000_ae_1" / "facts" / "anomaly.json").write_text("{")
    written, found = report_on(report_of, runs)
    assert {row["run_dir"] for row in found["left_out"]} == {"ae_1", "classifier"}
    assert found["best"]["test"]["n"] == 1
    assert "Runs without anomaly scores" in (written / "report.html").read_text()


def test_a_model_that_knew_the_signal_is_pointed_out(runs, report_of):
    run_dir = runs / "run_20260101-120000_ae_1"
    report = json.loads((run_dir / "facts" / "anomaly.json").read_text())
    kept = {key: report[key] for key in ("splits", "corruptions")}
    write_anomaly(run_dir, {"background": ["4t", *BACKGROUND], **kept})
    written, _ = report_on(report_of, runs)
    assert "learned from 4t itself" in (written / "report.html").read_text()


def test_without_any_score_the_page_says_so(tmp_path, write_run, config_of, report_of):
    root = tmp_path / "outputs" / "runs"
    write_run(root / "run_20260101-120000_classifier", config_of(1))
    _, found = report_on(report_of, root)
    assert "No run has anomaly scores" in found["answer"]


def test_an_unknown_process_is_refused(runs, report_of):
    with pytest.raises(ConfigError, match=r"anomaly\.signal"):
        report_on(report_of, runs, anomaly={"signal": "tttt"})
