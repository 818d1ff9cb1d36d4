"""Groups of a sweep compared: what is found, what is not, and what can't be judged."""

import json
import re

import numpy as np
import pytest

from thesis_facts import Scores, write_scores
from thesis_facts.errors import ConfigError
from thesis_facts.metrics import auroc
from thesis_reports.analyses.compare import FIGURES

N_EVENTS = 3000
NAMES = ("background", "4t")


@pytest.fixture
def runs(tmp_path, write_run, config_of):
    """Three seeds each of three dims; 64 and 32 know the same, 128 more, on the same events."""
    return write_runs(tmp_path, write_run, config_of, {32: 1.0, 64: 1.0, 128: 1.4})


def write_runs(tmp_path, write_run, config_of, separations, norms=("pre",)):
    draw = np.random.default_rng(0)
    labels, chance = draw.integers(0, 2, N_EVENTS), draw.standard_normal(N_EVENTS)
    root = tmp_path / "outputs" / "runs"
    for norm in norms:
        for dim, separation in separations.items():
            for seed in (1, 2, 3):
                run_dir = root / f"run_20260101-120000_{norm}_{dim}_{seed}"
                write_run(run_dir, config_of(seed, dim, norm={"type": norm}), with_scores=False)
                own = np.random.default_rng([seed, dim]).standard_normal(N_EVENTS)
                for split in ("val", "test"):
                    margin = separation * (labels - 0.5) + chance + 0.1 * own
                    logits = np.stack([-margin, margin], axis=1)
                    write_scores(run_dir, split, Scores(logits, labels, NAMES))
    return root


def report_on(report_of, root, **compare):
    written = report_of(
        {"report_name": "compare", "inputs": {"run_dirs": f"{root}/*"}, "compare": compare}
    )
    return written, json.loads((written / "training" / "summary.json").read_text())


def test_what_is_better_is_found_and_what_is_equal_is_not(runs, report_of):
    _, found = report_on(report_of, runs, base="64")
    rows = {row["name"]: row for row in found["comparisons"]}
    assert found["base"] == "dim=64"
    assert found["n_events"] == N_EVENTS
    assert rows["dim=128"]["p_holm"] < 0.001
    assert rows["dim=32"]["p_holm"] > 0.05
    assert "dim=128 by +" in found["answer"]
    assert "1 of 2 groups differ" in found["answer"]


def test_values_are_those_of_the_scores(runs, report_of):
    _, found = report_on(report_of, runs, base="dim=64")
    group = next(group for group in found["groups"] if group["label"] == "dim=128")
    archive = np.load(runs / "run_20260101-120000_pre_128_1" / "scores" / "test.npz")
    expected = auroc(archive["logits"][:, 1], archive["labels"] == 1)
    assert group["values"][0] == pytest.approx(expected)
    assert group["mean"] == pytest.approx(np.mean(group["values"]))


def test_the_base_is_the_best_on_validation_where_none_is_named(runs, report_of):
    _, found = report_on(report_of, runs)
    assert found["base"] == "dim=128"
    assert all(row["difference"] < 0 for row in found["comparisons"])


def test_two_axes_make_a_grid_and_one_pools_the_other(tmp_path, write_run, config_of, report_of):
    root = write_runs(tmp_path, write_run, config_of, {32: 1.0, 64: 1.1}, norms=("pre", "post"))
    written = report_of(
        {
            "report_name": "compare",
            "inputs": {"run_dirs": f"{root}/*"},
            "compare": {"axes": ["dim", "norm_type"]},
            "outputs": {"which_figures": None, "fig_format": ["png"]},
        }
    )
    drawn = {path.stem for path in (written / "training" / "figures").iterdir()}
    assert drawn == set(FIGURES)
    _, found = report_on(report_of, root, axes="norm_type")
    assert [len(group["values"]) for group in found["groups"]] == [6, 6]


def test_columns_of_the_runs_table_are_axes_too(runs, report_of):
    _, found = report_on(report_of, runs, axes="seed")
    assert sorted(group["label"] for group in found["groups"]) == ["seed=1", "seed=2", "seed=3"]


def test_runs_without_scores_or_with_other_events_are_named(runs, report_of):
    (runs / "run_20260101-120000_pre_32_1" / "scores" / "test.npz").unlink()
    labels = np.arange(100) % 2
    logits = np.random.default_rng(0).standard_normal((100, 2))
    write_scores(runs / "run_20260101-120000_pre_32_2", "test", Scores(logits, labels, NAMES))
    written, found = report_on(report_of, runs, base="64")
    reasons = {row["run_dir"].rpartition("_")[2]: row["reason"] for row in found["left_out"]}
    assert "test.npz" in reasons["1"]
    assert "other events" in reasons["2"]
    assert "other events" in (written / "report.html").read_text()


@pytest.mark.parametrize("metric", ["acc", "loss"])
def test_accuracy_and_loss_come_from_the_scores_events_paired(metric, runs, report_of):
    asked = {"report_name": "compare", "inputs": {"run_dirs": f"{runs}/*"}, "rank_by": metric}
    written = report_of({**asked, "compare": {"base": "64"}})
    found = json.loads((written / "training" / "summary.json").read_text())
    each = {}
    for dim in (64, 128):
        archives = [
            np.load(runs / f"run_20260101-120000_pre_{dim}_{seed}" / "scores" / "test.npz")
            for seed in (1, 2, 3)
        ]
        values = []
        for archive in archives:
            logits, labels = archive["logits"], archive["labels"]
            right = logits[np.arange(N_EVENTS), labels]
            losses = np.log(np.exp(logits).sum(1)) - right
            values.append(losses if metric == "loss" else (right == logits.max(1)).astype(float))
        each[dim] = np.mean(values, axis=0)
    row = next(row for row in found["comparisons"] if row["name"] == "dim=128")
    difference = each[128] - each[64]
    assert row["difference"] == pytest.approx(difference.mean())
    paired = difference.std() / np.sqrt(N_EVENTS)
    assert 0.8 * paired < row["event_error"] <= 1.001 * paired


def test_of_a_split_without_scores_nothing_is_said(runs, report_of):
    asked = {"report_name": "compare", "inputs": {"run_dirs": f"{runs}/*"}, "rank_by": "loss"}
    written = report_of({**asked, "compare": {"split": "train"}})
    found = json.loads((written / "training" / "summary.json").read_text())
    assert found["groups"] == []
    assert "No run has a loss on the train split" in found["answer"]


def test_of_single_runs_only_the_chance_in_the_events_is_known(runs, report_of):
    asked = {"inputs": {"run_dirs": f"{runs}/*_1"}, "compare": {"base": "64"}}
    written = report_of({"report_name": "compare", **asked})
    found = json.loads((written / "training" / "summary.json").read_text())
    assert "more than chance in the events (one run each" in found["answer"]


def test_a_metric_without_scores_is_compared_by_what_was_recorded(runs, report_of):
    written = report_of(
        {
            "report_name": "compare",
            "inputs": {"run_dirs": f"{runs}/*"},
            "rank_by": "f1",
            "compare": {"base": "64"},
        }
    )
    found = json.loads((written / "training" / "summary.json").read_text())
    assert found["n_events"] == 0
    assert "not counted" in (written / "report.html").read_text()
    assert {row["event_error"] for row in found["comparisons"]} == {0.0}


@pytest.mark.parametrize(
    ("compare", "key", "said"),
    [
        ({"axes": ["dims"]}, "compare.axes", "did you mean dim?"),
        ({"base": "48"}, "compare.base", "dim=64"),
        ({"signal": "ttH"}, "compare.signal", "4t"),
    ],
)
def test_mistakes_are_named(runs, report_of, compare, key, said):
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        report_on(report_of, runs, **compare)
    assert key in str(caught.value)


def test_a_sweep_of_one_group_is_no_comparison(tmp_path, write_run, config_of, report_of):
    root = write_runs(tmp_path, write_run, config_of, {64: 1.0})
    _, found = report_on(report_of, root)
    assert found["comparisons"] == []
    assert "only one group" in found["answer"]


def test_hostile_names_stay_text(tmp_path, write_run, config_of, report_of):
    hostile = "<script>alert(1)</script>"
    root = write_runs(tmp_path, write_run, config_of, {64: 1.0, 32: 1.0}, norms=(hostile, "pre"))
    written = report_of(
        {
            "report_name": "compare",
            "inputs": {"run_dirs": [str(path) for path in root.rglob("run_*") if path.is_dir()]},
            "compare": {"axes": ["norm_type", "dim"]},
            "outputs": {"which_figures": None, "fig_format": ["png"]},
        }
    )
    assert "<script>alert" not in (written / "report.html").read_text()
