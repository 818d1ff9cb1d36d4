"""One process at a time in a run directory."""

import signal
import subprocess
import sys
import textwrap

import pytest

from thesis_facts import LockedError, RunError, run_lock

HOLD = """
    import sys, time
    from thesis_facts import run_lock
    with run_lock(sys.argv[1]):
        print("held", flush=True)
        time.sleep(60)
"""


def hold(run_dir):
    """Take the lock of a run and give it back."""
    with run_lock(run_dir):
        pass


@pytest.fixture
def holder(tmp_path):
    """Another process that holds the lock of a run."""
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(HOLD), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_refused_and_told_who_holds_the_run(holder, tmp_path):
    with pytest.raises(LockedError, match=f"in use: found process {holder.pid} on "):
        hold(tmp_path)
    with pytest.raises(LockedError, match=f"process {holder.pid} "):  # asking spoils nothing
        hold(tmp_path)


def test_a_process_that_was_killed_holds_nothing(holder, tmp_path):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (tmp_path / ".lock.json").exists()  # it had no time to clean up
    hold(tmp_path)
    assert not (tmp_path / ".lock.json").exists()


def test_two_runs_of_one_process_exclude_each_other_too(tmp_path):
    with run_lock(tmp_path), pytest.raises(LockedError), run_lock(tmp_path):
        pass
    with run_lock(tmp_path):
        pass


def test_a_run_that_fails_frees_its_directory(tmp_path):
    with pytest.raises(KeyError), run_lock(tmp_path):
        raise KeyError
    with run_lock(tmp_path):
        pass


def test_a_directory_that_can_t_be_written_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="can't write"), run_lock(tmp_path / "file"):
        pass


def test_who_holds_it_may_be_unreadable(tmp_path):
    with run_lock(tmp_path):
        (tmp_path / ".lock.json").write_text("{")
        with pytest.raises(LockedError, match="another process"), run_lock(tmp_path):
            pass
