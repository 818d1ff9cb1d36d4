"""A run is mirrored while it trains, and trains as if nobody watched."""

import logging
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from killing import die, in_child
from small_runs import WANDB, numbers_of
from thesis_loops.engine import fit as fit_module
from thesis_loops.engine.signals import Interrupted
from thesis_loops.tracking import content, live
from thesis_loops.tracking.mirror import mirror_run
from thesis_loops.tracking.state import MirrorState, read_state, write_state
from wandb_files import read_offline
from wandb_server import API_KEY, SILENT, WandbServer

pytest.importorskip("wandb")


def at_step(epoch, step, act):
    """For `fit_module.seed_step`: act before that step of that epoch."""
    seed_step = fit_module.seed_step

    def seed_and_act(seed, at_epoch, at_step, rank):
        seed_step(seed, at_epoch, at_step, rank)
        if (at_epoch, at_step) == (epoch, step):
            act()

    return seed_and_act


def send_sigterm():
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def server(monkeypatch, tmp_path):
    for name in ("MODE", "DIR", "PROJECT", "ENTITY", "CACHE_DIR"):
        monkeypatch.delenv(f"WANDB_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_API_KEY", API_KEY)
    monkeypatch.setattr(live, "PATIENCE_S", 60.0)
    with WandbServer() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        yield server


@pytest.fixture
def mirrors(monkeypatch):
    """The processes beside the trainings of a test; none outlives it."""
    started = []

    class Recorded(subprocess.Popen):
        def __init__(self, *arguments, **keywords):
            self.waited_s = []
            super().__init__(*arguments, **keywords)
            if "thesis_loops.tracking" in arguments[0]:
                started.append(self)

        def wait(self, timeout=None):
            self.waited_s.append(timeout)
            return super().wait(timeout)

    monkeypatch.setattr(live.subprocess, "Popen", Recorded)
    yield started
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def mirrored(config, run_dir, server, mirrors):
    """The config of a run that is mirrored."""

    def make(**changes):
        shown = {"logging__use_wandb": True, "logging__wandb": WANDB, "run_dir": str(run_dir)}
        return config("test_mlp", **shown | changes)

    return make


def test_a_run_and_its_mirror_end_together_and_the_key_shows_nowhere(
    train, mirrored, server, run_dir, tmp_path, mirrors, caplog
):
    caplog.set_level(logging.INFO)
    results = train(mirrored(logging__wandb=WANDB | {"log_artifacts": True}))
    run = server.runs["run"]
    assert (run.state, run.steps) == ("finished", [0, 1, 2, 3])
    assert run.summary["test/loss"] == results["test_loss"]
    assert content.summary(run_dir).items() <= run.summary.items()
    assert server.artifacts["run-best"]["files"] == ["best_val.pt"]
    assert mirrors[0].returncode == 0
    assert f"at W&B: {server.url}" in caplog.text
    assert not [record for record in caplog.records if record.levelname == "WARNING"]
    assert server.keys == {API_KEY}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in files if API_KEY.encode() in path.read_bytes()]
    assert not [word for word in (*mirrors[0].args, caplog.text) if API_KEY in str(word)]


@pytest.mark.slow
def test_rows_arrive_while_the_run_trains(train, mirrored, server, monkeypatch):
    def wait_for_two_epochs():
        server.wait_for(lambda s: "run" in s.runs and s.runs["run"].steps == [0, 1])
        assert server.runs["run"].state == "running"

    monkeypatch.setattr(fit_module, "seed_step", at_step(2, 0, wait_for_two_epochs))
    train(mirrored())
    assert server.runs["run"].steps == [0, 1, 2, 3]


@pytest.mark.parametrize("mode", [401, 500, SILENT, "slow", "refused"])
def test_no_server_changes_a_run_or_its_end(
    train, config, mirrored, server, run_dir, tmp_path, mirrors, monkeypatch, caplog, mode
):
    train(config("test_mlp", run_dir=str(tmp_path / "alone")))
    if mode == "refused":
        monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    elif mode == "slow":
        server.delay_s = 600.0
    else:
        server.mode = mode
    if mode != 401:  # which is told at once; in the others W&B never says anything
        monkeypatch.setattr(live, "PATIENCE_S", 0.1)
    train(mirrored())
    assert numbers_of(run_dir) == numbers_of(tmp_path / "alone")
    assert server.runs == {}
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert f"thesis-wandb migrate {run_dir}" in warnings[0]
    assert API_KEY not in caplog.text


def test_once_w_and_b_did_not_answer_the_end_does_not_wait_for_it(
    train, mirrored, server, run_dir, mirrors, monkeypatch, caplog
):
    """The mirror has said that it waits itself."""

    def stand_still_and_wait():
        os.kill(mirrors[0].pid, signal.SIGSTOP)
        write_state(run_dir, MirrorState("waiting", reason="no answer"))

    monkeypatch.setattr(fit_module, "seed_step", at_step(0, 0, stand_still_and_wait))
    train(mirrored())
    assert mirrors[0].waited_s[0] == 0
    assert mirrors[0].poll() is None
    assert "(no answer)" in caplog.text


def test_an_interrupted_run_goes_on_as_the_same_run_with_each_epoch_once(
    train, mirrored, server, run_dir, mirrors
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit_module, "seed_step", at_step(2, 2, send_sigterm))
        with pytest.raises(Interrupted):
            train(mirrored())
    server.wait_for(lambda s: "run" in s.runs and s.runs["run"].state == "preempted")
    assert server.runs["run"].steps == [0, 1]
    assert server.runs["run"].summary["status"] == "incomplete"
    train(mirrored(resume="auto"))
    (run,) = server.runs.values()
    assert (run.state, run.steps) == ("finished", [0, 1, 2, 3])
    for (_, row), arrived in zip(content.epoch_rows(run_dir), run.history, strict=False):
        assert arrived["val/loss"] == row["val/loss"]
    assert content.summary(run_dir).items() <= run.summary.items()


def test_a_trainer_that_is_killed_leaves_a_failed_run_that_can_go_on(
    train, mirrored, server, run_dir
):
    def die_in_epoch_2():
        fit_module.seed_step = at_step(2, 1, die)  # in a copy of this process
        train(mirrored())

    assert in_child(die_in_epoch_2) == -signal.SIGKILL
    server.wait_for(lambda s: "run" in s.runs and s.runs["run"].state == "failed")
    assert server.runs["run"].steps == [0, 1]
    train(mirrored(resume="auto"))
    assert (server.runs["run"].state, server.runs["run"].steps) == ("finished", [0, 1, 2, 3])


def test_a_mirror_that_is_killed_costs_one_line(
    train, mirrored, server, run_dir, mirrors, monkeypatch, caplog
):
    def kill_mirror():
        os.killpg(mirrors[0].pid, signal.SIGKILL)
        mirrors[0].wait()

    monkeypatch.setattr(fit_module, "seed_step", at_step(1, 0, kill_mirror))
    results = train(mirrored())
    assert results["best_epoch"] >= 0
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "its process died" in warnings[0]
    assert "when it is over, send it" in warnings[0]
    wandb = pytest.importorskip("wandb")
    try:
        mirror_run(run_dir, live.WandbSettings(**WANDB))
    finally:
        wandb.teardown()
    assert (server.runs["run"].state, server.runs["run"].steps) == ("finished", [0, 1, 2, 3])


def test_offline_a_run_waits_in_its_directory(train, mirrored, server, run_dir, caplog):
    caplog.set_level(logging.INFO)
    train(mirrored(logging__wandb=WANDB | {"mode": "offline"}))
    (run,) = read_offline(run_dir)
    assert [row["_step"] for row in run.history] == [0, 1, 2, 3]
    assert (run.exit_code, server.asked) == (0, [])
    assert f"thesis-wandb sync {run_dir}" in caplog.text


def test_offline_what_is_not_written_yet_is_sent_once_it_is(
    train, mirrored, server, run_dir, mirrors, monkeypatch, caplog
):
    monkeypatch.setattr(live, "PATIENCE_S", 0)
    train(mirrored(logging__wandb=WANDB | {"mode": "offline"}))
    (warning,) = [record.getMessage() for record in caplog.records]
    assert f"thesis-wandb sync {run_dir}" in warning


def test_the_mirror_yields_to_the_training_and_is_not_reached_by_what_stops_it(
    train, mirrored, run_dir, mirrors, monkeypatch
):
    """Nice counts within a session alone where Linux groups processes by sessions."""
    seen = []

    def look():
        pid = mirrors[0].pid
        while read_state(run_dir) is None and mirrors[0].poll() is None:
            time.sleep(0.05)
        seen.append((os.getpriority(os.PRIO_PROCESS, pid), os.getsid(pid) == os.getsid(0)))
        seen.append((os.getpgid(pid) == os.getpgid(0), os.getpgid(pid) == pid))

    monkeypatch.setattr(fit_module, "seed_step", at_step(0, 0, look))
    train(mirrored(logging__wandb=WANDB | {"mode": "offline"}))
    assert seen == [(19, True), (False, True)]


def test_a_training_that_uses_the_library_itself_is_mirrored_apart(
    train, mirrored, server, mirrors, monkeypatch
):
    for name, value in {"SERVICE": "3-1-unix-/none", "RUN_ID": "other", "RESUME": "must"}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    train(mirrored())
    assert {name: run.state for name, run in server.runs.items()} == {"run": "finished"}


def test_without_a_folder_a_line_says_how_to_send_it_later(
    train, mirrored, run_dir, mirrors, caplog
):
    run_dir.mkdir(parents=True)
    (run_dir / "wandb").write_text("a file")
    results = train(mirrored())
    assert results["best_epoch"] >= 0
    (warning,) = [record.getMessage() for record in caplog.records]
    assert f"when it is over, send it with: thesis-wandb migrate {run_dir}" in warning
    assert mirrors == []


def test_disabled_by_the_environment_nothing_is_started(
    train, mirrored, run_dir, mirrors, monkeypatch, caplog
):
    monkeypatch.setenv("WANDB_MODE", "disabled")
    train(mirrored())
    assert (mirrors, caplog.records) == ([], [])
    assert not (run_dir / "wandb").exists()


def test_without_the_library_a_line_says_what_to_install(
    train, mirrored, run_dir, mirrors, monkeypatch, caplog
):
    monkeypatch.setattr(live.importlib.util, "find_spec", lambda name: None)
    train(mirrored())
    assert mirrors == []
    assert [record.getMessage() for record in caplog.records] == [
        "logging.use_wandb needs the extra wandb: pip install 'thesis-loops[wandb]'; "
        "the run goes on without"
    ]


def test_without_a_key_a_line_says_where_to_put_one(
    train, mirrored, server, run_dir, mirrors, monkeypatch, caplog
):
    monkeypatch.delenv("WANDB_API_KEY")
    monkeypatch.setattr("thesis_loops.tracking.library.find_api_key", lambda: None)
    monkeypatch.chdir(Path("/"))
    train(mirrored())
    assert "no key for W&B; set WANDB_API_KEY" in caplog.text
    assert read_state(run_dir).state == "failed"
    assert server.asked == []
