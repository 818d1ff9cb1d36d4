"""Runs that can't go on say why, in facts too, and keep what was good."""

import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from small_runs import events_of, numbers_of
from thesis_arch import load_model
from thesis_facts.errors import ConfigError, DataError, RunError, ThesisError
from thesis_facts.locks import run_lock
from thesis_loops import classification, transformer_classifier
from thesis_loops import test_mlp as mlp_loop
from thesis_loops.engine import fit as fit_module
from thesis_loops.engine.finite import NonFiniteError


def spoil_loss(monkeypatch, at_call):
    """The loss of `test_mlp` is NaN at one call: an epoch has 5 training and 1 validation batch."""
    loss, calls = mlp_loop._loss, []

    def break_down(outputs, targets, task):
        calls.append(1)
        value = loss(outputs, targets, task)
        return value * float("nan") if len(calls) == at_call else value

    monkeypatch.setattr(mlp_loop, "_loss", break_down)


def test_a_loss_that_is_no_number_stops_the_run_at_its_step(config, train, run_dir, monkeypatch):
    spoil_loss(monkeypatch, at_call=9)
    with pytest.raises(NonFiniteError, match=r"inputs .* finite.*epoch 2, step 3 of 5"):
        train(config("test_mlp", run_dir=str(run_dir)))
    last = events_of(run_dir)[-1]
    assert (last["moment"], last["epoch"], last["step"]) == ("on_exception", 1, 2)
    assert "not finite" in last["error"]
    weights = load_model(run_dir / "last.pt").state_dict()
    assert all(torch.isfinite(values).all() for values in weights.values())


def test_a_validation_loss_that_is_no_number_stops_the_run(
    config, train, run_dir, tmp_path, monkeypatch
):
    train(config("test_mlp", run_dir=str(tmp_path / "whole")))
    with monkeypatch.context() as patch:
        spoil_loss(patch, at_call=12)
        with pytest.raises(NonFiniteError, match=r"validation loss.*: epoch 2: found nan"):
            train(config("test_mlp", run_dir=str(run_dir)))
    last = events_of(run_dir)[-1]
    assert (last["moment"], last["epoch"], last["step"]) == ("on_exception", 1, None)
    train(config("test_mlp", run_dir=str(run_dir), resume="auto"))
    assert numbers_of(run_dir) == numbers_of(tmp_path / "whole")


def test_a_loss_that_came_from_the_data_names_the_input(config, train, run_dir, monkeypatch):
    """An event whose momentum is no number, in the third batch of the second epoch."""
    batches = classification.train_batches

    def spoiled(split, batch_size, *, epoch, start_step, **rest):
        order = batches(split, batch_size, epoch=epoch, start_step=start_step, **rest)
        for step, batch in enumerate(order, start_step):
            if (epoch, step) == (1, 2):
                tokens = batch.tokens_cont.clone()
                tokens[4, 0, 1] = float("inf")
                batch = replace(batch, tokens_cont=tokens)
            yield batch

    monkeypatch.setattr(classification, "train_batches", spoiled)
    with pytest.raises(NonFiniteError, match=r"in the data: pt of object 0.*epoch 2, step 3 of 8"):
        train(config("transformer_classifier", run_dir=str(run_dir)))
    last = events_of(run_dir)[-1]
    assert (last["moment"], last["epoch"], last["step"]) == ("on_exception", 1, 2)
    assert "pt of object 0" in last["error"]


def test_missing_events_are_recorded(config, train, run_dir):
    with pytest.raises(DataError, match=r"nowhere\.h5"):
        train(config("transformer_classifier", run_dir=str(run_dir), data__path="nowhere.h5"))
    assert [event["moment"] for event in events_of(run_dir)] == ["on_exception"]


def remove(path):
    path.unlink()


def put_another(path):
    """Of the same size: only its time tells."""
    content = path.read_bytes()
    path.write_bytes(content[::-1])


def tear(path):
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("spoil", [remove, put_another, tear])
def test_a_file_that_changes_while_it_is_streamed_costs_no_work(
    spoil, config, train, run_dir, tmp_path, streamed, monkeypatch
):
    def cfg(run_dir, **changes):
        return config("transformer_classifier", run_dir=str(run_dir), **streamed, **changes)

    def seed_and_spoil(seed, epoch, step, rank):
        seed_step(seed, epoch, step, rank)
        if (epoch, step) == (1, 3):
            spoil(path)

    path, seed_step = Path(streamed["data__path"]), fit_module.seed_step
    train(cfg(tmp_path / "whole"))
    shutil.copy(path, tmp_path / "kept.h5")
    with monkeypatch.context() as patch:
        patch.setattr(fit_module, "seed_step", seed_and_spoil)
        with pytest.raises(
            DataError, match=r"streamed\.h5 is no longer the file.*put that file back"
        ):
            train(cfg(run_dir, checkpoint_every_s=1e-9))
    last = events_of(run_dir)[-1]
    assert (last["moment"], last["epoch"], last["step"]) == ("on_exception", 1, 4)
    saved = torch.load(run_dir / "last.pt", weights_only=True)
    assert (saved["epoch"], saved["step"]) == (1, 4)
    with pytest.raises(ThesisError, match=r"streamed\.h5"):
        train(cfg(run_dir, resume="auto"))
    shutil.copy(tmp_path / "kept.h5", path)
    train(cfg(run_dir, resume="auto"))
    assert numbers_of(run_dir) == numbers_of(tmp_path / "whole")


def test_a_model_that_makes_no_sense_is_a_config_error_and_recorded(config, train, run_dir):
    changes = {"run_dir": str(run_dir), "data__cont_features": [0, 1, 2]}
    with pytest.raises(ConfigError, match="leaves out phi"):
        train(config("transformer_classifier", **changes))
    assert "leaves out phi" in events_of(run_dir)[-1]["error"]


def test_statistics_that_can_t_be_had_are_a_config_error(config, train, monkeypatch):
    def refuse(*_: object) -> None:
        raise ValueError("no valid token")

    monkeypatch.setattr(transformer_classifier.TransformerClassifier, "fit_statistics", refuse)
    with pytest.raises(ConfigError, match="no valid token"):
        train(config("transformer_classifier"))


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), MemoryError("no more")])
def test_whatever_ends_a_run_is_recorded_at_once(error, config, train, run_dir, monkeypatch):
    def end(*_: object) -> None:
        raise error

    monkeypatch.setattr(mlp_loop, "make_toy_regression", end)
    with pytest.raises(type(error)):
        train(config("test_mlp", run_dir=str(run_dir)))
    (event,) = events_of(run_dir)
    assert event["moment"] == "on_exception"
    assert event["error"].startswith(type(error).__name__)
    assert event["meta"]["run_id"]


def test_a_mistake_of_the_command_is_no_failure_of_the_run_that_is_there(
    config, train, run_dir, interrupted
):
    interrupted(config("test_mlp", run_dir=str(run_dir)))
    before = events_of(run_dir)
    for changes in ({"resume": None}, {"resume": "auto", "trainer__lr": 0.5}):
        with pytest.raises(ConfigError):
            train(config("test_mlp", run_dir=str(run_dir), **changes))
    with run_lock(run_dir), pytest.raises(RunError, match="in use"):
        train(config("test_mlp", run_dir=str(run_dir), resume="auto"))
    assert events_of(run_dir) == before


@pytest.mark.parametrize("device", ["tpu9", "meta", "xpu"])
def test_unknown_device(device, config, train):
    with pytest.raises(ConfigError, match="auto, cpu, cuda, cuda:N or mps"):
        train(config("test_mlp", device=device))


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="there is such a GPU here")
def test_a_gpu_that_is_not_there(config, train):
    with pytest.raises(ConfigError, match="no such GPU here: device: found 'mps'"):
        train(config("test_mlp", device="mps"))


def test_fp16_needs_a_gpu(config, train):
    with pytest.raises(ConfigError, match="off or bf16 on cpu"):
        train(config("test_mlp", trainer__amp="fp16"))


def test_the_wrong_data_for_a_loop(config, train, toy_file):
    with pytest.raises(ConfigError, match="data=toy_regression"):
        train(config("test_mlp", data={"kind": "events", "path": toy_file}))
    with pytest.raises(ConfigError, match="data=synthetic"):
        train(config("transformer_classifier", data={"kind": "toy_regression"}))


@pytest.mark.parametrize("batch_size", [1, 53])  # 160 training samples
def test_a_batch_norm_never_meets_a_single_sample(batch_size, config, train):
    with pytest.raises(ConfigError, match=r"general\.trainer\.batch_size"):
        train(config("test_mlp", trainer__batch_size=batch_size))
    changes = {"trainer__batch_size": batch_size, "trainer__epochs": 1}
    train(config("test_mlp", simple__mlp__use_batch_norm=False, **changes))


@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL", "TERM"])
def test_signals_that_can_t_mean_save_and_leave(name, config, train):
    with pytest.raises(ThesisError, match=r"stop_signals.*SIGTERM"):
        train(config("test_mlp", stop_signals=[name]))


def test_a_signal_while_a_complete_run_is_scored_reaches_the_program(config, train, monkeypatch):
    """A sweep must hear of it: this job is complete, the next one must not begin."""
    heard = []
    former = signal.signal(signal.SIGTERM, lambda number, _: heard.append(number))
    conclude = mlp_loop._conclude
    monkeypatch.setattr(
        mlp_loop, "_conclude", lambda *a: (signal.raise_signal(signal.SIGTERM), conclude(*a))[1]
    )
    try:
        results = train(config("test_mlp", stop_signals=["SIGTERM", "SIGTERM"]))
        assert heard == [signal.SIGTERM]
        assert "test_loss" in results
        assert signal.getsignal(signal.SIGTERM) not in (signal.SIG_DFL, None)
    finally:
        signal.signal(signal.SIGTERM, former)
