"""Two processes that train together end where one does, and write once."""

import shutil
import signal
import time

import numpy as np
import pytest
import torch

from ranks import kept_files, results_of, start_ranks, wait_for_an_epoch
from small_runs import STOPPING, events_of, numbers_of, part
from thesis_facts.check import check_run
from thesis_facts.events import read_outline
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
    "ae": {
        "phase1__encoder__dropout": 0.0,
        "phase1__latent_space": part("latent_space", "linear", latent_dim=4),
    },
}


PATIENT = {"trainer__early_stopping": STOPPING | {"patience": 1000}}


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


def test_two_ranks_share_one_codebook(config, tmp_path):
    """Places of the codes and their replacements are drawn, so the numbers are not those of one."""
    cfg = config("ae", run_dir=str(tmp_path / "run"), trainer__batch_size=33)
    of_rank_zero, of_rank_one = results_of(start_ranks([cfg]))
    assert of_rank_zero == of_rank_one
    histories = events_of(tmp_path / "run")[-1]["histories"]
    assert histories["val_codes_used"][-1] >= 12
    assert histories["val_loss"][-1] < histories["val_loss"][0]
    # 240 events in batches of 239: the last one has an event for one of the two
    processes = start_ranks([config("ae", trainer__batch_size=239)])
    said = [process.communicate(timeout=60)[1] for process in processes]
    assert all(process.returncode for process in processes)
    assert "no event for some rank" in said[0]


FAILS = """
import json, sys, threading
from thesis_loops.engine import distributed
from thesis_loops.engine.ranks import rank

class WantsTwo(Exception):
    def __init__(self, key, found):
        super().__init__(f"{key} is {found}")

class Locked(Exception):
    def __init__(self, message):
        super().__init__(message)
        self.lock = threading.Lock()

def fail(kind, on):
    if rank() == on:
        raise {"two": lambda: WantsTwo("lr", -1), "lock": lambda: Locked("it is locked"),
               "plain": lambda: ValueError("plainly wrong")}[kind]()

for kind, on in json.loads(sys.argv[1]):
    try:
        distributed.together(lambda: fail(kind, on))
    except (Exception, SystemExit) as error:
        print(json.dumps([type(error).__name__, str(error)]), flush=True)
"""


def test_rank_zero_says_what_failed_on_another_whatever_its_class():
    cases = [["plain", 1], ["two", 1], ["lock", 1], ["two", 0], ["lock", 0]]
    of_rank_zero, of_rank_one = results_of(start_ranks(cases, code=FAILS))
    assert of_rank_zero == [
        ["ValueError", "plainly wrong"],
        ["RuntimeError", "WantsTwo: lr is -1"],  # pickle can make neither of these again
        ["RuntimeError", "Locked: it is locked"],
        ["WantsTwo", "lr is -1"],
        ["Locked", "it is locked"],
    ]
    assert of_rank_one == [["FailedElsewhere", "1"]] * len(cases)


@pytest.fixture
def many_epochs(config, streamed):
    """`many_epochs(kind, run_dir)`: a run that lasts for seconds."""
    of_stream = streamed | {"trainer__epochs": 25, "trainer__lr": 1e-4} | PATIENT
    kinds = {
        "in memory": ("test_mlp", {"trainer__epochs": 60, "trainer__batch_size": 33}),
        "streamed": ("transformer_classifier", of_stream),
    }

    def make(kind, run_dir, **changes):
        loop, own = kinds[kind]
        return config(loop, run_dir=str(run_dir), **own | changes)

    return make


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["in memory", "streamed"])
def test_a_signal_to_one_rank_saves_once_and_the_run_goes_on(kind, many_epochs, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    cfg = many_epochs(kind, cut)
    ranks = start_ranks([cfg])
    wait_for_an_epoch(cut)
    ranks[1].send_signal(signal.SIGTERM)
    for process in ranks:
        _, stderr = process.communicate(timeout=60)
        assert process.returncode == 85, stderr
    assert "on_train_end" not in {event["moment"] for event in events_of(cut)}
    resumed = results_of(start_ranks([cfg | {"resume": "auto"}]))
    uninterrupted = results_of(start_ranks([many_epochs(kind, whole)]))
    assert resumed[0] == resumed[1] == uninterrupted[0] == uninterrupted[1]
    assert numbers_of(cut) == numbers_of(whole)


@pytest.mark.slow
def test_ranks_that_stream_take_each_event_once(config, streamed, tmp_path):
    cfg = config("transformer_classifier", run_dir=str(tmp_path / "run"), **streamed)
    of_rank_zero, of_rank_one = results_of(start_ranks([cfg]))
    assert of_rank_zero == of_rank_one
    epochs = [e for e in events_of(tmp_path / "run") if e["moment"] == "on_epoch_end"]
    assert {round(e["throughput"] * e["epoch_time_s"]) for e in epochs} == {240}
    assert [f.what for f in check_run(tmp_path / "run") if f.is_wrong] == []


@pytest.mark.slow
def test_the_reason_of_one_rank_is_what_all_say(many_epochs, streamed, tmp_path):
    """Rank 1 sits on another machine, where its copy of the data set goes away."""
    run_dir, path, copy = tmp_path / "run", streamed["data__path"], tmp_path / "copy.h5"
    shutil.copyfile(path, copy)
    cfg = many_epochs("streamed", run_dir, trainer__epochs=500)
    ranks = start_ranks(
        [cfg],
        [
            many_epochs("streamed", run_dir, trainer__epochs=500)
            | {"data": cfg["data"] | {"path": str(copy)}}
        ],
    )
    wait_for_an_epoch(run_dir)
    copy.unlink()
    lost = time.monotonic()
    told = [process.communicate(timeout=60)[1] for process in ranks]
    assert time.monotonic() - lost < 20
    assert [process.returncode for process in ranks] == [1, 1]
    assert "another process of this training failed: found DataError" in told[0]
    assert "copy.h5 is no longer the file" in told[0]
    outline = read_outline(run_dir)
    assert outline.status == "crashed"
    assert "copy.h5 is no longer the file" in outline.error
    assert [e["moment"] for e in events_of(run_dir)].count("on_exception") == 1
    assert len({event["meta"]["run_id"] for event in events_of(run_dir)}) == 1


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_rank_that_is_killed_ends_the_other_which_says_so(killed, many_epochs, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    cfg = many_epochs("in memory", cut)
    ranks = start_ranks([cfg])
    wait_for_an_epoch(cut)
    ranks[killed].kill()
    _, stderr = ranks[1 - killed].communicate(timeout=60)
    assert ranks[1 - killed].returncode == 1
    assert "another process of this training is gone" in stderr
    ranks[killed].communicate()
    assert "is gone" in read_outline(cut).error
    results_of(start_ranks([cfg | {"resume": "auto"}]))
    results_of(start_ranks([many_epochs("in memory", whole)]))
    assert numbers_of(cut) == numbers_of(whole)


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
