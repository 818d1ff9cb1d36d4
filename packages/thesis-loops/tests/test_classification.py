"""Losses, weights and scores of loops that tell processes apart."""

import hashlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from small_runs import events_of
from thesis_arch import load_model
from thesis_data.batches import eval_batches
from thesis_data.config import DataConfig
from thesis_data.loading import load_events
from thesis_facts.metrics import auroc
from thesis_facts.scores import read_scores
from thesis_loops.classification import class_weights, evaluation_output, training_output
from thesis_loops.engine.tally import Tally


def test_class_weights_are_inverse_frequencies_with_sum_c():
    counts = torch.tensor([60, 30, 10])
    weights = class_weights(counts, "balanced")
    expected = np.array([100 / (3 * n) for n in (60, 30, 10)])
    np.testing.assert_allclose(weights, expected * 3 / expected.sum(), rtol=1e-6)
    assert class_weights(counts, "none") is None


def test_weighted_validation_loss_is_the_weighted_mean_over_all_batches():
    draw = torch.Generator().manual_seed(1)
    logits, weight = torch.randn(50, 2, generator=draw), torch.randn(50, generator=draw) + 0.5
    label = torch.randint(2, (50,), generator=draw)
    tally = Tally()
    for part in (slice(0, 20), slice(20, 50)):
        batch = SimpleNamespace(label=label[part], weight=weight[part])
        tally.add(evaluation_output(logits[part], batch))
    losses = -torch.log_softmax(logits, 1)[torch.arange(50), label]
    expected = float((losses * weight).sum() / weight.sum())
    assert tally.loss == pytest.approx(expected, rel=1e-5)
    np.testing.assert_allclose(tally.arrays()["weight"], weight)


@pytest.mark.parametrize("of_classes", [None, torch.tensor([1.5, 0.5])])
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_training_loss_uses_signed_event_weights(of_classes, label_smoothing):
    draw = torch.Generator().manual_seed(2)
    logits = torch.randn(40, 2, generator=draw, requires_grad=True)
    weight = torch.randn(40, generator=draw) + 0.5
    label = torch.randint(2, (40,), generator=draw)
    output = training_output(
        logits, SimpleNamespace(label=label, weight=weight), of_classes, label_smoothing
    )
    soft = torch.full((40, 2), label_smoothing / 2)
    soft[torch.arange(40), label] += 1 - label_smoothing
    relative = torch.ones(2) if of_classes is None else of_classes
    losses = -(relative * soft * torch.log_softmax(logits, 1)).sum(1)
    expected = (weight * losses).mean() / relative[label].mean()
    torch.testing.assert_close(output.loss, expected)
    assert output.mean_weight == pytest.approx(float(weight.mean()))
    gradient = torch.autograd.grad(output.loss, logits)[0]
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, logits)[0])


@pytest.mark.parametrize("of_classes", [None, torch.tensor([1.5, 0.5])])
def test_equal_event_weights_change_nothing(of_classes):
    draw = torch.Generator().manual_seed(3)
    logits, label = torch.randn(40, 2, generator=draw), torch.randint(2, (40,), generator=draw)
    plain, weighted = (
        training_output(logits, SimpleNamespace(label=label, weight=weight), of_classes, 0.1)
        for weight in (None, torch.ones(40))
    )
    assert float(weighted.loss) == pytest.approx(float(plain.loss), rel=1e-6)


def test_label_smoothing_and_class_weights_act_on_training_alone():
    batch = SimpleNamespace(label=torch.tensor([0, 1, 1]), weight=None)
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    plain = training_output(logits, batch, None, 0.0).loss
    assert evaluation_output(logits, batch).loss == pytest.approx(float(plain))
    assert training_output(logits, batch, None, 0.1).loss != plain
    assert training_output(logits, batch, torch.tensor([1.5, 0.5]), 0.0).loss != plain


def test_scores_are_those_of_the_saved_model_on_raw_events(config, train, run_dir, toy_file):
    results = train(config("transformer_classifier", run_dir=str(run_dir)))
    data = load_events(DataConfig(path=toy_file))
    model = load_model(run_dir / "best_val.pt")
    for split in ("val", "test"):
        scores = read_scores(run_dir, split)
        batches = [model.event_scores(b) for b in eval_batches(getattr(data, split), 32)]
        logits = torch.cat([b["logits"] for b in batches]).numpy()
        np.testing.assert_array_equal(scores.logits, logits)
        np.testing.assert_array_equal(scores.labels, getattr(data, split).label)
        np.testing.assert_array_equal(scores.process, getattr(data, split).process)
        assert scores.embeddings.shape == (len(logits), 16)
        assert scores.class_names == data.class_names
    signal = scores.logits[:, 1] - scores.logits[:, 0]
    assert results["test_auroc"] == pytest.approx(auroc(signal, scores.labels == 1))


def test_facts_name_the_file_of_events_by_its_content(config, train, run_dir, toy_file):
    train(config("transformer_classifier", run_dir=str(run_dir)))
    dataset = events_of(run_dir)[0]["dataset"]
    content = Path(toy_file).read_bytes()
    assert dataset["size"] == len(content)
    assert dataset["sha256"] == hashlib.sha256(content).hexdigest()


def test_scores_are_bounded(config, train, run_dir):
    settings = {"max_events": 10, "embeddings": False}
    train(config("transformer_classifier", run_dir=str(run_dir), logging__scores=settings))
    scores = read_scores(run_dir, "test")
    assert len(scores.labels) == 10
    assert scores.embeddings is None


def test_the_objective_is_of_the_best_epoch_also_where_the_last_is_tested(config, train, run_dir):
    last = {"enabled": False, "patience": 1, "min_delta": 0.0, "restore_best_weights": False}
    results = train(
        config(
            "transformer_classifier",
            run_dir=str(run_dir),
            trainer__early_stopping=last,
            trainer__epochs=6,
            trainer__lr=0.3,
            trainer__lr_schedule="constant",
        )
    )
    histories = events_of(run_dir)[-1]["histories"]
    assert results["best_epoch"] < results["tested_epoch"] == 5
    assert results["best_val_auroc"] == histories["val_auroc"][results["best_epoch"]]


def test_five_classes(config, train, run_dir):
    task = {"label_groups": [{"name": n, "labels": [i]} for i, n in enumerate("abcde", 1)]}
    results = train(config("transformer_classifier", run_dir=str(run_dir), data__classifier=task))
    assert read_scores(run_dir, "test").logits.shape[1] == 5
    assert 0 <= results["test_auroc"] <= 1
