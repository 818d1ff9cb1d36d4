"""Two processes that train together end where one does, and write once."""

import signal
import time

import numpy as np
import pytest
import torch

from ranks import kept_files, results_of, start_ranks
from small_runs import events_of, numbers_of
from thesis_facts.check import check_run
from thesis_facts.scores import read_scores

# Without dropout, whose draws differ, and without batch norm, which sees its own part alone.
# 33 of 240 events a batch: parts of unequal size, and a last batch of 9.
ALONE = {
    "test_mlp": {"simple__mlp__dropout": 0.0, "simple__mlp__use_batch_norm": False},
    "transformer_classifier": {
        "classifier__model__dropout": 0.0,
        "classifier__model__attention__dropout": 0.0,
        "trainer__class_weights": "balanced",
    },
}


@pytest.fixture
def configs(config):
    """One config of each loop, in a directory each."""

    def make(folder, **changes):
        return [
            config(loop, run_dir=str(folder / loop), trainer__batch_size=33, **own, **changes)
            for loop, own in ALONE.items()
        ]

    return make


def test_two_ranks_end_where_one_process_does(config, configs, train, tmp_path):
    # 160 training samples: the last batch is a single one, and rank 1 has nothing of it
    tiny_end = config("test_mlp", trainer__batch_size=53, **ALONE["test_mlp"])
    alone = [train(cfg) for cfg in [*configs(tmp_path / "alone"), tiny_end]]
    of_rank_zero, of_rank_one = results_of(start_ranks([*configs(tmp_path / "ranks"), tiny_end]))
    assert of_rank_zero == of_rank_one
    for one, two in zip(alone, of_rank_zero, strict=True):
        for name in one:
            assert two[name] == pytest.approx(one[name], rel=1e-4, nan_ok=True), name
    for loop in ALONE:
        folders = tmp_path / "alone" / loop, tmp_path / "ranks" / loop
        assert kept_files(folders[0]) == kept_files(folders[1])
        assert [e["moment"] for e in events_of(folders[0])] == [
            e["moment"] for e in events_of(folders[1])
        ]
        assert events_of(folders[1])[0]["numerics"]["ranks"] == 2
        assert [f.what for f in check_run(folders[1]) if f.is_wrong] == []

    logits = [
        read_scores(tmp_path / f / "transformer_classifier", "test").logits
        for f in ("alone", "ranks")
    ]
    np.testing.assert_allclose(*logits, atol=2e-4)


@pytest.mark.slow
def test_a_signal_to_one_rank_saves_once_and_the_run_goes_on(configs, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    many = {"trainer__epochs": 60}
    cfg = configs(cut, **many)[:1]
    ranks = start_ranks(cfg)
    events = cut / "test_mlp" / "facts" / "events.jsonl"
    deadline = time.monotonic() + 60
    while not (events.exists() and "on_epoch_end" in events.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    ranks[1].send_signal(signal.SIGTERM)
    for process in ranks:
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 85, stderr
    assert "on_train_end" not in events.read_text()
    results_of(start_ranks([cfg[0] | {"resume": "auto"}]))
    results_of(start_ranks(configs(whole, **many)[:1]))
    assert numbers_of(cut / "test_mlp") == numbers_of(whole / "test_mlp")


@pytest.mark.slow
def test_a_refusal_is_said_once_and_ends_all(configs, tmp_path):
    cfg = configs(tmp_path)[:1]
    results_of(start_ranks(cfg))
    ranks = start_ranks(cfg)
    told = [process.communicate(timeout=60)[1] for process in ranks]
    assert [process.returncode for process in ranks] == [1, 1]
    assert "already holds a run" in told[0]
    assert told[1] == ""


@pytest.mark.slow
def test_a_loss_that_is_no_number_on_one_rank_ends_all(config, tmp_path):
    """lr so high that the weights leave the range of float32."""
    cfg = config("test_mlp", run_dir=str(tmp_path), trainer__lr=1e38, **ALONE["test_mlp"])
    ranks = start_ranks([cfg])
    told = [process.communicate(timeout=60)[1] for process in ranks]
    assert [process.returncode for process in ranks] == [1, 1]
    assert "is not finite" in told[0]
    assert [e["moment"] for e in events_of(tmp_path)][-1] == "on_exception"


def test_ranks_draw_their_own_dropout():
    from thesis_loops.engine.seeds import seed_step

    draws = []
    for rank in (0, 0, 1):
        seed_step(1, 0, 0, rank)
        draws.append(torch.rand(3))
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])
