"""Anomaly scores: what is written comes back, and what they find is counted rightly."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from thesis_facts.anomaly import (
    VERSION,
    AnomalyScores,
    anomaly_report,
    compare_changed,
    read_anomaly,
    read_anomaly_scores,
    write_anomaly,
    write_anomaly_scores,
)
from thesis_facts.errors import RunError
from thesis_facts.metrics import auroc_uncertainty
from thesis_facts.scores import Scores, read_scores, write_scores


def some_scores(n_events=400, **more):
    rng = np.random.default_rng(0)
    process = rng.integers(1, 6, n_events)
    reconstruction = rng.normal(size=n_events) + (process == 1)
    return AnomalyScores(
        scores={"reconstruction": reconstruction, "n_objects": rng.poisson(8, n_events)},
        process=process,
        **more,
    )


def test_what_is_written_comes_back(tmp_path):
    rng = np.random.default_rng(1)
    scores = some_scores(weights=rng.normal(size=400), embeddings=rng.normal(size=(400, 3)))
    write_anomaly_scores(tmp_path, "test", scores)
    found = read_anomaly_scores(tmp_path, "test")
    assert found.scores.keys() == scores.scores.keys()
    for name, values in scores.scores.items():
        np.testing.assert_array_equal(found.scores[name], values)
    for key in ("process", "weights", "embeddings"):
        np.testing.assert_array_equal(getattr(found, key), getattr(scores, key))
    assert len(found) == 400


def test_what_was_not_known_is_none(tmp_path):
    write_anomaly_scores(tmp_path, "test", some_scores())
    found = read_anomaly_scores(tmp_path, "test")
    assert found.weights is None
    assert found.embeddings is None


def test_scores_of_a_classifier_are_none_of_these(tmp_path):
    write_anomaly_scores(tmp_path, "val", some_scores())
    with pytest.raises(RunError, match="expected thesis-scores"):
        read_scores(tmp_path, "val")
    classifier = Scores(np.zeros((3, 2)), np.zeros(3, dtype=int), ("a", "b"))
    write_scores(tmp_path, "test", classifier)
    with pytest.raises(RunError, match="expected thesis-anomaly-scores"):
        read_anomaly_scores(tmp_path, "test")


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("process", np.zeros((3, 2), dtype=int)),
        ("weights", np.zeros(7)),
        ("embeddings", np.zeros(400)),
        ("scores", {"x": np.zeros(7)}),
        ("scores", {"no/name": np.zeros(400)}),
    ],
)
def test_wrong_shapes_are_refused(key, values):
    sound = {"scores": {"x": np.zeros(400)}, "process": np.ones(400, dtype=int)}
    with pytest.raises(RunError):
        AnomalyScores(**sound | {key: values})


@pytest.mark.parametrize("background", [None, (2, 3), (5,)])
def test_each_process_is_told_from_the_background_without_it(background):
    scores = some_scores()
    report = anomaly_report(scores, background)
    for label, name in enumerate(("4t", "ttH", "ttW", "ttWW", "ttZ"), start=1):
        others = [x for x in background or (1, 2, 3, 4, 5) if x != label]
        if not others:
            assert name not in report["reconstruction"]
            continue
        rows = np.isin(scores.process, [label, *others])
        for score, values in scores.scores.items():
            found = report[score][name]
            expected = roc_auc_score(scores.process[rows] == label, values[rows])
            assert found["auroc"] == pytest.approx(expected)
            assert found["n_events"] == (scores.process == label).sum()
            assert found["n_background"] == np.isin(scores.process, others).sum()
            assert 0 < found["auroc_uncertainty"] < 0.1


def test_weights_count():
    scores = some_scores()
    rng = np.random.default_rng(2)
    weights = rng.uniform(0.5, 2, len(scores))
    weighted = anomaly_report(some_scores(weights=weights))["reconstruction"]["4t"]["auroc"]
    is_signal = scores.process == 1
    expected = roc_auc_score(is_signal, scores.scores["reconstruction"], sample_weight=weights)
    assert weighted == pytest.approx(expected)


def test_what_a_change_does_is_compared_event_by_event():
    rng = np.random.default_rng(3)
    clean = rng.normal(size=(2000, 300))
    changed = clean + 0.1 + 0.05 * rng.normal(size=clean.shape)
    found = [compare_changed(a, b) for a, b in zip(clean.T, changed.T, strict=True)]
    areas = np.array([one["auroc"] for one in found])
    assert areas.mean() == pytest.approx(0.5281, abs=0.002)  # Phi(0.1 / sqrt(2.0025))
    spread = np.mean([one["auroc_uncertainty"] for one in found])
    assert spread == pytest.approx(areas.std(), rel=0.15)  # that of 300 repetitions
    assert spread < 0.2 * auroc_uncertainty(
        np.r_[clean[:, 0], changed[:, 0]], np.repeat([0, 1], 2000)
    )
    same = compare_changed(clean[:, 0], clean[:, 0])
    assert same["auroc"] == pytest.approx(0.5)
    assert same["auroc_uncertainty"] == pytest.approx(0, abs=1e-12)


def test_a_process_without_events_has_no_entry():
    scores = AnomalyScores({"x": np.arange(4.0)}, np.array([2, 3, 2, 3]))
    assert set(anomaly_report(scores)["x"]) == {"ttH", "ttW"}


def test_reports_are_versioned(tmp_path):
    write_anomaly(tmp_path, {"splits": {"test": anomaly_report(some_scores())}})
    assert read_anomaly(tmp_path)["splits"]["test"]["reconstruction"]["4t"]["auroc"] > 0.6
    path = tmp_path / "facts" / "anomaly.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"version": VERSION + 1}))
    with pytest.raises(RunError, match="unknown format of an anomaly report"):
        read_anomaly(tmp_path)
    with pytest.raises(RunError, match="no anomaly report"):
        read_anomaly(tmp_path / "elsewhere")
