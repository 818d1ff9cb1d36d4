"""Runs that can't go on say why, in facts too, and keep what was good."""

import pytest
import torch

from small_runs import events_of
from thesis_arch import load_model
from thesis_facts.errors import ConfigError, DataError
from thesis_loops import test_mlp as mlp_loop
from thesis_loops.engine.finite import NonFiniteError


def test_a_loss_that_is_no_number_stops_the_run_at_its_step(config, train, run_dir, monkeypatch):
    loss, calls = mlp_loop._loss, []

    def break_down(outputs, targets, task):
        calls.append(1)
        value = loss(outputs, targets, task)
        # epoch 0: 5 training and 1 validation batch; the third of epoch 1 breaks
        return value * float("nan") if len(calls) == 9 else value

    monkeypatch.setattr(mlp_loop, "_loss", break_down)
    with pytest.raises(NonFiniteError, match="epoch 2, step 3 of 5"):
        train(config("test_mlp", run_dir=str(run_dir)))
    last = events_of(run_dir)[-1]
    assert (last["moment"], last["epoch"], last["step"]) == ("on_exception", 1, 2)
    assert "not finite" in last["error"]
    weights = load_model(run_dir / "last.pt").state_dict()
    assert all(torch.isfinite(values).all() for values in weights.values())


def test_missing_events_are_recorded(config, train, run_dir):
    with pytest.raises(DataError, match=r"nowhere\.h5"):
        train(config("transformer_classifier", run_dir=str(run_dir), data__path="nowhere.h5"))
    assert [event["moment"] for event in events_of(run_dir)] == ["on_exception"]


def test_a_model_that_makes_no_sense_is_a_config_error(config, train):
    with pytest.raises(ConfigError, match="leaves out phi"):
        train(config("transformer_classifier", data__cont_features=[0, 1, 2]))


@pytest.mark.parametrize("device", ["tpu9", "meta", "xpu"])
def test_unknown_device(device, config, train):
    with pytest.raises(ConfigError, match="auto, cpu, cuda"):
        train(config("test_mlp", device=device))


def test_fp16_needs_a_gpu(config, train):
    with pytest.raises(ConfigError, match="off or bf16"):
        train(config("test_mlp", trainer__amp="fp16"))


def test_the_wrong_data_for_a_loop(config, train, toy_file):
    with pytest.raises(ConfigError, match="data=toy_regression"):
        train(config("test_mlp", data={"kind": "events", "path": toy_file}))
    with pytest.raises(ConfigError, match="data=synthetic"):
        train(config("transformer_classifier", data={"kind": "toy_regression"}))
