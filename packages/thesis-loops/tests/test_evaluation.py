"""The evaluation that a classifier's run ends with."""

import shutil

import h5py
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from small_runs import events_of
from thesis_arch import load_model
from thesis_data.batches import eval_batches
from thesis_data.config import DataConfig
from thesis_data.loading import load_events
from thesis_facts import read_evaluation
from thesis_facts.digests import file_digest
from thesis_facts.metrics import auroc
from thesis_facts.scores import read_scores
from thesis_loops.cost import BATCH_SIZES, scoring_cost
from thesis_loops.engine.numerics import Numerics

NUMERICS = Numerics(torch.device("cpu"), "off", "highest")


@pytest.fixture(params=["transformer_classifier", "mlp_classifier", "bdt_classifier"])
def classifier(request):
    return request.param


@pytest.fixture
def sample(toy_file):
    """30 validation events."""
    return load_events(DataConfig(path=toy_file), ("val",)).val.sample(30)


def test_every_classifier_leaves_one(classifier, config, train, run_dir, toy_file):
    results = train(config(classifier, run_dir=str(run_dir)))
    evaluation = read_evaluation(run_dir)
    start = events_of(run_dir)[0]
    assert evaluation["task"]["signal"] == "4t"
    assert evaluation["dataset"] == start["dataset"]
    assert evaluation["dataset"]["sha256"] == file_digest(toy_file)
    assert evaluation["meta"]["run_id"] == start["meta"]["run_id"]
    assert evaluation["meta"]["versions"] == start["meta"]["versions"]
    checkpoint = evaluation["checkpoint"]
    assert checkpoint["path"] == "best_val.pt"
    assert checkpoint["epoch"] == results["tested_epoch"]
    assert checkpoint["sha256"] == file_digest(run_dir / "best_val.pt")
    assert sum(evaluation["events"]["train"].values()) == 240
    test = evaluation["splits"]["test"]
    assert test["metrics"]["auroc"] == results["test_auroc"]
    scores = read_scores(run_dir, "test")
    assert {"n_jets", "n_bjets", "n_leptons", "ht", "met"} <= set(scores.columns)
    logits = scores.logits[:, 1] - scores.logits[:, 0]
    rows = np.isin(scores.process, [1, 2])
    expected = auroc(logits[rows], scores.process[rows] == 1)
    assert test["against"]["ttH"]["auroc"] == pytest.approx(expected, rel=1e-6)
    assert evaluation["cost"] is None  # switched off in these configs


def test_the_gap_is_that_of_the_tested_weights_on_training_events_as_they_are(
    config, train, run_dir, toy_file
):
    changes = {"logging__evaluation__train_events": 60}  # augmentation is on in this config
    train(config("transformer_classifier", run_dir=str(run_dir), **changes))
    events = load_events(DataConfig(path=toy_file)).train.sample(60)
    (batch,) = eval_batches(events, 60)
    logits = load_model(run_dir / "best_val.pt").event_scores(batch)["logits"]
    loss = float(nn.functional.cross_entropy(logits, batch.label))
    evaluation = read_evaluation(run_dir)
    metrics = {name: split["metrics"] for name, split in evaluation["splits"].items()}
    assert metrics["train"]["log_loss"] == pytest.approx(loss, rel=1e-5)
    gap = metrics["val"]["log_loss"] - metrics["train"]["log_loss"]
    assert evaluation["gap"]["log_loss"] == pytest.approx(gap)


def test_of_five_classes_the_signal_is_4t_and_there_may_be_no_training_sample(
    config, train, run_dir
):
    changes = {
        "data__classifier": {"selected_labels": [5, 4, 3, 2, 1]},
        "logging__evaluation__train_events": 0,
    }
    train(config("transformer_classifier", run_dir=str(run_dir), **changes))
    evaluation = read_evaluation(run_dir)
    assert [*evaluation["task"]["classes"]] == ["ttZ", "ttWW", "ttW", "ttH", "4t"]
    test = evaluation["splits"]["test"]
    assert test["against"]["all"]["auroc"] == test["metrics"]["auroc_4t"]
    assert evaluation["gap"] is None
    assert set(evaluation["splits"]) == {"val", "test"}


def test_the_last_weights_are_named_where_they_were_tested(config, train, run_dir):
    stopping = {"enabled": True, "patience": 1, "min_delta": 0.0, "restore_best_weights": False}
    results = train(
        config(
            "transformer_classifier",
            run_dir=str(run_dir),
            trainer__early_stopping=stopping,
            trainer__epochs=40,
            trainer__lr=0.3,
            trainer__lr_schedule="constant",
        )
    )
    assert results["tested_epoch"] > results["best_epoch"]
    checkpoint = read_evaluation(run_dir)["checkpoint"]
    assert checkpoint["path"] == "last.pt"
    assert checkpoint["sha256"] == file_digest(run_dir / "last.pt")


def test_signed_weights_of_validation_leave_no_gap_to_training_without(
    config, train, run_dir, toy_file, tmp_path
):
    path = tmp_path / "weighted.h5"
    shutil.copy(toy_file, path)
    with h5py.File(path, "r+") as file:
        for split in ("val", "test"):
            n_events = len(file[f"y_{split}"])
            file[f"w_{split}"] = np.random.default_rng(1).choice([1.0, 2.0, -0.2], n_events)
    names = {"w_val": "w_val", "w_test": "w_test"}
    changes = {"data__path": str(path), "data__datasets": names}
    train(config("transformer_classifier", run_dir=str(run_dir), **changes))
    evaluation = read_evaluation(run_dir)
    assert evaluation["splits"]["test"]["weighted"]
    assert not evaluation["splits"]["train"]["weighted"]
    assert evaluation["gap"] is None


def test_the_operations_of_matrix_products_are_counted(sample):
    first, second = nn.Linear(4, 8), nn.Linear(8, 2)

    def score(batch):
        return {"logits": second(first(batch.tokens_cont[:, 0]))}

    cost = scoring_cost(score, sample, NUMERICS)
    assert cost["flops_per_event"] == 2 * (4 * 8 + 8 * 2)
    assert set(cost["latency"]) == {str(size) for size in BATCH_SIZES}
    for taken in cost["latency"].values():
        assert 0 < taken["low_ms"] <= taken["median_ms"] <= taken["high_ms"]
        assert 1 <= taken["repeats"] <= 20
    assert cost["device"] == "cpu"
    assert cost["device_name"]


def test_batches_have_the_size_they_are_timed_for_even_of_fewer_events(sample):
    sizes = []

    def score(batch):
        sizes.append(len(batch))
        return {"logits": torch.zeros(len(batch), 2)}

    cost = scoring_cost(score, sample, NUMERICS)
    assert {1, 64, 512} <= set(sizes)
    assert cost["flops_per_event"] is None  # as of trees: nothing that can be counted


@pytest.mark.slow  # torch's counter imports its compiler
def test_the_products_of_attention_are_counted_as_torch_counts_them(config, train, run_dir, sample):
    train(config("transformer_classifier", run_dir=str(run_dir), logging__evaluation__cost=True))
    model = load_model(run_dir / "best_val.pt")
    batch = sample.select(torch.arange(30), trim=True)
    with FlopCounterMode(display=False) as counter:
        model.event_scores(batch)
    flops = read_evaluation(run_dir)["cost"]["flops_per_event"]
    assert flops == counter.get_total_flops() / 30
    # one layer 16 wide: each of n objects (and class token, MET, METphi) with each, twice
    n_tokens = batch.mask.sum(1) + 3
    attention = counter.get_flop_counts()["Global"][torch.ops.aten.bmm]
    assert attention >= int((2 * 2 * 16 * n_tokens**2).sum())
