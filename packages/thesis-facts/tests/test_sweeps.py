"""A sweep knows its points, and how far each of them is."""

import json
import os

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


def test_list_says_what_is_missing(sweep, capsys):
    assert main(["list", str(sweep)]) in (0, None)
    said = capsys.readouterr().err
    assert "4 points, 1 complete, 1 crashed, 1 incomplete, 1 missing" in said


def test_check_calls_a_run_that_just_started_running(tmp_path, capsys):
    run_dir = tmp_path / "run"
    (run_dir / "facts").mkdir(parents=True)
    with run_lock(run_dir):
        assert main(["check", str(run_dir)]) == 0
    said = capsys.readouterr().out
    assert f"{run_dir}: running" in said
    assert f"process {os.getpid()}" in said
    assert main(["check", str(run_dir)]) == 1  # the process is gone, and left nothing
