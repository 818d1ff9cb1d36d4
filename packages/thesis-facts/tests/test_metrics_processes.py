"""The signal against each background process, by one score."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from thesis_facts.metrics import MetricError, classification_report, process_report
from thesis_facts.processes import PROCESSES

LABELS = {name: label for label, name in PROCESSES.items()}


def events(rng, n_events=3_000, n_classes=2, signed=False):
    """Logits that tell 4t (process 1) apart, from ttH better than from ttZ; class 0 holds 4t."""
    process = rng.integers(1, 6, n_events)
    labels = process - 1 if n_classes == 5 else (process != 1).astype(int)
    logits = rng.normal(size=(n_events, n_classes))
    logits[:, 0] += np.array([1.5, -1.0, -0.5, -0.2, 0.4])[process - 1]
    weights = rng.choice([1.0, 2.0, -0.5], n_events) if signed else np.ones(n_events)
    return logits, labels, process, weights


def slow_background(scores, is_signal, efficiency):
    """eps_B of the cuts at the signal events just above and just below a signal efficiency."""
    cuts = np.sort(scores[is_signal])[::-1]
    near = int(efficiency * len(cuts))
    return [np.mean(scores[~is_signal] >= cuts[place]) for place in (near - 2, near + 1)]


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("signed", [False, True])
def test_auroc_against_each_process_is_that_of_scikit_learn(n_classes, signed):
    rng = np.random.default_rng(1)
    logits, labels, process, weights = events(rng, n_classes=n_classes, signed=signed)
    report = process_report(logits, labels, process, 0, weights)
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    score = np.log(probability[:, 0] / (1 - probability[:, 0]))
    assert list(report) == ["all", "ttH", "ttW", "ttWW", "ttZ"]
    for name, numbers in report.items():
        background = (process != 1) & ((process == LABELS.get(name)) | (name == "all"))
        rows = background | (process == 1)
        assert numbers["n_events"] == background.sum()
        if signed:  # scikit-learn takes no negative weights: the sum over pairs
            pairs = np.sign(score[process == 1][:, None] - score[background]) / 2 + 0.5
            w_signal, w_background = weights[process == 1], weights[background]
            expected = w_signal @ pairs @ w_background / w_signal.sum() / w_background.sum()
        else:
            expected = roc_auc_score(process[rows] == 1, score[rows])
            for efficiency in (0.3, 0.5, 0.7):
                low, high = slow_background(score[rows], process[rows] == 1, efficiency)
                assert low <= 1 / numbers[f"rejection_at_{efficiency}"] <= high
        assert numbers["auroc"] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("signed", [False, True])
def test_uncertainties_against_a_process_are_those_of_a_bootstrap(signed):
    rng = np.random.default_rng(2)
    logits, labels, process, weights = events(rng, 5_000, signed=signed)
    analytic = process_report(logits, labels, process, 0, weights)
    keys = ("auroc", "rejection_at_0.5", "efficiency_at_rejection_10")
    drawn = []
    for _ in range(200):
        rows = rng.integers(0, len(labels), len(labels))
        again = process_report(logits[rows], labels[rows], process[rows], 0, weights[rows])
        drawn.append([again[name][key] for name in ("ttH", "ttZ") for key in keys])
    spread = np.std(drawn, axis=0)
    expected = [analytic[name][f"{key}_uncertainty"] for name in ("ttH", "ttZ") for key in keys]
    np.testing.assert_allclose(expected, spread, rtol=0.25)


def test_all_backgrounds_together_are_those_of_the_whole_report():
    logits, labels, process, weights = events(np.random.default_rng(3), signed=True)
    labels, logits = 1 - labels, logits[:, ::-1]  # the report's signal is class 1
    whole = classification_report(logits, labels, ("background", "4t"), weights)
    of_all = process_report(logits, labels, process, 1, weights)["all"]
    for key in ("auroc", "auroc_uncertainty", "rejection_at_0.3", "efficiency_at_rejection_50"):
        assert of_all[key] == whole[key]


def test_of_five_classes_all_is_the_signal_against_the_rest():
    logits, labels, process, _ = events(np.random.default_rng(4), n_classes=5)
    whole = classification_report(logits, labels, tuple(PROCESSES.values()))
    of_all = process_report(logits, labels, process, 0)["all"]
    assert of_all["auroc"] == whole["auroc_4t"]
    assert of_all["rejection_at_0.5"] == whole["rejection_at_0.5_4t"]


def test_a_process_without_events_has_no_entry_and_an_unknown_one_counts_in_all():
    logits, labels, process, _ = events(np.random.default_rng(5))
    process = np.where(process == 3, 0, process)
    report = process_report(logits, labels, process, 0)
    assert list(report) == ["all", "ttH", "ttWW", "ttZ"]
    assert report["all"]["n_events"] == (labels == 1).sum()


def test_a_process_whose_weights_cancel_is_unknown_and_harms_no_other():
    logits, labels, process, weights = events(np.random.default_rng(6))
    weights[process == 4] = 0
    report = process_report(logits, labels, process, 0, weights)
    assert np.isnan(report["ttWW"]["auroc"])
    assert np.isnan(report["ttWW"]["rejection_at_0.5"])
    assert report["ttWW"]["n_effective"] == 0
    assert report["ttH"]["auroc"] > 0.5


@pytest.mark.parametrize("kept", [0, 1])
def test_a_class_without_events_leaves_all_unknown(kept):
    logits, labels, process, _ = events(np.random.default_rng(7))
    rows = labels == kept
    report = process_report(logits[rows], labels[rows], process[rows], 0)
    assert all(np.isnan(numbers["auroc"]) for numbers in report.values())


def test_a_rejection_without_passing_background_says_its_limit():
    scores = np.concatenate([np.linspace(1, 2, 50), np.zeros(60)])
    process = np.concatenate([np.ones(50, int), np.full(60, 2)])
    logits = np.stack([scores, np.zeros(110)], axis=1)
    numbers = process_report(logits, (process != 1).astype(int), process, 0)["ttH"]
    assert numbers["rejection_at_0.5"] == np.inf
    assert numbers["rejection_at_0.5_lower_limit"] == pytest.approx(60 / 3, rel=0.05)


@pytest.mark.parametrize("signal", [-1, 2])
def test_a_signal_that_is_no_class_is_refused(signal):
    logits, labels, process, _ = events(np.random.default_rng(8), 50)
    with pytest.raises(MetricError, match="no such class"):
        process_report(logits, labels, process, signal)
