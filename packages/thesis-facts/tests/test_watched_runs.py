"""What a watcher sees of runs: their states, from facts and locks alone."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thesis_facts import (
    Point,
    RunError,
    SweepPlan,
    append_jsonl_event,
    append_scalars_csv,
    build_event_payload,
    read_plan,
    run_lock,
    truncate_scalars,
    write_plan,
)
from thesis_facts.scalars_tail import ScalarsTail
from thesis_facts.watched_lock import WatchedLock
from thesis_facts.watched_run import WatchedRun
from thesis_facts.watched_sweeps import Watched

HOLD = """
import sys, time
from thesis_facts import run_lock
with run_lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def hold():
    """Start a process that holds a directory."""
    started = []

    def start(run_dir):
        command = [sys.executable, "-c", HOLD, str(run_dir)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def planned(tmp_path):
    """Directory of a sweep of four points, none of which began, and their directories."""
    run_dirs = [tmp_path / "outputs" / "runs" / f"run_x_job{n}" for n in range(4)]
    points = tuple(
        Point(n, str(run_dir), ("data.path=x.h5", f"trainer.lr={n}"))
        for n, run_dir in enumerate(run_dirs)
    )
    sweep = tmp_path / "outputs" / "multiruns" / "exp_x"
    write_plan(sweep, SweepPlan(str(tmp_path), (), (), (), points))
    return sweep, run_dirs


def look(run_dir, age_s=0.0):
    """State and reason of a run, as seen some time from now."""
    view = WatchedRun(str(run_dir)).look(time.time() + age_s)
    return view.state, view.reason


def name_holder(run_dir, host, pid=1):
    """Leave what a process of another machine leaves: a name, and no lock that is seen here."""
    (run_dir / ".lock").touch()
    holder = {"pid": pid, "host": host, "since": "2026-01-01T00:00:00+00:00"}
    (run_dir / ".lock.json").write_text(json.dumps(holder))


def test_the_points_of_a_sweep_are_all_there_and_named_apart(planned, make_run):
    sweep, run_dirs = planned
    make_run(run_dirs[0])
    make_run(run_dirs[1], end="on_exception")
    make_run(run_dirs[2], end=None)
    with run_lock(run_dirs[2]):
        view = Watched([str(sweep)]).look()
    assert [(run.state, run.reason) for run in view.runs] == [
        ("complete", None),
        ("crashed", "RuntimeError: loss is not finite"),
        ("running", None),
        ("missing", "never began"),
    ]
    assert list(view.settings.values()) == ["lr=0", "lr=1", "lr=2", "lr=3"]


def test_a_running_run_says_how_far_it_is_and_what_was_best(make_run, tmp_path, make_config):
    config = make_config()
    config["classifier"]["trainer"]["epochs"] = 10
    run_dir = make_run(tmp_path / "run", end=None, config=config, val_losses=(0.9, 0.5, 0.7))
    with run_lock(run_dir):
        view = WatchedRun(str(run_dir)).look(time.time())
    assert (view.progress.epochs, view.epochs) == (3, 10)
    assert (view.progress.train_loss, view.progress.val_loss) == (pytest.approx(0.8), 0.7)
    best = (view.progress.best_loss, view.progress.best_epoch, view.progress.best_auroc)
    assert best == (0.5, 1, 0.75)  # the AUROC of that epoch, as in the table of runs
    assert view.progress.throughput == 100.0
    assert 10 < view.left_s <= 7 * 2.0


def test_a_run_that_was_killed_is_no_longer_alive(make_run, tmp_path, hold):
    run_dir = make_run(tmp_path / "run", end=None)
    watched, process = WatchedRun(str(run_dir)), hold(run_dir)
    assert watched.look(time.time()).state == "running"
    process.send_signal(signal.SIGKILL)
    process.wait()
    for _ in range(2):  # also where it is remembered that nobody is there
        view = watched.look(time.time())
        assert (view.state, view.reason) == ("incomplete", "ended after 3 of 3 epochs")
    hold(run_dir)  # it goes on
    assert watched.look(time.time()).state == "running"


def test_a_process_that_is_alive_but_writes_nothing_says_so(make_run, tmp_path):
    run_dir = make_run(tmp_path / "run", end=None)
    with run_lock(run_dir):
        assert look(run_dir) == ("running", None)
        assert look(run_dir, 3600) == ("running", "silent for 1 h")


def test_from_another_machine_only_the_age_of_the_facts_tells(make_run, tmp_path):
    run_dir = make_run(tmp_path / "run", end=None)
    name_holder(run_dir, "node7")
    assert look(run_dir) == ("running", "on node7")
    assert look(run_dir, 720) == ("silent", "silent for 12 min, on node7")
    started = tmp_path / "started"  # no event yet: time to read data and compile
    started.mkdir()
    name_holder(started, "node7")
    assert look(started, 500) == ("running", "on node7")
    assert look(started, 700)[0] == "silent"


def test_long_epochs_may_be_silent_for_longer(make_run, tmp_path):
    run_dir = make_run(tmp_path / "run", end=None)
    for split in ("train", "val"):
        row = {"epoch": 3, "split": split, "val_loss": 0.4, "epoch_time_s": 4000.0}
        append_scalars_csv(run_dir, row)
    name_holder(run_dir, "node7")
    assert look(run_dir, 3600)[0] == "running"
    assert look(run_dir, 3 * 3600)[0] == "silent"


def test_a_name_left_by_a_dead_process_of_this_machine_means_nothing(make_run, tmp_path):
    run_dir = make_run(tmp_path / "run", end=None)
    name_holder(run_dir, os.uname().nodename, pid=2**22 + 1)
    assert look(run_dir)[0] == "incomplete"


def test_runs_of_earlier_code_have_no_lock_and_are_judged_by_their_facts(
    make_older_run, make_run, tmp_path
):
    assert look(make_older_run(tmp_path / "over")) == ("complete", None)
    run_dir = make_run(tmp_path / "run", end=None)
    assert look(run_dir) == ("running", "by its facts alone")
    reason = "ended after 3 of 3 epochs, silent for 2 d"
    assert look(run_dir, 2 * 86400) == ("incomplete", reason)


@pytest.mark.parametrize(
    ("spoil", "state", "reason"),
    [
        (lambda facts: (facts / "events.jsonl").write_text("garbage\n"), "incomplete", "no readab"),
        (lambda facts: (facts / "events.jsonl").write_text(""), "incomplete", "no readable event"),
        (lambda facts: (facts / "events.jsonl").mkdir(), "incomplete", "Is a directory"),
        (lambda facts: (facts.rmdir(), facts.write_text("a file")), "missing", "never began"),
        (lambda facts: (facts.rmdir(), facts.symlink_to("facts")), "unreadable", "symbolic links"),
        (lambda facts: None, "incomplete", "ended before it left an event"),
    ],
)
def test_garbage_is_shown_with_its_reason(tmp_path, spoil, state, reason):
    facts = tmp_path / "run" / "facts"
    facts.mkdir(parents=True)
    spoil(facts)
    found, why = look(facts.parent)
    assert found == state
    assert reason in why


def test_a_torn_line_hides_nothing(make_run, tmp_path):
    run_dir = make_run(tmp_path / "run", end=None)
    for name in ("events.jsonl", "scalars.csv"):
        with open(run_dir / "facts" / name, "ab") as file:
            file.write(b'{"moment": "on_ep' if name == "events.jsonl" else b"3,val,,0.0000")
    with run_lock(run_dir):
        view = WatchedRun(str(run_dir)).look(time.time())
    assert (view.state, view.progress.epochs, view.progress.best_loss) == ("running", 3, 0.5)


def test_without_scalars_the_last_event_tells(make_run, tmp_path):
    run_dir = make_run(tmp_path / "run")
    (run_dir / "facts" / "scalars.csv").unlink()
    assert WatchedRun(str(run_dir)).look(time.time()).state == "complete"
    run_dir = make_run(tmp_path / "other", end=None)
    (run_dir / "facts" / "scalars.csv").write_bytes(b"\xff\n1,2\n")
    progress = WatchedRun(str(run_dir)).look(time.time()).progress
    assert (progress.epochs, progress.val_loss, progress.best_loss) == (3, 0.7, None)


ROWS = st.tuples(st.floats(0.1, 9), st.sampled_from(["", "auroc", "a, quoted one"]))
STEPS = st.one_of(ROWS, st.integers(-1, 3), st.just(b"7,va"))


@settings(max_examples=60)
@given(steps=st.lists(STEPS, max_size=12))
def test_following_the_scalars_sees_what_reading_them_anew_sees(tmp_path_factory, steps):
    run_dir = tmp_path_factory.mktemp("run")
    (run_dir / "facts").mkdir()
    followed, epoch = ScalarsTail(str(run_dir)), 0
    for step in steps:
        if isinstance(step, tuple):  # an epoch, sometimes with a metric that is new
            loss, metric = step
            row = {"epoch": epoch, "epoch_time_s": loss, f"metric_{metric or 'acc'}": 0.5}
            append_scalars_csv(run_dir, row | {"split": "train", "train_loss": 2 * loss})
            append_scalars_csv(run_dir, row | {"split": "val", "val_loss": loss})
            epoch += 1
        elif isinstance(step, int):  # a resumed run goes back
            truncate_scalars(run_dir, step)
            epoch = min(epoch, step + 1)
        else:
            with open(run_dir / "facts" / "scalars.csv", "ab") as file:
                file.write(step)
        followed.update()
        anew = ScalarsTail(str(run_dir))
        anew.update()
        assert followed.progress == anew.progress
        assert followed.progress.epochs == epoch


@pytest.mark.parametrize("in_place", [True, False])
def test_a_file_that_was_written_anew_is_read_anew(tmp_path, in_place):
    facts = tmp_path / "facts"
    facts.mkdir()
    rows = ["epoch,split,val_loss", "0,val,0.5", "1,val,0.7"]
    (facts / "scalars.csv").write_text("\n".join(rows) + "\n")
    followed = ScalarsTail(str(tmp_path))
    followed.update()
    if in_place:  # the same file, another end
        (facts / "scalars.csv").write_text("\n".join([*rows[:2], "1,val,0.1", "2,val,0.3"]) + "\n")
    else:  # another file, the same end
        (facts / "new.csv").write_text("\n".join([rows[0], "0,val,0.1", rows[2]]) + "\n")
        (facts / "new.csv").rename(facts / "scalars.csv")
    followed.update()
    assert followed.progress.best_loss == 0.1


def test_the_lock_of_a_process_that_is_gone_is_not_tried_again(make_run, tmp_path, monkeypatch):
    run_dir = make_run(tmp_path / "run", end=None)
    name_holder(run_dir, os.uname().nodename, pid=2**22 + 1)
    watched = WatchedRun(str(run_dir))
    assert watched.look(time.time()).state == "incomplete"
    monkeypatch.setattr("fcntl.flock", lambda *_: pytest.fail("in the way of one that goes on"))
    assert watched.look(time.time()).state == "incomplete"


def test_only_what_changed_is_read_again(make_run, planned, monkeypatch):
    sweep, run_dirs = planned
    for run_dir in run_dirs[:3]:
        make_run(run_dir)
    make_run(run_dirs[3], end=None)
    opened, real = [], os.open
    with run_lock(run_dirs[3]):
        watched = Watched([str(sweep)])
        watched.look()
        append_jsonl_event(run_dirs[3], build_event_payload("on_epoch_end", run_dir=None, epoch=3))
        append_scalars_csv(run_dirs[3], {"epoch": 3, "split": "val", "val_loss": 0.1})

        def counting(path, *arguments, **more):
            opened.append(os.fspath(path))
            return real(path, *arguments, **more)

        monkeypatch.setattr(os, "open", counting)
        assert watched.look().runs[3].progress.best_epoch == 3
    assert opened
    assert all(path.startswith(str(run_dirs[3])) for path in opened)


def test_runs_that_appear_are_picked_up_and_those_that_go_are_told(make_run, tmp_path):
    runs = tmp_path / "runs"
    runs.mkdir()
    watched = Watched([str(runs)])
    view = watched.look()
    assert (view.runs, view.is_over) == ([], False)
    assert (view.passed_over, view.empty) == ([], [str(runs)])
    make_run(runs / "run_a")
    (runs / "notes").mkdir()
    view = watched.look()
    assert [run.state for run in view.runs] == ["complete"]
    assert view.passed_over == [(str(runs / "notes"), "not a run directory")]
    shutil.rmtree(runs / "run_a")
    make_run(runs / "run_b")
    view = watched.look()
    assert [run.reason for run in view.runs] == ["its directory went away", None]


def test_wildcards_are_expanded_anew(make_run, tmp_path):
    make_run(tmp_path / "run_a")
    watched = Watched([str(tmp_path / "run_*")])
    make_run(tmp_path / "run_b")
    assert len(watched.look().runs) == 2
    with pytest.raises(RunError, match=r"no such directory: .*nowhere"):
        Watched([str(tmp_path / "nowhere")])


def test_a_plan_that_cant_be_read_is_told_and_its_runs_are_found_all_the_same(make_run, planned):
    sweep, run_dirs = planned
    make_run(run_dirs[0])
    (sweep / "sweep.json").write_text('{"points": [')
    view = Watched([str(sweep), str(run_dirs[0])]).look()
    assert [run.state for run in view.runs] == ["complete"]
    assert "can't read" in view.passed_over[0][1]


def test_a_sweep_takes_as_long_as_what_is_left_at_the_number_that_runs_at_once(
    planned, make_run, make_config
):
    sweep, run_dirs = planned
    config = make_config()
    config["classifier"]["trainer"]["epochs"] = 10
    for run_dir in run_dirs[:2]:
        make_run(run_dir, end=None, config=config)  # 3 of 10 epochs of 2 s
    with run_lock(run_dirs[0]), run_lock(run_dirs[1]):
        view = Watched([str(sweep)]).look(os.stat(run_dirs[1] / ".lock.json").st_mtime)
        assert view.left_s == pytest.approx((2 * 14 + 2 * 20) / 2, abs=2)
        assert view.fraction_done == pytest.approx(6 / 40)
    assert Watched([str(sweep)]).look().left_s is None  # nothing runs


def test_it_is_over_when_nothing_is_left_to_happen(planned, make_run):
    sweep, run_dirs = planned
    watched = Watched([str(sweep)])
    make_run(run_dirs[0])
    with run_lock(sweep):
        assert not watched.look().is_over  # between two jobs
    assert watched.look().is_over  # the command ended; it starts nothing any more
    with run_lock(run_dirs[1]):
        assert not watched.look().is_over
    run_dirs[2].mkdir(parents=True)
    name_holder(run_dirs[2], "node7")
    assert not watched.look(time.time() + 86400).is_over  # nobody here can tell


@pytest.mark.parametrize(
    "marks",
    [{"point_by_point": True}, {"hydra": ("hydra/launcher=submitit_slurm",)}],
    ids=["planned", "slurm"],
)
def test_what_may_wait_in_a_queue_neither_failed_nor_is_over(planned, make_run, marks):
    sweep, run_dirs = planned
    with run_lock(sweep):  # as whoever plans it does
        write_plan(sweep, replace(read_plan(sweep), **marks))
    watched = Watched([str(sweep)])
    for run_dir in run_dirs[:3]:
        make_run(run_dir)
    assert not watched.look().is_over  # one is still to begin
    make_run(run_dirs[3], end=None)
    with run_lock(run_dirs[3]):
        pass  # evicted: it waits again
    view = watched.look()
    stopped = view.runs[3]
    assert (stopped.state, stopped.reason) == ("stopped", "ended after 3 of 3 epochs")
    assert not view.is_over
    append_jsonl_event(run_dirs[3], build_event_payload("on_exception", run_dir=None, error="no"))
    assert watched.look().is_over  # no queue goes on with what failed


def test_what_is_stopped_counts_for_the_time_that_is_left(planned, make_run, make_config):
    sweep, run_dirs = planned
    config = make_config()
    config["classifier"]["trainer"]["epochs"] = 10
    write_plan(sweep, replace(read_plan(sweep), point_by_point=True))
    for run_dir in run_dirs[:2]:
        make_run(run_dir, end=None, config=config)  # 3 of 10 epochs of 2 s
    with run_lock(run_dirs[1]):
        pass
    with run_lock(run_dirs[0]):
        view = Watched([str(sweep)]).look(os.stat(run_dirs[0] / ".lock.json").st_mtime)
    assert view.left_s == pytest.approx(14 + 14 + 2 * 20, abs=2)


def test_a_sweep_of_another_machine_is_held_while_it_has_work(planned, make_run):
    sweep, run_dirs = planned
    name_holder(sweep, "node7")
    for run_dir in run_dirs[:3]:
        make_run(run_dir)
    view = Watched([str(sweep)]).look(time.time() + 30 * 86400)
    assert not view.is_over
    assert view.sweeps[0].holder.name == "process 1 on node7 since 2026-01-01T00:00:00+00:00"
    make_run(run_dirs[3])
    assert Watched([str(sweep)]).look().is_over


def test_a_run_that_ends_during_a_look_is_complete(make_run, tmp_path, monkeypatch):
    run_dir = make_run(tmp_path / "run", end=None)
    holder = WatchedLock.holder

    def too_late(lock):
        if not ended:
            append_jsonl_event(run_dir, build_event_payload("on_train_end", run_dir=None))
            ended.append(True)
        return holder(lock)

    with run_lock(run_dir):
        pass
    ended = []
    monkeypatch.setattr(WatchedLock, "holder", too_late)
    assert look(run_dir) == ("complete", None)


def test_in_a_folder_of_sweeps_all_of_them_are_watched(planned):
    sweep, _ = planned
    view = Watched([f"{sweep.parent}/"]).look()  # as a shell completes it
    assert [run.state for run in view.runs] == ["missing"] * 4
    assert ([s.path for s in view.sweeps], view.passed_over, view.empty) == ([str(sweep)], [], [])
    view = Watched([str(sweep.parent), str(sweep)]).look()
    assert len(view.sweeps) == 1


@pytest.mark.parametrize("places", [("exp_x", "."), (".", "exp_x")])
def test_a_sweep_keeps_its_settings_where_its_runs_are_found_again(planned, make_run, places):
    sweep, run_dirs = planned
    for run_dir in run_dirs:
        make_run(run_dir)
    names = {"exp_x": str(sweep), ".": str(sweep.parents[1])}
    view = Watched([names[place] for place in places]).look()
    assert sorted(view.settings.values()) == ["lr=0", "lr=1", "lr=2", "lr=3"]
