"""Boosted trees: the same trees whatever interrupts them, and those that bare xgboost grows."""

import json
import os
import shutil
import signal
import subprocess
import sys
from functools import partial

import h5py
import numpy as np
import pytest
import torch
import xgboost

from killing import INSTANTS, in_child
from small_runs import events_of, numbers_of
from thesis_arch import load_model
from thesis_data.batches import eval_batches
from thesis_data.loading import load_events
from thesis_facts import read_scores
from thesis_facts.check import check_run
from thesis_facts.errors import ConfigError, DataError
from thesis_loops import boosting
from thesis_loops.config import check_config
from thesis_loops.engine.signals import Interrupted

FIVE = [{"name": n, "labels": [i + 1]} for i, n in enumerate(("4t", "ttH", "ttW", "ttWW", "ttZ"))]
TASKS = {"binary": {}, "five classes": {"data__classifier": {"label_groups": FIVE}}}


@pytest.fixture(params=TASKS)
def task(request):
    return TASKS[request.param]


@pytest.fixture(autouse=True, params=[1])
def rounds_a_seed(request):
    """Rounds that share their samplers; those of so few events would all do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boosting, "_MOST_ROUNDS_A_SEED", request.param)
        yield request.param


@pytest.fixture
def at_round(monkeypatch):
    """`at_round(n, action)`: what happens when round n begins."""

    def arrange(n, action):
        seed_of = boosting.keyed_seed

        def seed_and_act(*keys):
            if keys[-1] == n:
                action()
            return seed_of(*keys)

        monkeypatch.setattr(boosting, "keyed_seed", seed_and_act)

    return arrange


def trees_of(path):
    return bytes(load_model(path).trees)


def events_for(config, split):
    """The events of a split, in one batch."""
    events = getattr(load_events(check_config(config).data), split)
    (batch,) = eval_batches(events, len(events))
    return batch


@pytest.mark.parametrize("every", [None, 1e-9])
@pytest.mark.parametrize(
    ("n", "rounds_a_seed"),
    [(0, 1), (5, 1), (11, 1), (3, 3), (9, 3), (5, 5)],
    indirect=["rounds_a_seed"],
)
def test_resumed_trees_are_those_of_an_uninterrupted_run(
    every, n, rounds_a_seed, task, config, train, tmp_path, at_round, monkeypatch
):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    changes = task | {"classifier__model__n_estimators": 12}
    expected = train(config("bdt_classifier", run_dir=str(whole), **changes))
    with monkeypatch.context():
        at_round(n, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(Interrupted) as stop:
            train(config("bdt_classifier", run_dir=str(cut), checkpoint_every_s=every, **changes))
    monkeypatch.undo()
    assert stop.value.exit_code == 85
    saved = torch.load(cut / "last.pt", weights_only=True)
    assert saved["epoch"] == n + rounds_a_seed
    assert train(config("bdt_classifier", run_dir=str(cut), resume="auto", **changes)) == expected
    assert numbers_of(cut) == numbers_of(whole)
    for name in ("best_val.pt", "last.pt"):
        assert trees_of(cut / name) == trees_of(whole / name)


def test_ctrl_c_has_its_own_exit_code(config, train, run_dir, at_round):
    at_round(1, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(Interrupted) as stop:
        train(config("bdt_classifier", run_dir=str(run_dir)))
    assert stop.value.exit_code == 130


@pytest.mark.parametrize(("every", "saved"), [(None, None), (1e-9, 4), (3600, None)])
def test_a_checkpoint_is_made_when_it_is_due(
    every, saved, config, train, run_dir, tmp_path, at_round, monkeypatch
):
    """The run dies with what was saved before, not with a checkpoint made for its death."""

    def die():
        raise SystemExit

    changes = {"classifier__model__n_estimators": 6, "run_dir": str(run_dir)}
    with monkeypatch.context():
        at_round(4, die)
        with pytest.raises(SystemExit):
            train(config("bdt_classifier", checkpoint_every_s=every, **changes))
    monkeypatch.undo()
    assert (run_dir / "last.pt").exists() == (saved is not None)
    if saved is not None:
        assert torch.load(run_dir / "last.pt", weights_only=True)["epoch"] == saved
    train(config("bdt_classifier", resume="auto", **changes))
    train(config("bdt_classifier", **changes | {"run_dir": str(tmp_path / "whole")}))
    assert numbers_of(run_dir) == numbers_of(tmp_path / "whole")


@pytest.mark.parametrize("instant", INSTANTS)
def test_killed_again_and_again_nothing_is_lost(instant, config, train, tmp_path, monkeypatch):
    monkeypatch.setattr(boosting, "_SECONDS_BETWEEN_FACTS", 0)
    whole, cut = tmp_path / "whole", tmp_path / "cut"

    def attempt(n):
        INSTANTS[instant](n)
        changes = {"resume": "auto", "checkpoint_every_s": 1e-9}
        train(config("bdt_classifier", run_dir=str(cut), **changes))

    assert in_child(lambda: train(config("bdt_classifier", run_dir=str(whole)))) == 0
    deaths = 0
    while (code := in_child(partial(attempt, 1 + 2 * deaths))) != 0:
        assert code == -9
        deaths += 1
    assert deaths > 0
    assert numbers_of(cut) == numbers_of(whole)
    assert events_of(cut)[-1]["results"] == events_of(whole)[-1]["results"]
    assert [found.what for found in check_run(cut) if found.is_wrong] == []


def test_how_often_facts_are_written_changes_none(config, train, tmp_path, monkeypatch):
    train(config("bdt_classifier", run_dir=str(tmp_path / "at the end")))
    monkeypatch.setattr(boosting, "_SECONDS_BETWEEN_FACTS", 0)
    train(config("bdt_classifier", run_dir=str(tmp_path / "each round")))
    assert numbers_of(tmp_path / "at the end") == numbers_of(tmp_path / "each round")
    for name in ("at the end", "each round"):
        rounds = [e for e in events_of(tmp_path / name) if e["moment"] == "on_epoch_end"]
        assert [len(e["histories"]["val_loss"]) for e in rounds] == [1, 2, 3]


@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_trees_are_those_of_bare_xgboost(class_weights, task, config, train, run_dir):
    """Without draws there is nothing in which they could differ."""
    plain = {"subsample": 1.0, "colsample_bytree": 1.0}
    changes = task | {f"classifier__model__{name}": value for name, value in plain.items()}
    cfg = config(
        "bdt_classifier", run_dir=str(run_dir), trainer__class_weights=class_weights, **changes
    )
    train(cfg)
    model = load_model(run_dir / "last.pt")
    batch = events_for(cfg, "train")
    counts = torch.bincount(batch.label).double()
    weight = None
    if class_weights == "balanced":
        of_class = 1 / counts
        weight = (of_class * len(counts) / of_class.sum())[batch.label].numpy()
    matrix = xgboost.DMatrix(model.layout.rows(batch), label=batch.label.numpy(), weight=weight)
    n_classes = len(counts)
    objective = {"objective": "multi:softprob", "num_class": n_classes}
    bare = xgboost.train(
        {"max_depth": 3, "learning_rate": 0.1, "tree_method": "hist", "nthread": 1}
        | (objective if n_classes > 2 else {"objective": "binary:logistic"}),
        matrix,
        num_boost_round=3,
    )
    expected = torch.from_numpy(bare.predict(xgboost.DMatrix(model.layout.rows(batch))))
    found = model.event_scores(batch)["logits"].softmax(1)
    torch.testing.assert_close(found if n_classes > 2 else found[:, 1], expected)


def test_early_stopping_waits_and_the_best_round_is_tested(config, train, run_dir):
    stopping = {"n_estimators": 200, "early_stopping_rounds": 5, "learning_rate": 1.0}
    changes = {f"classifier__model__{name}": value for name, value in stopping.items()}
    cfg = config("bdt_classifier", run_dir=str(run_dir), **changes)
    results = train(cfg)
    losses = events_of(run_dir)[-1]["histories"]["val_loss"]
    best = results["best_epoch"]
    assert best == results["tested_epoch"] == losses.index(min(losses))
    assert len(losses) == best + 1 + 5
    assert load_model(run_dir / "best_val.pt").booster.num_boosted_rounds() == best + 1
    assert load_model(run_dir / "last.pt").booster.num_boosted_rounds() == len(losses)
    scores = read_scores(run_dir, "test")
    model = load_model(run_dir / "best_val.pt")
    logits = model.event_scores(events_for(cfg, "test"))["logits"].numpy()
    np.testing.assert_array_equal(scores.logits, logits)
    assert scores.embeddings is None


def test_which_columns_matter_is_a_fact(config, train, run_dir):
    train(config("bdt_classifier", run_dir=str(run_dir), classifier__model__features="physics"))
    importance = json.loads((run_dir / "facts" / "feature_importance.json").read_text())
    columns = load_model(run_dir / "best_val.pt").layout.columns
    for kind in ("gain", "cuts"):
        values = list(importance[kind].values())
        assert values == sorted(values, reverse=True)
        assert importance[kind].keys() <= set(columns)


@pytest.fixture
def weighted_file(toy_file, tmp_path):
    """The toy events with event weights, of which the first of `split` may be another one."""

    def make(**first):
        path = tmp_path / "weighted.h5"
        shutil.copyfile(toy_file, path)
        with h5py.File(path, "r+") as file:
            for split in ("train", "val", "test"):
                n = len(file[f"X_{split}"])
                weights = np.random.default_rng(0).uniform(0.5, 1.5, n).astype(np.float32)
                weights[0] = first.get(split, weights[0])
                file[f"w_{split}"] = weights
        names = {f"w_{split}": f"w_{split}" for split in ("train", "val", "test")}
        return {"data__path": str(path), "data__datasets": names}

    return make


def test_event_weights_act(weighted_file, config, train, tmp_path):
    changes = weighted_file(val=-2.0)  # to be judged by signed weights is no problem
    train(config("bdt_classifier", run_dir=str(tmp_path / "a"), **changes))
    del changes["data__datasets"]
    train(config("bdt_classifier", run_dir=str(tmp_path / "b"), **changes))
    assert trees_of(tmp_path / "a" / "last.pt") != trees_of(tmp_path / "b" / "last.pt")


def test_negative_weights_of_training_events_are_refused(weighted_file, config, train):
    with pytest.raises(DataError, match=r"negative event weights: data\.datasets\.w_train.*-2\.0"):
        train(config("bdt_classifier", **weighted_file(train=-2.0)))


def test_columns_that_need_the_energy_say_so(config, train):
    with pytest.raises(ConfigError, match=r"features: found physics.*leaves out E"):
        train(
            config(
                "bdt_classifier",
                classifier__model__features="physics",
                data__cont_features=[1, 2, 3],
            )
        )


def test_several_processes_are_refused(config, train, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ConfigError, match=r"one process.*without torchrun"):
        train(config("bdt_classifier"))


def test_networks_never_import_xgboost():
    code = (
        "import sys, thesis_loops.transformer_classifier, thesis_loops.mlp_classifier; "
        "assert 'xgboost' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
