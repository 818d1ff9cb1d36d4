"""``thesis-facts watch``: what stands in the terminal, and how it is left."""

import doctest
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import textwrap
import time
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest

from thesis_facts import (
    Point,
    SweepPlan,
    append_jsonl_event,
    append_scalars_csv,
    build_event_payload,
    read_plan,
    run_lock,
    sweeps,
    watch_text,
    watched_run,
    watched_sweeps,
    write_plan,
)
from thesis_facts.cli import main
from thesis_facts.scalars_tail import Progress
from thesis_facts.watch import watch
from thesis_facts.watch_text import short_run_names, view_text
from thesis_facts.watched_lock import Holder
from thesis_facts.watched_run import RunView
from thesis_facts.watched_sweeps import SweepView, View, Watched

CODE = "import sys; from thesis_facts.cli import main; sys.exit(main(sys.argv[1:]))"
ENTER, LEAVE, HOME = b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[H"


def plan(directory, n_points):
    run_dirs = [directory / "runs" / f"run_x_job{n}" for n in range(n_points)]
    points = tuple(Point(n, str(path), (f"lr={n}",)) for n, path in enumerate(run_dirs))
    sweep = directory / "multiruns" / "exp_x"
    write_plan(sweep, SweepPlan(str(directory), (), (), (), points))
    return sweep, run_dirs


@pytest.fixture
def sweep(make_run, tmp_path):
    """A sweep whose command ended: complete, crashed, interrupted, never began."""
    sweep, run_dirs = plan(tmp_path, 4)
    make_run(run_dirs[0])
    make_run(run_dirs[1], end="on_exception")
    make_run(run_dirs[2], end=None)
    for held in (run_dirs[2], sweep):
        with run_lock(held):
            pass
    return sweep


def output(capsys, *arguments):
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


def test_one_look_shows_every_point_and_the_command_that_goes_on(sweep, capsys):
    lines = output(capsys, "watch", "--once", sweep).splitlines()
    assert lines[0] == "exp_x: 4 runs, 1 complete, 1 crashed, 1 incomplete, 1 to begin"
    assert lines[1] == "[##################......]  75% of the epochs"
    assert lines[3:6] == [
        "failed",
        "  job1  crashed: RuntimeError: loss is not finite",
        "  job2  incomplete: ended after 3 of 3 epochs",
    ]
    assert lines[7].split() == ["complete", "AUROC", "val", "loss", "in", "epoch", "epochs"]
    assert lines[8].split() == ["job0", "0.75", "0.5", "2", "3", "lr=0"]
    assert lines[-2:] == [
        f"to go on: thesis-train --continue {sweep}",
        "nothing is left to happen here",
    ]


def test_a_whole_sweep_ends_with_the_command_of_its_report(tmp_path, make_run, capsys):
    sweep, run_dirs = plan(tmp_path, 1)
    make_run(run_dirs[0])
    text = output(capsys, "watch", sweep)  # no terminal: it looks once
    assert f"\nreport: thesis-report inputs.sweep_dir={sweep}\n" in text
    assert "\x1b" not in text


def test_what_failed_is_told_how_to_go_on_also_while_the_others_run(sweep, capsys):
    with run_lock(sweep):
        text = output(capsys, "watch", sweep)
    assert f"once it has ended, to go on with what failed: thesis-train --continue {sweep}" in text
    assert "no run is alive, but the command of the sweep is" in text
    assert "nothing is left" not in text


def test_a_folder_and_a_single_run_can_be_watched_too(sweep, capsys):
    runs = sweep.parents[1] / "runs"
    text = output(capsys, "watch", runs)
    assert text.startswith("runs: 3 runs, 1 complete, 1 crashed, 1 incomplete\n")
    text = output(capsys, "watch", runs / "run_x_job0")
    assert text.startswith("run_x_job0: 1 run, 1 complete\n")
    assert "\n  run_x_job0  " in text


def test_a_place_that_is_not_there_and_an_odd_interval_are_mistakes(tmp_path, capsys):
    assert main(["watch", str(tmp_path / "nowhere")]) == 1
    assert "thesis-facts: no such directory: " in capsys.readouterr().err
    for seconds in ("0", "-1", "nan", "soon"):
        with pytest.raises(SystemExit):
            main(["watch", "--every", seconds, str(tmp_path)])
        assert "--every" in capsys.readouterr().err


def test_nothing_of_a_run_reaches_the_terminal_as_a_command(tmp_path, make_run, capsys):
    run_dir = make_run(tmp_path / "runs" / "run_\x1b[2J\n\r\u202e\udcff_a", end=None)
    error = "\x1b]0;title\x07 failed\r\x9b2J\nmore"
    append_jsonl_event(run_dir, build_event_payload("on_exception", run_dir=None, error=error))
    (tmp_path / "runs" / "evil\x1b[31m").mkdir()
    text = output(capsys, "watch", tmp_path / "runs")
    assert "  run_?[2J????_a  crashed: ?]0;title? failed??2J\n" in text
    assert "evil?[31m  passed over: not a run directory" in text
    assert all(line.isprintable() for line in text.split("\n"))


def test_what_waits_in_a_queue_stands_apart_from_what_failed(sweep, capsys):
    write_plan(sweep, replace(read_plan(sweep), point_by_point=True))
    lines = output(capsys, "watch", sweep).splitlines()
    assert lines[0] == "exp_x: 4 runs, 1 complete, 1 crashed, 1 stopped, 1 to begin"
    assert lines[3:8] == [
        "failed",
        "  job1  crashed: RuntimeError: loss is not finite",
        "",
        "stopped, to go on",
        "  job2  ended after 3 of 3 epochs",
    ]
    command = f"thesis-train --continue {sweep}"
    assert lines[-2:] == [
        f"jobs in a queue begin and go on by themselves; if there are none, submit the rest "
        f"again, or run it here: {command}",
        "no run is alive",
    ]


def test_who_holds_a_sweep_elsewhere_is_named(sweep, capsys):
    holder = {"pid": 1, "host": "node7", "since": "2026-01-01T00:00:00+00:00"}
    (sweep / ".lock.json").write_text(json.dumps(holder))
    lines = output(capsys, "watch", sweep).splitlines()
    held = "held by process 1 on node7 since 2026-01-01T00:00:00+00:00"
    assert lines[-2:] == [
        f"{held}; if that is gone: thesis-train --continue {sweep}",
        "no run is alive",
    ]


def test_each_sweep_that_is_whole_has_its_report(sweep, tmp_path, make_run, capsys):
    (tmp_path / "other").mkdir()
    whole, run_dirs = plan(tmp_path / "other", 1)
    make_run(run_dirs[0])
    text = output(capsys, "watch", sweep, whole)
    assert f"to go on: thesis-train --continue {sweep}\n" in text
    assert f"report: thesis-report inputs.sweep_dir={whole}\n" in text


def test_a_folder_without_runs_is_no_failure(tmp_path, capsys):
    (tmp_path / "outputs").mkdir()
    text = output(capsys, "watch", tmp_path / "outputs")
    assert text == "outputs: 0 runs\n\nno runs yet in outputs\n"
    assert main(["watch", str(tmp_path / "elsewhere")]) == 1


# --- the text


def run_view(n, state="running", reason=None, auroc=None):
    progress = Progress(3, 0.5, 0.6, 0.55, 1, auroc, 2.0, 100.0)
    return RunView(f"/runs/run_x_job{n:03d}", state, reason, 10, progress, 14.0)


def many_runs():
    runs = [run_view(n) for n in range(100)]
    runs += [run_view(n, "crashed", f"nan in step {n}") for n in range(100, 150)]
    runs += [run_view(n, "incomplete", "killed") for n in range(150, 160)]
    runs += [run_view(n, "complete", auroc=n / 1000) for n in range(160, 300)]
    holder = Holder("process 1 on here", None, 0.0)
    sweep = SweepView("exp_x", holder, False, tuple(run.run_dir for run in runs))
    return View(runs, {}, [sweep], [])


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 12), (200, 50), (80, 8), (20, 5)])
def test_three_hundred_runs_fit_into_the_terminal(width, height):
    lines = view_text("exp_x", many_runs(), width, height)
    rows = [row for line in lines for row in textwrap.wrap(line, width) or [""]]
    assert len(rows) <= height
    assert all(len(line) <= width for line in lines if "--continue" not in line)
    assert lines[0].startswith("exp_x: 300 runs, 10")
    if height >= 24:
        text = "\n".join(lines)
        assert text.count("  job0") >= 3  # those that are alive
        assert "more\n" in text
        assert "  job100, job101 and 48 more  crashed: nan in step 100\n" in text
        assert "  job299" in text  # the best
        assert "thesis-train --continue" in text


@pytest.mark.parametrize("n_sweeps", [1, 3, 7, 12, 30])
@pytest.mark.parametrize(("width", "height"), [(80, 22), (100, 38), (40, 12), (80, 8), (20, 3)])
def test_many_sweeps_fit_into_the_terminal(n_sweeps, width, height):
    runs, sweeps = [], []
    for k in range(n_sweeps):
        runs += [run_view(4 * k, "crashed", "no luck"), run_view(4 * k + 1, "complete")]
        run_dirs = tuple(run.run_dir for run in runs[-2:])
        sweeps.append(SweepView(f"/home/me/outputs/multiruns/exp_{k:02d}", None, False, run_dirs))
    lines = view_text("multiruns", View(runs, {}, sweeps, []), width, height)
    rows = [row for line in lines for row in textwrap.wrap(line, width) or [""]]
    assert len(rows) <= height
    assert lines[0].startswith("multiruns: ")
    if height >= 22:
        n_shown = sum("thesis-train --continue" in line for line in lines)
        assert n_shown == n_sweeps or f"… and {n_sweeps - n_shown} more sweeps" in lines
        assert n_shown >= min(n_sweeps, 7 if height == 22 else 15)
        assert lines[-1] == "nothing is left to happen here"


@pytest.mark.parametrize("height", [0, 1, 2])
def test_no_height_is_too_small(height):
    view = many_runs()
    assert len(view_text("exp_x", view, 80, height)) <= height + 2


def test_a_reason_is_cut_before_its_columns_are_counted(monkeypatch):
    counted, columns = [], watch_text._columns
    monkeypatch.setattr(watch_text, "_columns", lambda line: counted.append(line) or columns(line))
    reason = "é" * 20_000
    lines = view_text("runs", View([run_view(1, "crashed", reason)], {}, [], []), 80, 24)
    (line,) = [line for line in lines if "crashed: " in line]
    assert line.endswith("é…")
    assert len(line) == 80
    assert sum(map(len, counted)) < 3 * len(reason)


def test_without_a_limit_all_is_shown():
    lines = view_text("exp_x", many_runs())
    assert sum("3/10" in line for line in lines) == 100


def test_the_room_that_one_table_leaves_goes_to_the_others():
    view = many_runs()
    few = View([run for run in view.runs if run.state != "running"], {}, [], [])
    text = "\n".join(view_text("exp_x", few, 80, 24))
    assert "more\n" not in text.replace("and 48 more", "").replace("and 8 more", "")


def test_the_best_are_those_of_highest_auroc_else_of_lowest_loss():
    view = many_runs()
    view.runs.append(run_view(300, "complete"))  # no AUROC: behind all that have one
    lines = view_text("exp_x", view)
    start = next(n for n, line in enumerate(lines) if line.startswith("best of 141 complete"))
    assert [line.split()[0] for line in lines[start + 1 : start + 4]] == [
        "job299",
        "job298",
        "job297",
    ]
    losses = [
        RunView(f"/runs/job{n}", "complete", None, 3, Progress(3, best_loss=loss, best_epoch=2))
        for n, loss in enumerate((0.5, None, 0.3))
    ]
    lines = view_text("runs", View(losses, {}, [], []))
    assert "AUROC" not in "\n".join(lines)
    assert [line.split()[0] for line in lines[4:7]] == ["job2", "job0", "job1"]


def test_those_that_may_be_gone_stand_first():
    runs = [run_view(1), run_view(2, "silent", "silent for 12 min, on node7")]
    lines = view_text("runs", View(runs, {}, [], []))
    assert lines[4].startswith("  job002")
    assert lines[4].endswith("silent for 12 min, on node7")


def test_names_lose_what_they_share_and_never_all():
    assert list(short_run_names(["/a/run_1_job01", "/a/run_1_job02"]).values()) == [
        "job01",
        "job02",
    ]
    assert list(short_run_names(["/a/run_1", "/b/run_1"]).values()) == ["1", "1"]
    assert list(short_run_names(["/a/run_", "/b/run_"]).values()) == ["run_", "run_"]
    assert list(short_run_names(["/a/run_1"]).values()) == ["run_1"]


@pytest.mark.parametrize("module", [sweeps, watch_text, watched_run, watched_sweeps])
def test_docstring_examples_run(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


# --- a real terminal


class Terminal:
    """A pseudo-terminal with a watch in it; ``text`` is all that it was sent."""

    def __init__(self, arguments, rows=24, columns=100, every="0.1", stderr=None):
        self.side, inner = pty.openpty()
        self.resize(rows, columns)
        command = [sys.executable, "-c", CODE, "watch", "--every", every, *map(str, arguments)]
        # a group of its own, as a shell does: else nobody could let it go on, and it can't stop
        self.process = subprocess.Popen(
            command, stdout=inner, stderr=stderr or inner, process_group=0
        )
        os.close(inner)
        self.text = b""

    def resize(self, rows, columns):
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.side, termios.TIOCSWINSZ, size)

    def read_until(self, expected, start=0):
        """Read until something appears behind a position; where it ends."""
        deadline = time.monotonic() + 60
        while self.text.find(expected, start) < 0:
            assert time.monotonic() < deadline, self.text[-2000:]
            if select.select([self.side], [], [], 1)[0]:
                self.text += os.read(self.side, 1 << 16)
        return self.text.find(expected, start) + len(expected)

    def finish(self):
        """Exit code; reads on meanwhile, as a terminal does."""
        try:
            while data := os.read(self.side, 1 << 16):
                self.text += data
        except OSError:  # nobody has the other side any more
            pass
        return self.process.wait()


@contextmanager
def terminal(*arguments, **size):
    shown = Terminal(arguments, **size)
    try:
        yield shown
    finally:
        shown.process.kill()
        shown.process.wait()
        os.close(shown.side)


@pytest.fixture
def running(make_run, tmp_path):
    """A sweep of two points: one runs, the other is still to begin."""
    sweep, run_dirs = plan(tmp_path, 2)
    make_run(run_dirs[0], end=None)
    with ExitStack() as held:
        held.enter_context(run_lock(sweep))
        held.enter_context(run_lock(run_dirs[0]))
        yield sweep, run_dirs, held


def test_the_view_follows_the_runs_and_ends_by_itself(running, make_run):
    sweep, run_dirs, held = running
    with terminal(sweep) as shown:
        at = shown.read_until(b"2 runs, 1 running, 1 to begin")
        assert shown.text.startswith(ENTER)
        append_scalars_csv(run_dirs[0], {"epoch": 3, "split": "val", "val_loss": 0.25})
        at = shown.read_until(b"4/3", at)
        make_run(run_dirs[1])
        at = shown.read_until(b"1 running, 1 complete", at)
        append_jsonl_event(run_dirs[0], build_event_payload("on_train_end", run_dir=None))
        at = shown.read_until(b"2 runs, 2 complete", at)
        assert LEAVE not in shown.text  # the command of the sweep is not over
        held.close()
        assert shown.finish() == 0
    last = shown.text.partition(LEAVE)[2].decode()
    assert last.startswith("exp_x: 2 runs, 2 complete\r\n")
    command = f"report: thesis-report inputs.sweep_dir={sweep}"  # whole, for copying
    assert last.endswith(f"\r\n{command}\r\nnothing is left to happen here\r\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_whatever_ends_it_the_terminal_is_as_it_was(running, number, code):
    with terminal(running[0]) as shown:
        shown.read_until(HOME)
        shown.process.send_signal(number)
        assert shown.finish() == code
    assert b"\x1b[?25h" + LEAVE in shown.text
    assert b"Traceback" not in shown.text


def test_a_terminal_that_changes_its_size_is_drawn_anew(running):
    with terminal(running[0], rows=24, columns=100, every="600") as shown:
        at = shown.read_until(b"\x1b[J")
        shown.resize(10, 30)
        at = shown.read_until(HOME, at)
        end = shown.read_until(b"\x1b[J", at)
        lines = shown.text[at:end].decode().split("\r\n")
    assert len(lines) <= 10
    widths = [len(line.replace("\x1b[K", "").replace("\x1b[J", "")) for line in lines]
    assert max(widths) <= 30, lines


def test_what_vanishes_under_the_view_is_told_in_it(running, tmp_path):
    sweep, run_dirs, _ = running
    with terminal(sweep) as shown:
        at = shown.read_until(b"1 running")
        (run_dirs[0] / "facts").rename(tmp_path / "facts")
        at = shown.read_until(b"its events went away", at)
        (tmp_path / "facts").rename(run_dirs[0] / "facts")
        shown.read_until(b"1 running, 1 to begin", at)
    assert b"Traceback" not in shown.text


def test_it_ends_when_two_looks_find_it_over(tmp_path, monkeypatch):
    over, alive = (View([run_view(1, state)], {}, [], []) for state in ("complete", "running"))
    looks = [over, alive, over, over]
    side, inner = pty.openpty()
    with monkeypatch.context() as patch, open(inner, "w") as stdout:
        patch.setattr(Watched, "look", lambda _: looks.pop(0))
        patch.setattr(sys, "stdout", stdout)
        watch([str(tmp_path)], every=0.1)
        patch.undo()
    os.close(side)
    assert not looks


def test_ctrl_z_gives_the_terminal_back_until_the_watch_goes_on(running):
    with terminal(running[0], every="600") as shown:
        at = shown.read_until(b"\x1b[J")
        shown.process.send_signal(signal.SIGTSTP)
        assert os.WIFSTOPPED(os.waitpid(shown.process.pid, os.WUNTRACED)[1])
        at = shown.read_until(b"\x1b[?25h" + LEAVE, at)
        shown.process.send_signal(signal.SIGCONT)
        at = shown.read_until(ENTER, at)
        at = shown.read_until(b"2 runs, 1 running", at)
        shown.process.send_signal(signal.SIGINT)
        assert shown.finish() == 0
    assert shown.text.find(LEAVE, at) > 0


def test_a_terminal_that_goes_away_ends_the_watch_without_a_word(running, tmp_path):
    with open(tmp_path / "said", "w+b") as said, terminal(running[0], stderr=said) as shown:
        shown.read_until(HOME)
        os.close(shown.side)
        assert shown.process.wait(30) == 129
        shown.side = os.open(os.devnull, os.O_RDONLY)
        said.seek(0)
        assert said.read() == b""


def test_looking_changes_nothing(sweep):
    def state():
        return {p: p.stat().st_mtime_ns for p in sweep.parents[1].rglob("*")}

    before = state()
    Watched([str(sweep)]).look()
    assert state() == before
