"""Interrupted runs end with the numbers of uninterrupted ones, bit for bit."""

import signal

import pytest
import torch

from small_runs import events_of, numbers_of
from thesis_data.config import DataConfig
from thesis_data.toy_dataset import ensure_dataset
from thesis_facts.errors import ConfigError, DataError, RunError
from thesis_loops.engine import fit as fit_module
from thesis_loops.engine.checkpoints import Checkpoints
from thesis_loops.engine.signals import Interrupted, StopSignals


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


@pytest.mark.parametrize(("epoch", "step"), [(0, 0), (1, 3), (2, 7)])
def test_resumed_stream_equals_uninterrupted_stream(
    epoch, step, config, train, tmp_path, streamed, interrupted, caplog
):
    caplog.set_level("INFO", "thesis_data")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    expected = train(config("transformer_classifier", run_dir=str(whole), **streamed))
    assert caplog.text.count("streamed from disk") == len(("train", "val", "test"))
    interrupted(config("transformer_classifier", run_dir=str(cut), **streamed), epoch, step)
    resumed = config("transformer_classifier", run_dir=str(cut), resume="auto", **streamed)
    assert train(resumed) == expected
    assert numbers_of(cut) == numbers_of(whole)


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


def test_which_signals_mean_save_and_leave_is_config(config, train, run_dir, interrupt_at):
    signals = {"stop_signals": ["SIGUSR2", "SIGXCPU"]}
    interrupt_at(1, 1, signal.SIGXCPU)
    with pytest.raises(Interrupted, match="SIGXCPU") as stop:
        train(config("test_mlp", run_dir=str(run_dir), **signals))
    assert stop.value.exit_code == 85


@pytest.fixture
def ctrl_c_counts():
    """Ctrl-C as in a terminal: a shell has what it starts in the background ignore it."""
    former = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, former)


@pytest.mark.usefixtures("ctrl_c_counts")
def test_a_second_ctrl_c_leaves_at_once_other_signals_wait():
    with StopSignals(["SIGTERM"], saved=True) as stop:
        for _ in range(3):  # a launcher may insist
            signal.raise_signal(signal.SIGTERM)
        assert stop.received == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


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


def test_what_changes_no_number_may_change_on_resume(config, train, run_dir, tmp_path, interrupted):
    train(config("test_mlp", run_dir=str(tmp_path / "whole")))
    interrupted(config("test_mlp", run_dir=str(run_dir)))
    free = {"checkpoint_every_s": 1e-9, "stop_signals": [], "job_id": "7", "env__data_root": "b"}
    train(config("test_mlp", run_dir=str(run_dir), resume="auto", **free))
    assert numbers_of(run_dir) == numbers_of(tmp_path / "whole")


def test_a_machine_that_computes_otherwise_is_named(config, train, run_dir, interrupted, caplog):
    interrupted(config("test_mlp", run_dir=str(run_dir)))
    interrupted(config("test_mlp", run_dir=str(run_dir), resume="auto"), epoch=2, step=3)
    assert caplog.text == ""
    threads = torch.get_num_threads()
    torch.set_num_threads(threads + 1)
    try:
        train(config("test_mlp", run_dir=str(run_dir), resume="auto"))
    finally:
        torch.set_num_threads(threads)
    assert f"going on with threads {threads} -> {threads + 1}: numbers may differ" in caplog.text


@pytest.mark.parametrize("every", [None, 1e-9, 3600])
def test_checkpoints_inside_an_epoch_are_as_good_as_those_at_its_end(
    every, loop, config, train, run_dir, tmp_path, monkeypatch
):
    """The run dies with the last checkpoint that was due, not with one made for its death."""
    train(config(loop, run_dir=str(tmp_path / "whole")))

    def die(seed: int, epoch: int, step: int, rank: int) -> None:
        if (epoch, step) == (1, 3):
            raise SystemExit
        seed_step(seed, epoch, step, rank)

    seed_step = fit_module.seed_step
    with monkeypatch.context() as patch:
        patch.setattr(fit_module, "seed_step", die)
        with pytest.raises(SystemExit):
            train(config(loop, run_dir=str(run_dir), checkpoint_every_s=every))
    saved = torch.load(run_dir / "last.pt", weights_only=True)
    assert (saved["epoch"], saved["step"]) == ((1, 3) if every == 1e-9 else (1, 0))
    train(config(loop, run_dir=str(run_dir), resume="auto"))
    assert numbers_of(run_dir) == numbers_of(tmp_path / "whole")


def test_a_run_without_a_checkpoint_goes_on_as_itself(config, train, run_dir, monkeypatch):
    """Its facts tell which config it had and which run it is."""

    def die(*_: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(fit_module, "seed_step", die)
        with pytest.raises(SystemExit):
            train(config("test_mlp", run_dir=str(run_dir)))
    assert not (run_dir / "last.pt").exists()
    with pytest.raises(ConfigError, match=r"trainer\.lr: 0\.001 -> 0\.5"):
        train(config("test_mlp", run_dir=str(run_dir), resume="auto", trainer__lr=0.5))
    train(config("test_mlp", run_dir=str(run_dir), resume="auto"))
    assert len({event["meta"]["run_id"] for event in events_of(run_dir)}) == 1


@pytest.mark.parametrize("has_checkpoint", [True, False])
def test_other_events_under_the_same_name_are_refused(
    has_checkpoint, config, train, run_dir, tmp_path, interrupted
):
    path = tmp_path / "events.h5"
    ensure_dataset(DataConfig(path=str(path), synthetic={"n_events": 300, "seed": 1}))
    changes = {"run_dir": str(run_dir), "data__path": str(path)}
    interrupted(config("transformer_classifier", **changes))
    if not has_checkpoint:
        (run_dir / "last.pt").unlink()
        (run_dir / "last.prev.pt").unlink()
    original = path.read_bytes()
    path.unlink()
    with pytest.raises(DataError):
        train(config("transformer_classifier", **changes, resume="auto"))
    ensure_dataset(DataConfig(path=str(path), synthetic={"n_events": 300, "seed": 2}))
    with pytest.raises(RunError, match=r"data set changed.*events\.h5.*SHA-256"):
        train(config("transformer_classifier", **changes, resume="auto"))
    path.write_bytes(original)
    train(config("transformer_classifier", **changes, resume="auto"))
