"""Signals at moments when nothing trains: before it begins, and once a run is complete."""

import os
import signal
from typing import get_args

import pytest

import thesis_train.job
from command import QUICK
from thesis_facts import sweep_progress
from thesis_loops.config import StopSignal
from thesis_train.dispatch import find_loop
from thesis_train.stopping import asked_to_stop, heed, stoppable


@pytest.fixture
def signalled_at_the_end(monkeypatch):
    """Let every job get a SIGTERM once its run is complete, as while it is scored."""

    def find(name):
        loop = find_loop(name)

        def train(cfg):
            results = loop(cfg)
            os.kill(os.getpid(), signal.SIGTERM)
            return results

        return train

    monkeypatch.setattr(thesis_train.job, "find_loop", find)


@pytest.fixture
def signalled_at_the_beginning(monkeypatch):
    """Let every job get a SIGTERM before its loop did anything."""

    def find(name):
        def train(cfg):
            os.kill(os.getpid(), signal.SIGTERM)
            raise AssertionError("it goes on")

        return train

    monkeypatch.setattr(thesis_train.job, "find_loop", find)


@pytest.mark.usefixtures("signalled_at_the_end")
def test_a_sweep_stops_after_the_job_that_was_complete_already(thesis_train, tmp_path):
    done = thesis_train("--multirun", *QUICK, "general.trainer.seed=1,2")
    assert done.returncode == 85, done.stderr
    (sweep,) = (tmp_path / "outputs" / "multiruns").iterdir()
    assert [point.state for point in sweep_progress(sweep)] == ["complete", "missing"]
    assert "2: 1 complete (1 now), 1 missing" in done.stdout


@pytest.mark.usefixtures("signalled_at_the_end")
def test_a_run_that_is_complete_ends_well(thesis_train):
    done = thesis_train(*QUICK)
    assert done.returncode == 0, done.stderr
    assert "next" in done.stdout


@pytest.mark.usefixtures("signalled_at_the_beginning")
@pytest.mark.parametrize("more", [(), ("--multirun", "general.trainer.seed=1,2")])
def test_what_has_not_begun_ends_at_once(thesis_train, more):
    done = thesis_train(*QUICK, *more)
    assert done.returncode == 85
    assert "stopped by SIGTERM" in done.stderr


@pytest.mark.parametrize("name", get_args(StopSignal))
def test_every_signal_of_the_config_is_handled_outside_of_training(name):
    before = signal.getsignal(signal.Signals[name])
    with stoppable():
        heed([name])
        with pytest.raises(SystemExit) as end:
            signal.raise_signal(signal.Signals[name])
    assert end.value.code == 85
    assert signal.getsignal(signal.Signals[name]) == before
    assert asked_to_stop() is None


def test_ctrl_z_and_nohup_stay_what_they_are():
    former = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stoppable():
            assert signal.getsignal(signal.SIGTSTP) == signal.SIG_DFL
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            assert signal.getsignal(signal.SIGUSR2) != signal.SIG_DFL
    finally:
        signal.signal(signal.SIGHUP, former)
