"""A sweep knows its points, and how far each of them is."""

import json
import os
from dataclasses import replace

import pytest

from thesis_facts import (
    Point,
    RunError,
    SweepPlan,
    append_jsonl_event,
    build_event_payload,
    read_plan,
    run_lock,
    sweep_progress,
    write_plan,
    write_pointer,
)
from thesis_facts.cli import main
from thesis_facts.sweep_text import progress_text
from thesis_facts.sweeps import PointProgress


@pytest.fixture
def sweep(tmp_path):
    """Directory of a sweep whose four points are in four states."""
    directory = tmp_path / "outputs" / "multiruns" / "exp_x"
    runs = tmp_path / "outputs" / "runs"
    points = tuple(Point(n, str(runs / f"run_x_job{n:03d}"), (f"lr={n}",)) for n in range(4))
    plan = SweepPlan(str(tmp_path), ("--config-dir=/mine",), ("lr=0,1,2,3",), (), points)
    write_plan(directory, plan)
    for n, moment in ((0, "on_train_end"), (1, "on_exception"), (2, "on_start")):
        error = {"error": "no luck"} if moment == "on_exception" else {}
        event = build_event_payload(moment, run_dir=points[n].run_dir, **error)
        append_jsonl_event(points[n].run_dir, event)
    return directory


def states(sweep):
    return [point.state for point in sweep_progress(sweep)]


def test_points_have_states_and_reasons(sweep):
    assert states(sweep) == ["complete", "crashed", "incomplete", "missing"]
    progress = sweep_progress(sweep)
    assert progress[1].detail == "no luck"
    with run_lock(progress[3].point.run_dir):
        running = sweep_progress(sweep)[3]
    assert running.state == "running"
    assert f"process {os.getpid()}" in running.detail


def test_a_plan_moves_with_its_output_root(sweep, tmp_path):
    plan = read_plan(sweep)
    (tmp_path / "outputs").rename(tmp_path / "moved")
    moved = read_plan(tmp_path / "moved" / "multiruns" / "exp_x")
    assert moved.task == plan.task == ("lr=0,1,2,3",)
    assert moved.points[2].run_dir == str(tmp_path / "moved" / "runs" / "run_x_job002")
    assert states(tmp_path / "moved" / "multiruns" / "exp_x")[:2] == ["complete", "crashed"]


def test_a_sweep_without_a_list_has_the_points_of_its_pointers(sweep):
    points = sweep_progress(sweep)
    write_pointer(sweep, 1, points[1].point.run_dir, ["lr=1"])
    (sweep / "sweep.json").unlink()
    assert read_plan(sweep) is None
    (only,) = sweep_progress(sweep)
    assert (only.point, only.state) == (points[1].point, "crashed")


@pytest.mark.parametrize(
    "change",
    [
        {"points": 3},
        {"points": [{"job": 0}]},
        {"points": [{"job": 0, "run_dir": "../../../elsewhere", "overrides": []}]},
        {"points": [{"job": 0, "run_dir": "/etc", "overrides": []}]},
        {"overrides": None},
        {"flags": "--config-dir=x"},
    ],
)
def test_a_plan_from_elsewhere_is_refused_in_one_message(sweep, change):
    path = sweep / "sweep.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(RunError):
        read_plan(sweep)


def test_list_says_what_is_missing_and_why(sweep, capsys):
    write_pointer(sweep, 2, sweep_progress(sweep)[2].point.run_dir, ["lr=2"])
    with run_lock(sweep_progress(sweep)[2].point.run_dir):
        assert main(["list", str(sweep)]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[1].split()[:2] == ["run_x_job002", "running"]
    text = said.err.splitlines()
    assert text[0].endswith("exp_x: 4 points, 1 complete, 1 crashed, 1 missing, 1 running")
    assert text[1] == "  job 1  crashed: no luck"
    assert text[2].startswith(f"  job 2  running: process {os.getpid()} on ")
    assert text[3] == "  job 3  missing: never began"
    assert text[4].startswith("  to go on: thesis-train --continue ")
    assert len(text) == 5


def test_a_planned_sweep_is_listed_before_any_of_it_has_begun(tmp_path, capsys):
    sweep = tmp_path / "multiruns" / "exp_x"
    points = tuple(Point(job, str(tmp_path / "runs" / f"run_x_job{job}"), ()) for job in range(3))
    write_plan(sweep, SweepPlan(str(tmp_path), (), (), (), points))
    assert main(["list", str(sweep)]) == 0
    assert "3 points, 3 missing" in capsys.readouterr().err
    assert main(["check", str(sweep)]) == 1
    assert "never began: jobs 0-2" in capsys.readouterr().out


def test_jobs_that_are_alike_share_a_line_and_a_whole_sweep_needs_no_advice():
    def points(*states):
        return [
            PointProgress(Point(n, "", ()), state, detail)
            for n, (state, detail) in enumerate(states)
        ]

    lost, crashed = ("missing", None), ("crashed", "no luck\nin detail")
    text = progress_text("s", points(lost, crashed, lost, lost, lost, crashed))
    assert text.splitlines()[1:3] == ["  jobs 0, 2-4  missing", "  jobs 1, 5  crashed: no luck"]
    whole = points(("complete", None), ("running", "process 1"))
    assert progress_text("s", whole).splitlines()[1:] == ["  job 1  running: process 1"]


def test_an_interrupted_point_says_how_far_it_came(sweep):
    point = sweep_progress(sweep)[2]
    assert point.detail == "ended before its first epoch did"
    event = build_event_payload("on_epoch_end", run_dir=point.point.run_dir, epoch=4)
    append_jsonl_event(point.point.run_dir, event)
    assert sweep_progress(sweep)[2].detail == "ended after 5 epochs"


@pytest.mark.parametrize(
    "marks",
    [{"point_by_point": True}, {"hydra": ("hydra/launcher=submitit_slurm",)}],
    ids=["planned", "slurm"],
)
def test_points_that_may_wait_in_a_queue_did_not_fail(sweep, capsys, marks):
    write_plan(sweep, replace(read_plan(sweep), **marks))
    assert read_plan(sweep).may_wait
    write_pointer(sweep, 2, sweep_progress(sweep)[2].point.run_dir, ["lr=2"])
    assert main(["list", str(sweep)]) == 0
    text = capsys.readouterr().err.splitlines()
    assert text[0].endswith("exp_x: 4 points, 1 complete, 1 crashed, 1 stopped, 1 to begin")
    command = f"thesis-train --continue {sweep}"
    assert text[1:] == [
        "  job 1  crashed: no luck",
        "  job 2  stopped, to go on: ended before its first epoch did",
        "  job 3  to begin",
        f"  jobs in a queue begin and go on by themselves; if there are none, submit the rest "
        f"again, or run it here: {command}",
    ]


def test_where_all_of_a_planned_sweep_failed_nothing_waits():
    crashed = [PointProgress(Point(0, "", ()), "crashed", "no luck")]
    text = progress_text("s", crashed, may_wait=True)
    assert text.splitlines()[-1] == "  to go on: thesis-train --continue s"


def test_an_older_plan_does_not_say_that_jobs_run_its_points(sweep):
    content = json.loads((sweep / "sweep.json").read_text())
    assert content.pop("point_by_point") is False
    (sweep / "sweep.json").write_text(json.dumps(content))
    assert not read_plan(sweep).may_wait


def test_check_counts_and_misses_what_never_began(sweep, capsys):
    assert main(["check", str(sweep.parents[1] / "runs"), str(sweep)]) == 1
    said = capsys.readouterr().out
    assert f"{sweep}: wrong\n  wrong  never began: job 3\n3 runs: 3 wrong\n" in said


def test_check_calls_a_run_that_just_started_running(tmp_path, capsys):
    run_dir = tmp_path / "run"
    (run_dir / "facts").mkdir(parents=True)
    with run_lock(run_dir):
        assert main(["check", str(run_dir)]) == 0
    said = capsys.readouterr().out
    assert f"{run_dir}: running" in said
    assert f"process {os.getpid()}" in said
    assert main(["check", str(run_dir)]) == 1  # the process is gone, and left nothing
