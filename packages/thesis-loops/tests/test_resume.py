"""Interrupted runs end with the numbers of uninterrupted ones, bit for bit."""

import signal
import subprocess
import sys
import time

import pytest

from small_runs import events_of, numbers_of
from thesis_loops.engine.checkpoints import Checkpoints
from thesis_loops.engine.signals import Interrupted


@pytest.mark.parametrize("ema_decay", [None, 0.9])
@pytest.mark.parametrize(("epoch", "step"), [(0, 0), (1, 2), (1, -1), (2, -1)])
def test_resumed_run_equals_uninterrupted_run(
    ema_decay, epoch, step, loop, config, train, tmp_path, interrupt_at, monkeypatch
):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    expected = train(config(loop, run_dir=str(whole), trainer__ema_decay=ema_decay))
    n_steps = 5 if loop == "test_mlp" else 8
    interrupt_at(epoch, step % n_steps, signal.SIGTERM)
    with pytest.raises(Interrupted) as stop:
        train(config(loop, run_dir=str(cut), trainer__ema_decay=ema_decay))
    assert stop.value.exit_code == 85
    assert events_of(cut)[-1]["moment"] in ("on_start", "on_epoch_end")
    monkeypatch.undo()
    results = train(config(loop, run_dir=str(cut), trainer__ema_decay=ema_decay, resume="auto"))
    assert results == expected
    assert numbers_of(cut) == numbers_of(whole)
    assert len({event["meta"]["run_id"] for event in events_of(cut)}) == 1
    assert events_of(cut)[-1]["histories"].keys() == events_of(whole)[-1]["histories"].keys()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 85), (signal.SIGUSR1, 85)]
)
def test_exit_codes(number, code, config, train, run_dir, interrupt_at):
    before = signal.getsignal(number)
    interrupt_at(1, 1, number)
    with pytest.raises(Interrupted) as stop:
        train(config("test_mlp", run_dir=str(run_dir)))
    assert stop.value.exit_code == code
    assert signal.getsignal(number) is before


def test_a_run_without_a_directory_does_not_claim_to_be_saved(config, train, interrupt_at):
    interrupt_at(1, 1, signal.SIGINT)
    with pytest.raises(Interrupted, match="no directory"):
        train(config("test_mlp"))


def test_resume_auto_starts_a_run_that_never_began(config, train, run_dir):
    train(config("test_mlp", run_dir=str(run_dir), resume="auto"))
    assert events_of(run_dir)[-1]["moment"] == "on_train_end"


def test_a_run_killed_before_its_first_checkpoint_leaves_no_row_twice(
    config, train, run_dir, tmp_path, monkeypatch
):
    """Facts of an epoch are written before the checkpoint: the power may fail between them."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    train(config("test_mlp", run_dir=str(tmp_path / "whole")))
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", die)
        with pytest.raises(KeyboardInterrupt):
            train(config("test_mlp", run_dir=str(run_dir)))
    train(config("test_mlp", run_dir=str(run_dir), resume="auto"))
    assert numbers_of(run_dir) == numbers_of(tmp_path / "whole")


@pytest.mark.slow
def test_kill_nine_then_resume(config, train, tmp_path):
    """A process killed at an arbitrary instant leaves a run that resumes to the same numbers."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    train(config("test_mlp", run_dir=str(whole), trainer__epochs=60))
    killed = config("test_mlp", run_dir=str(cut), trainer__epochs=60, resume="auto")
    code = f"from thesis_loops.test_mlp import train; train({killed!r})"
    for delay in (0.05, 0.2, 0.4):
        process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
        events = cut / "facts" / "events.jsonl"
        size = events.stat().st_size if events.exists() else 0
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if events.exists() and events.stat().st_size > size:  # it has begun
                break
            time.sleep(0.01)
        time.sleep(delay)
        process.kill()
        process.wait()
    train(killed)
    assert numbers_of(cut) == numbers_of(whole)
