"""One process at a time in a run directory."""

import errno
import fcntl
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap

import pytest

from thesis_facts import LockedError, RunError, locks, run_lock, write_atomic
from thesis_facts.locks import lock_holder

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


def test_what_a_killed_process_left_half_written_is_removed(tmp_path):
    """Only that: neither whole files nor hidden ones of somebody else."""
    write_atomic(tmp_path / "last.pt", lambda file: file.write(b"whole"))
    for folder in (tmp_path, tmp_path / "facts", tmp_path / "scores"):
        folder.mkdir(exist_ok=True)
        (folder / ".last.pt.123-0123abcd.tmp").write_bytes(b"half")
    (tmp_path / ".mine.tmp").write_text("")
    hold(tmp_path)
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"last.pt", ".mine.tmp", ".lock"}


@pytest.fixture(params=[errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK])
def no_locks(request, monkeypatch):
    """A file system that refuses locks."""

    def refuse(*_: object) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", refuse)


def claim(run_dir, **holder):
    text = json.dumps({"pid": 1, "host": socket.gethostname(), "since": "then"} | holder)
    (run_dir / ".lock.json").write_text(text)


def gone():
    """Id of a process that is no more."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.mark.usefixtures("no_locks")
def test_without_locks_the_file_that_names_the_holder_is_the_lock(tmp_path, caplog):
    with caplog.at_level(logging.WARNING), run_lock(tmp_path):
        assert "without locks" in caplog.text
        assert lock_holder(tmp_path).startswith(f"process {os.getpid()} on ")
        with pytest.raises(LockedError, match=f"found process {os.getpid()} .*delete"):
            hold(tmp_path)
    assert lock_holder(tmp_path) is None
    hold(tmp_path)


@pytest.mark.usefixtures("no_locks")
def test_without_locks_a_dead_holder_of_this_machine_is_not_in_the_way(tmp_path):
    claim(tmp_path, pid=gone())
    assert lock_holder(tmp_path) is None
    hold(tmp_path)
    claim(tmp_path, pid=gone(), host="another-machine")
    with pytest.raises(LockedError, match="on another-machine"):
        hold(tmp_path)
    (tmp_path / ".lock.json").write_text("{")  # killed while it wrote it
    with pytest.raises(LockedError, match=r"another process.*delete .*\.lock\.json"):
        hold(tmp_path)


def test_any_other_refusal_is_reported(tmp_path, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(fcntl, "flock", fail)
    with pytest.raises(RunError, match="Input/output error"):
        hold(tmp_path)


@pytest.mark.usefixtures("no_locks")
def test_without_locks_the_later_of_two_who_remove_the_same_dead_holder_wins(tmp_path, monkeypatch):
    """The other one saw the dead holder too, and removed our file for it before we looked again."""
    other = {"pid": os.getpid() + 1, "host": "elsewhere", "since": "now"}
    monkeypatch.setattr(
        locks.time, "sleep", lambda _: (tmp_path / ".lock.json").write_text(json.dumps(other))
    )
    with pytest.raises(LockedError, match="elsewhere"), run_lock(tmp_path):
        pass
    assert json.loads((tmp_path / ".lock.json").read_text()) == other
