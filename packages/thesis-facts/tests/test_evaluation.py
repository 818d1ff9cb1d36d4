"""The evaluation of a run: what it holds, and what of it can be read."""

import json

import numpy as np
import pytest

from thesis_facts import RunError, Scores, read_evaluation, run_meta
from thesis_facts.check import check_run
from thesis_facts.cli import main
from thesis_facts.evaluation import (
    FORMAT,
    build_evaluation,
    evaluate_scores,
    find_evaluation,
    signal_class,
    write_evaluation,
)

CLASSES = {"ttH+ttW": ["ttH", "ttW"], "4t": ["4t"]}


def draw_scores(seed=0, separation=1.0, weights=None, n_events=400):
    rng = np.random.default_rng(seed)
    process = rng.integers(1, 4, n_events)
    logits = rng.normal(size=(n_events, 2))
    logits[:, 1] += separation * (process == 1)
    return Scores(
        logits=logits,
        labels=(process == 1).astype(int),
        class_names=tuple(CLASSES),
        process=process,
        weights=weights,
    )


def build(**changes):
    splits = {
        "train": evaluate_scores(draw_scores(0, 1.5), CLASSES),
        "val": evaluate_scores(draw_scores(1), CLASSES),
        "test": evaluate_scores(draw_scores(2), CLASSES),
    }
    latency = {"median_ms": 2.0, "low_ms": 1.9, "high_ms": 2.5, "repeats": 20}
    given = {
        "events": {"train": {"ttH+ttW": 5_000, "4t": 2_500}},
        "meta": run_meta("id", 1, versions={"torch": "2.9"}),
        "dataset": {"path": "tops.h5", "size": 12, "sha256": "ab" * 32},
        "checkpoint": {"path": "best_val.pt", "size": 5, "sha256": "cd" * 32, "epoch": 2},
        "cost": {"device_name": "a GPU", "latency": {"64": latency}, "flops_per_event": 4.5e6},
    }
    return build_evaluation(CLASSES, changes.pop("splits", splits), **(given | changes))


@pytest.mark.parametrize(
    ("classes", "signal"),
    [
        (CLASSES, "4t"),
        ({"4t": ["4t"], "ttH": ["ttH"]}, "4t"),
        ({name: [name] for name in ("ttZ", "4t", "ttH")}, "4t"),
        ({"rest": ["ttW"], "tops": ["4t"], "more": ["ttZ", "ttH"]}, "tops"),
        ({"background": ["ttW"], "signal": ["ttH"]}, "signal"),
        ({"background": ["ttW"], "signal": ["4t", "ttH"]}, "signal"),
        ({"a": ["4t", "ttH"], "b": ["ttW"], "c": ["ttZ"]}, None),
    ],
)
def test_the_signal_is_4t_alone_or_the_second_of_two(classes, signal):
    assert signal_class(classes) == signal


def test_an_evaluation_says_what_it_belongs_to(tmp_path):
    write_evaluation(tmp_path, build())
    evaluation = read_evaluation(tmp_path)
    assert (evaluation["format"], evaluation["version"]) == (FORMAT, 1)
    assert evaluation["task"] == {"classes": CLASSES, "signal": "4t"}
    assert evaluation["dataset"]["sha256"] == "ab" * 32
    assert evaluation["checkpoint"]["sha256"] == "cd" * 32
    assert evaluation["meta"]["versions"] == {"torch": "2.9"}
    assert evaluation["events"]["train"]["4t"] == 2_500
    test = evaluation["splits"]["test"]
    assert list(test["against"]) == ["all", "ttH", "ttW"]
    assert test["processes"] == {
        name: int((draw_scores(2).process == label).sum())
        for label, name in enumerate(("4t", "ttH", "ttW", "ttWW", "ttZ"), 1)
    }


def test_the_gap_is_positive_where_training_events_fare_better():
    evaluation = build()
    train, val = (evaluation["splits"][name]["metrics"] for name in ("train", "val"))
    gap = evaluation["gap"]
    assert gap["auroc"] == pytest.approx(train["auroc"] - val["auroc"])
    assert gap["log_loss"] == pytest.approx(val["log_loss"] - train["log_loss"])
    assert gap["auroc"] > 0 < gap["log_loss"]
    assert gap["auroc_uncertainty"] == pytest.approx(
        np.hypot(train["auroc_uncertainty"], val["auroc_uncertainty"])
    )


def test_there_is_no_gap_without_training_events_or_between_weights_and_none():
    val = evaluate_scores(draw_scores(1), CLASSES)
    weighted = evaluate_scores(draw_scores(0, weights=np.ones(400)), CLASSES)
    assert build(splits={"val": val, "test": val})["gap"] is None
    assert build(splits={"train": weighted, "val": val, "test": val})["gap"] is None


def test_signed_weights_and_a_class_without_events_give_null_and_no_crash():
    weights = np.random.default_rng(3).choice([1.0, -0.3], 400)
    scores = draw_scores(4, weights=weights)
    assert evaluate_scores(scores, CLASSES)["against"]["ttH"]["auroc"] > 0.5
    rows = scores.labels == 0
    lonely = Scores(scores.logits[rows], scores.labels[rows], tuple(CLASSES), scores.process[rows])
    evaluated = evaluate_scores(lonely, CLASSES)
    evaluation = build(splits={"train": evaluated, "val": evaluated, "test": evaluated})
    assert evaluation["splits"]["test"]["metrics"]["auroc"] is None
    assert evaluation["splits"]["test"]["against"]["ttH"]["auroc"] is None
    assert evaluation["gap"]["auroc"] is None
    assert evaluation["gap"]["log_loss"] == 0


def test_without_processes_nothing_is_said_of_them():
    scores = draw_scores()
    nameless = Scores(scores.logits, scores.labels, tuple(CLASSES))
    evaluated = evaluate_scores(nameless, CLASSES)
    assert evaluated["processes"] is None
    assert evaluated["against"] is None


def test_a_run_without_an_evaluation_says_so(tmp_path):
    assert find_evaluation(tmp_path) is None
    with pytest.raises(RunError, match="no evaluation"):
        read_evaluation(tmp_path)


@pytest.mark.parametrize("change", [{"version": 2}, {"version": None}, {"format": "other"}])
def test_another_format_is_refused(tmp_path, change):
    write_evaluation(tmp_path, build() | change)
    with pytest.raises(RunError, match="unknown format of an evaluation"):
        read_evaluation(tmp_path)


@pytest.mark.parametrize("text", ['{"format": "thesis-eval', '{"format": "other", "version": 1}'])
def test_check_finds_one_that_can_not_be_read(make_run, tmp_path, text):
    run_dir = make_run(tmp_path / "run")
    before = check_run(run_dir)
    (run_dir / "facts" / "evaluation.json").write_text(text)
    (finding,) = [finding for finding in check_run(run_dir) if finding not in before]
    assert finding.is_wrong
    assert "evaluation.json" in finding.what


def test_show_prints_working_points_gap_cost_and_weights(make_run, tmp_path, capsys):
    run_dir = make_run(tmp_path / "run")
    write_evaluation(run_dir, build())
    assert main(["show", str(run_dir)]) == 0
    text = capsys.readouterr().out
    assert "test: 4t against each background" in text
    for word in ("ttH", "ttW", "±", "better on training events", "MFLOP", "best_val.pt", "a GPU"):
        assert word in text
    assert main(["show", str(run_dir), "--format", "json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["evaluation"] == read_evaluation(run_dir)


@pytest.mark.parametrize("missing", ["cost", "checkpoint", "dataset"])
def test_show_does_without_what_was_not_measured(make_run, tmp_path, capsys, missing):
    run_dir = make_run(tmp_path / "run")
    write_evaluation(run_dir, build(**{missing: None}))
    assert main(["show", str(run_dir)]) == 0
    assert "4t against each background" in capsys.readouterr().out


def test_show_says_the_limit_where_no_background_passes(make_run, tmp_path, capsys):
    test = evaluate_scores(draw_scores(0, separation=50.0), CLASSES)
    run_dir = make_run(tmp_path / "run")
    write_evaluation(run_dir, build(splits={"val": test, "test": test}))
    assert main(["show", str(run_dir)]) == 0
    assert "(95 %)" in capsys.readouterr().out


def test_show_of_a_task_without_a_signal_shows_all_classes(make_run, tmp_path, capsys):
    test = evaluate_scores(draw_scores(0), CLASSES) | {"against": None}
    run_dir = make_run(tmp_path / "run")
    write_evaluation(run_dir, build(splits={"val": test, "test": test}))
    assert main(["show", str(run_dir)]) == 0
    assert "all classes" in capsys.readouterr().out
