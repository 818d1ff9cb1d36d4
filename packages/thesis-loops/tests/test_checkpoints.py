"""What is resumed from: never a checkpoint that is torn, foreign or of another run."""

import errno
import os

import numpy as np
import pytest
import torch

from small_runs import events_of, numbers_of
from thesis_arch import load_model
from thesis_arch.checkpoint import model_payload
from thesis_facts.errors import RunError
from thesis_loops.engine.checkpoints import LAYOUT, Checkpoints
from thesis_loops.engine.finite import NonFiniteError
from thesis_loops.engine.fit import _Fit


def read(path):
    return torch.load(path, weights_only=True)


def change(path, **parts):
    torch.save(read(path) | parts, path)


def tear(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def spoil_weights(path):
    model = read(path)["model"]
    model["weights"] = {name: values[..., None] for name, values in model["weights"].items()}
    change(path, model=model)


def drop_optimiser(path):
    torch.save({k: v for k, v in read(path).items() if k != "updater"}, path)


SPOILED = {
    "truncated": (tear, "truncated"),
    "empty": (lambda path: path.write_bytes(b""), "empty"),
    "foreign": (lambda path: path.write_bytes(b"not a checkpoint"), "no checkpoint of torch"),
    "newer": (lambda path: change(path, layout=LAYOUT + 1), f"found {LAYOUT + 1}, but expected"),
    "older": (lambda path: torch.save({"model": {}, "epoch": 3}, path), "found none, but expected"),
    "incomplete": (drop_optimiser, "'updater' is missing"),
    "of another model": (spoil_weights, "does not fit"),
    "of another type": (
        lambda path: change(path, epoch="three"),
        "'epoch' is missing or",
    ),
}


@pytest.mark.parametrize("kind", SPOILED)
def test_a_spoiled_last_checkpoint_falls_back_to_the_one_before(
    kind, config, train, run_dir, caplog, tmp_path, interrupted
):
    spoil, reason = SPOILED[kind]
    train(config("test_mlp", run_dir=str(tmp_path / "whole")))
    interrupted(config("test_mlp", run_dir=str(run_dir)))
    spoil(run_dir / "last.pt")
    train(config("test_mlp", run_dir=str(run_dir), resume="auto"))
    said = [record.message for record in caplog.records if "can't resume" in record.message]
    assert len(said) == 1
    assert f"{run_dir / 'last.pt'}: " in said[0]
    assert reason in said[0]
    assert "\n" not in said[0]
    assert numbers_of(run_dir) == numbers_of(tmp_path / "whole")
    best, whole = (load_model(d / "best_val.pt") for d in (run_dir, tmp_path / "whole"))
    assert all(
        torch.equal(a, b) for a, b in zip(best.parameters(), whole.parameters(), strict=True)
    )


def test_without_a_usable_checkpoint_the_run_says_so_in_its_facts_too(
    config, train, run_dir, interrupted
):
    interrupted(config("test_mlp", run_dir=str(run_dir)))
    run_id = events_of(run_dir)[0]["meta"]["run_id"]
    tear(run_dir / "last.pt")
    (run_dir / "last.prev.pt").write_bytes(b"")
    with pytest.raises(RunError, match=r"no usable checkpoint.*last\.pt, last\.prev\.pt"):
        train(config("test_mlp", run_dir=str(run_dir), resume="auto"))
    last = events_of(run_dir)[-1]
    assert (last["moment"], last["meta"]["run_id"]) == ("on_exception", run_id)


def test_state_of_another_optimiser_is_refused_in_words(config, train, run_dir, interrupted):
    interrupted(config("test_mlp", run_dir=str(run_dir)))
    updater = read(run_dir / "last.pt")["updater"]
    moments = updater["optimisation"]["optimiser"]["state"][0]
    moments["exp_avg"] = moments["exp_avg"][:1, :1]
    change(run_dir / "last.pt", updater=updater)
    with pytest.raises(RunError, match=r"last\.pt: found ValueError: exp_avg of the optimiser"):
        train(config("test_mlp", run_dir=str(run_dir), resume="auto"))
    updater["optimisation"] = {}
    change(run_dir / "last.pt", updater=updater)
    with pytest.raises(RunError, match="does not fit the model or the optimiser"):
        train(config("test_mlp", run_dir=str(run_dir), resume="auto"))


def tear_best(run_dir):
    tear(run_dir / "best_val.pt")


def remove_best(run_dir):
    (run_dir / "best_val.pt").unlink()


def another_best(run_dir):
    payload = read(run_dir / "best_val.pt")
    payload["weights"] = {name: 0 * values for name, values in payload["weights"].items()}
    torch.save(payload, run_dir / "best_val.pt")


@pytest.mark.parametrize("spoil", [tear_best, remove_best, another_best])
def test_the_best_model_follows_from_the_last_checkpoint(
    spoil, loop, config, train, run_dir, interrupted, tmp_path
):
    changes = {"trainer__lr": 0.3, "trainer__lr_schedule": "constant", "trainer__epochs": 4}
    train(config(loop, run_dir=str(tmp_path / "whole"), **changes))
    interrupted(config(loop, run_dir=str(run_dir), **changes), epoch=3)
    before = read(run_dir / "best_val.pt")["weights"]
    spoil(run_dir)
    interrupted(config(loop, run_dir=str(run_dir), resume="auto", **changes), epoch=3, step=3)
    after = read(run_dir / "best_val.pt")["weights"]
    assert all(torch.equal(before[name], after[name]) for name in before)
    train(config(loop, run_dir=str(run_dir), resume="auto", **changes))
    assert numbers_of(run_dir) == numbers_of(tmp_path / "whole")


def test_a_best_model_of_a_lost_attempt_goes_away(config, train, run_dir, interrupted):
    """The checkpoint to go on from knows of no best epoch yet."""
    interrupted(config("test_mlp", run_dir=str(run_dir)), epoch=0)
    (run_dir / "best_val.pt").write_bytes(b"of an attempt that was lost")
    interrupted(config("test_mlp", run_dir=str(run_dir), resume="auto"), epoch=0, step=3)
    assert not (run_dir / "best_val.pt").exists()


def test_a_good_checkpoint_is_never_replaced_by_a_spoiled_one(
    config, run_dir, interrupted, monkeypatch
):
    """After a fallback the torn `last.pt` must not become the `last.prev.pt`."""
    interrupted(config("test_mlp", run_dir=str(run_dir)))
    tear(run_dir / "last.pt")
    checkpoints = Checkpoints(run_dir)
    state = checkpoints.load()
    checkpoints.save(state)
    assert read(run_dir / "last.prev.pt")["step"] == state["step"]
    assert read(run_dir / "last.pt")["step"] == state["step"]


def no_second_names(*_: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


@pytest.mark.parametrize("link", [os.link, no_second_names])
def test_checkpoints_keep_the_one_before(link, run_dir, monkeypatch):
    monkeypatch.setattr(os, "link", link)
    checkpoints = Checkpoints(run_dir)
    for epoch in range(3):
        checkpoints.save({"epoch": epoch})
    assert read(run_dir / "last.pt")["epoch"] == 2
    assert read(run_dir / "last.prev.pt")["epoch"] == 1
    assert sorted(path.name for path in run_dir.iterdir()) == ["last.prev.pt", "last.pt"]


def test_only_what_weights_only_reads_is_written(run_dir):
    with pytest.raises(TypeError, match=r"last\.pt\.stopping\.best: found float64"):
        Checkpoints(run_dir).save({"stopping": {"best": np.float64(0.5)}})
    assert not run_dir.exists()


@pytest.mark.parametrize("where", ["weights", "moments"])
def test_weights_that_are_no_numbers_are_never_saved(where, config, train, run_dir, monkeypatch):
    """The loss may still be finite: what it led to is not."""

    def spoil(self):
        parameter = next(iter(self.job.model.parameters()))
        if self.epoch == 1:
            state = self.job.updater.optimisation.optimiser.state[parameter]
            (parameter.data if where == "weights" else state["exp_avg"])[0, 0] = float("inf")
        save(self)

    save = _Fit._save
    monkeypatch.setattr(_Fit, "_save", spoil)
    name = "model.weights" if where == "weights" else "updater.optimisation.optimiser.state"
    with pytest.raises(NonFiniteError, match=name):
        train(config("test_mlp", run_dir=str(run_dir), checkpoint_every_s=1e-9))
    monkeypatch.undo()
    assert read(run_dir / "last.pt")["epoch"] == 0
    assert events_of(run_dir)[-1]["moment"] == "on_exception"


def test_last_pt_scores_like_the_model_it_was_made_from(config, run_dir, interrupted):
    interrupted(config("test_mlp", run_dir=str(run_dir)))
    model = load_model(run_dir / "last.pt")
    saved = read(run_dir / "last.pt")["model"]["weights"]
    assert all(torch.equal(saved[k], v) for k, v in model_payload(model)["weights"].items())
