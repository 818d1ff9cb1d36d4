"""What every loop promises, whatever it trains."""

import json
import math

import pytest

from small_runs import events_of, numbers_of
from thesis_arch import load_model
from thesis_facts.errors import ConfigError, LockedError
from thesis_facts.locks import run_lock
from thesis_loops.engine.recorder import FactsRecorder


def test_a_run_leaves_its_facts(any_loop, config, train, run_dir):
    results = train(config(any_loop, run_dir=str(run_dir)))
    moments = [event["moment"] for event in events_of(run_dir)]
    assert moments == ["on_start", *["on_epoch_end"] * 3, "on_test_end", "on_train_end"]
    assert len({event["meta"]["run_id"] for event in events_of(run_dir)}) == 1
    assert {event["meta"]["seed"] for event in events_of(run_dir)} == {7}
    splits = [line.split(",")[:2] for line in numbers_of(run_dir)[1:]]
    expected = [[str(e), s] for e in range(3) for s in ("train", "val")]
    assert splits == [*expected, [str(results["best_epoch"]), "test"]]
    for name in ("config.json", "meta.json", "axes.json"):
        assert json.loads((run_dir / "facts" / name).read_text())
    axes = json.loads((run_dir / "facts" / "axes.json").read_text())
    assert any_loop == "bdt_classifier" or axes["n_parameters"] > 0
    load_model(run_dir / "best_val.pt")
    load_model(run_dir / "last.pt")


def test_results_are_finite_and_those_of_the_facts(any_loop, config, train, run_dir):
    results = train(config(any_loop, run_dir=str(run_dir)))
    assert {"best_epoch", "best_val_loss", "test_loss"} <= results.keys()
    assert all(math.isfinite(results[k]) for k in ("best_val_loss", "test_loss"))
    end = events_of(run_dir)[-1]
    losses = end["histories"]["val_loss"]
    assert results["best_val_loss"] == min(losses) == losses[results["best_epoch"]]
    assert end["total_time_s"] > 0
    epochs = [event for event in events_of(run_dir) if event["moment"] == "on_epoch_end"]
    assert [event["val_loss"] for event in epochs] == losses
    assert epochs[1]["histories"]["val_loss"] == losses[:2]


def test_without_a_directory_nothing_is_written(any_loop, config, train, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = train(config(any_loop))
    assert math.isfinite(results["test_loss"])
    assert list(tmp_path.iterdir()) == []


def test_same_config_same_numbers(any_loop, config, train, tmp_path):
    for name in ("a", "b"):
        train(config(any_loop, run_dir=str(tmp_path / name)))
    assert numbers_of(tmp_path / "a") == numbers_of(tmp_path / "b")
    train(config(any_loop, run_dir=str(tmp_path / "c"), trainer__seed=8))
    assert numbers_of(tmp_path / "a") != numbers_of(tmp_path / "c")


def test_a_directory_with_a_run_is_not_overwritten(any_loop, config, train, run_dir):
    train(config(any_loop, run_dir=str(run_dir)))
    before = numbers_of(run_dir)
    with pytest.raises(ConfigError, match="resume=auto"):
        train(config(any_loop, run_dir=str(run_dir)))
    assert numbers_of(run_dir) == before


def test_only_the_same_config_resumes(any_loop, config, train, run_dir):
    train(config(any_loop, run_dir=str(run_dir)))
    with pytest.raises(ConfigError, match=r"trainer\.seed: 7 -> 8"):
        train(config(any_loop, run_dir=str(run_dir), resume="auto", trainer__seed=8))


def test_a_complete_run_is_not_run_again(any_loop, config, train, run_dir, caplog):
    first = train(config(any_loop, run_dir=str(run_dir)))
    before = {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
    with caplog.at_level("INFO"):
        again = train(config(any_loop, run_dir=str(run_dir), resume="auto"))
    assert again == pytest.approx(first, rel=0, abs=0, nan_ok=True)
    assert list(again) == list(first)
    assert "complete" in caplog.text
    assert {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()} == before
    with pytest.raises(ConfigError, match=r"trainer\.seed"):
        train(config(any_loop, run_dir=str(run_dir), resume="auto", trainer__seed=8))


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_a_run_that_lacks_only_its_test_scores_gets_them(
    ema_decay, loop, config, train, run_dir, tmp_path, monkeypatch
):
    """The model of `last.pt` is tested, as it would have been."""
    changes = {"trainer__ema_decay": ema_decay}
    first = train(config(loop, run_dir=str(tmp_path / "whole"), **changes))
    with monkeypatch.context() as patch:
        patch.setattr(FactsRecorder, "test_end", power_cut)
        with pytest.raises(SystemExit):
            train(config(loop, run_dir=str(run_dir), **changes))
    again = train(config(loop, run_dir=str(run_dir), resume="auto", **changes))
    assert again == pytest.approx(first, rel=0, abs=0, nan_ok=True)
    assert numbers_of(run_dir) == numbers_of(tmp_path / "whole")


def power_cut(*_: object) -> None:
    raise SystemExit


def test_two_runs_never_share_a_directory(any_loop, config, train, run_dir):
    with run_lock(run_dir), pytest.raises(LockedError):
        train(config(any_loop, run_dir=str(run_dir)))


def test_early_stopping_ends_the_run_and_tests_the_best_epoch(loop, config, train, run_dir):
    stopping = {
        "enabled": True,
        "patience": 1,
        "min_delta": 0.0,
        "restore_best_weights": True,
    }
    results = train(
        config(
            loop,
            run_dir=str(run_dir),
            trainer__early_stopping=stopping,
            trainer__epochs=40,
            trainer__lr=0.3,
            trainer__lr_schedule="constant",
        )
    )
    losses = events_of(run_dir)[-1]["histories"]["val_loss"]
    assert len(losses) < 40
    assert results["best_epoch"] == losses.index(min(losses)) < len(losses) - 1
    assert numbers_of(run_dir)[-1].split(",")[0] == str(results["best_epoch"])


@pytest.mark.parametrize("ema_decay", [None, 0.9])
def test_the_best_model_has_averaged_weights_where_they_are_asked_for(
    ema_decay, loop, config, train, run_dir
):
    train(
        config(loop, run_dir=str(run_dir), trainer__ema_decay=ema_decay, trainer__epochs=1)
    )  # so that the last epoch is the best
    best = load_model(run_dir / "best_val.pt").state_dict()
    last = load_model(run_dir / "last.pt").state_dict()
    same = all((best[name] == last[name]).all() for name in best)
    assert same == (ema_decay is None)


def test_without_the_best_weights_the_last_validated_ones_are_tested(loop, config, train):
    """With a moving average these are averaged weights, not those of the last step."""
    stopping = {"enabled": False, "patience": 1, "min_delta": 0.0, "restore_best_weights": False}
    changes = {"trainer__ema_decay": 0.99, "trainer__epochs": 1}  # so that last is also best
    results = train(config(loop, trainer__early_stopping=stopping, **changes))
    assert results == train(config(loop, **changes))


def test_mixed_precision_trains_on_a_cpu_too(loop, config, train, run_dir):
    results = train(config(loop, run_dir=str(run_dir), trainer__amp="bf16"))
    assert events_of(run_dir)[0]["numerics"]["amp"] == "bf16"
    single = train(config(loop))
    assert results["best_val_loss"] != single["best_val_loss"]
    assert results["best_val_loss"] == pytest.approx(single["best_val_loss"], rel=0.02)
