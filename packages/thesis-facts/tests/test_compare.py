"""What differs between two runs, and whether their metric does."""

import numpy as np
import pytest

from thesis_facts import (
    RunError,
    Scores,
    auroc,
    compare_runs,
    paired_auroc_difference,
    write_scores,
)
from thesis_facts.compare import Difference


@pytest.fixture
def pair(make_run, make_config, tmp_path):
    """Two runs that differ in dropout, path of the data and seed."""
    other = make_config(dropout=0.3)
    other["data"]["path"] = "/data/other.h5"
    other["classifier"]["trainer"]["seed"] = 2
    return (
        str(make_run(tmp_path / "a")),
        str(make_run(tmp_path / "b", config=other, seed=2, val_losses=(0.9, 0.3, 0.7))),
    )


def scores(seed, n_classes=2, n_events=2000, quality=1.5, events=0):
    truth = np.random.default_rng(events)
    labels = truth.integers(n_classes, size=n_events)
    noise = truth.normal(size=(n_events, n_classes))  # what both models see
    own = np.random.default_rng(seed).normal(size=(n_events, n_classes))
    logits = quality * np.eye(n_classes)[labels] + noise + 0.1 * own
    names = tuple(f"class{i}" for i in range(n_classes))
    return Scores(logits.astype(np.float32), labels, names)


def test_differences_are_sorted_by_kind(pair):
    found = compare_runs(*pair)
    assert found.config == (Difference("classifier.model.dropout", 0.1, 0.3),)
    assert found.data == (Difference("data.path", "/data/4tops_splitted-v2.h5", "/data/other.h5"),)
    assert found.seed == (Difference("classifier.trainer.seed", 1, 2),)
    assert found.code == ()


def test_equal_runs_differ_in_nothing(make_run, tmp_path):
    found = compare_runs(make_run(tmp_path / "a"), make_run(tmp_path / "b"))
    assert (found.config, found.data, found.code, found.seed) == ((), (), (), ())
    assert found.metric.difference == 0
    assert found.metric.is_significant is False


def test_a_seed_that_only_the_events_know_counts(make_older_run, tmp_path):
    a, b = (make_older_run(tmp_path / name) for name in "ab")
    events = b / "facts" / "events.jsonl"
    events.write_text(events.read_text().replace('"seed": 1,', '"seed": 9,'))
    text = events.read_text().replace('"seed": 1}', '"seed": 9}')
    events.write_text(text)
    assert compare_runs(a, b).seed == (Difference("seed", 1, 9),)


def test_code_and_what_was_noted_of_the_data_set_are_compared(make_run, tmp_path):
    a, b = (make_run(tmp_path / name) for name in "ab")
    events = b / "facts" / "events.jsonl"
    first, *rest = events.read_text().splitlines()
    first = first.replace('"versions": {"torch": "2.9"}', '"versions": {"torch": "3.0"}')
    first = first[:-1] + ', "dataset": {"sha256": "ab", "bytes": 3}}'
    events.write_text("\n".join([first, *rest]) + "\n")
    found = compare_runs(a, b)
    assert found.code == (Difference("version.torch", "2.9", "3.0"),)
    assert found.data == (
        Difference("dataset.sha256", None, "ab"),
        Difference("dataset.bytes", None, 3),
    )


def test_recorded_uncertainties_are_added_in_quadrature(pair):
    metric = compare_runs(*pair).metric
    assert metric.name == "test auroc"
    assert (metric.a, metric.b) == (0.71, 0.71)
    assert metric.uncertainty == pytest.approx(0.01 * np.sqrt(2))
    assert "quadrature" in metric.basis


def test_without_a_test_the_validation_is_compared_and_nothing_claimed(make_older_run, tmp_path):
    a, b = (make_older_run(tmp_path / name) for name in "ab")
    metric = compare_runs(a, b).metric
    assert metric.name == "val auroc"
    assert (metric.a, metric.b) == (0.52, 0.52)
    assert metric.is_significant is None
    assert "unknown" in metric.basis


def test_scores_of_the_same_events_are_compared_pairwise(pair):
    a, b = scores(1), scores(2, quality=1.6)
    write_scores(pair[0], "test", a)
    write_scores(pair[1], "test", b)
    metric = compare_runs(*pair).metric
    is_signal = a.labels == 1
    of_a, of_b = (s.logits[:, 1] - s.logits[:, 0] for s in (a, b))
    expected = paired_auroc_difference(of_a, of_b, is_signal)
    assert metric.name == "test auroc"
    assert metric.basis == "paired, the same 2,000 test events"
    assert metric.a == pytest.approx(auroc(of_a, is_signal))
    assert (metric.difference, metric.uncertainty) == pytest.approx(tuple(expected))
    assert metric.is_significant is True


def test_more_than_two_classes_are_averaged(pair):
    a, b = scores(1, n_classes=3), scores(2, n_classes=3)
    write_scores(pair[0], "val", a)
    write_scores(pair[1], "val", b)
    metric = compare_runs(*pair).metric
    assert metric.name == "val auroc"
    singles = [
        auroc(
            a.logits[:, k] - np.logaddexp.reduce(np.delete(a.logits, k, 1), axis=1), a.labels == k
        )
        for k in range(3)
    ]
    assert metric.a == pytest.approx(np.mean(singles), abs=1e-6)
    assert 0 < metric.uncertainty < 0.01


@pytest.mark.parametrize("other", [{"events": 5}, {"n_events": 1000}, {"n_classes": 3}])
def test_scores_of_other_events_are_not_paired(pair, other):
    write_scores(pair[0], "test", scores(1))
    write_scores(pair[1], "test", scores(2, **other))
    assert "quadrature" in compare_runs(*pair).metric.basis


def test_runs_without_a_common_metric_say_so(make_run, tmp_path):
    a = make_run(tmp_path / "a")
    b = make_run(tmp_path / "b", val_losses=(), end="on_exception")
    assert compare_runs(a, b).metric is None


def test_a_directory_without_facts_is_an_error(make_run, tmp_path):
    with pytest.raises(RunError, match="no events"):
        compare_runs(make_run(tmp_path / "a"), tmp_path)
