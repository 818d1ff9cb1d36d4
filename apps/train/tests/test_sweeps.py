"""Sweeps that are killed, and go on: each point is run to its end once."""

import json
import os
import signal
from pathlib import Path

import pytest

from command import LONG, QUICK, Started, run, start, sweep_in
from thesis_facts import run_lock, sweep_progress
from thesis_train.job import record_failure

# Four points of about a tenth of a second, one of which can't be right.
POINTS = (
    "loop=test_mlp",
    "general.trainer.epochs=60",
    "data.n_samples=200",
    "general.trainer.lr=1e-3,2e-3,-1,3e-3",
)


def states(sweep: Path) -> list[str]:
    return [point.state for point in sweep_progress(sweep)]


def stamps(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def ends(sweep: Path) -> list[int]:
    """How often each point's training ended well."""
    found = []
    for point in sweep_progress(sweep):
        events = Path(point.point.run_dir) / "facts" / "events.jsonl"
        found.append(events.read_text().count('"moment": "on_train_end"') if events.exists() else 0)
    return found


def kill_in_job(folder: Path, job: int, *arguments: str) -> None:
    """Run a command and SIGKILL it while a job trains."""
    process = start(folder, *arguments)

    def trains() -> bool:
        found = list(folder.glob(f"outputs/runs/*_job{job:03d}/last.pt"))
        return bool(found) and (found[0].parent / ".lock.json").exists()

    process.wait_for(trains)
    process.send(signal.SIGKILL)
    assert process.end().returncode == -signal.SIGKILL


@pytest.fixture
def finished(tmp_path):
    """A folder with a sweep of two points: one complete, one crashed."""
    done = run(tmp_path, "--multirun", *QUICK, "general.trainer.lr=1e-3,-1")
    assert done.returncode == 1
    return tmp_path


def test_a_sweep_that_is_killed_twice_goes_on(tmp_path):
    kill_in_job(tmp_path, 1, "--multirun", *POINTS)
    sweep = sweep_in(tmp_path)
    assert states(sweep) == ["complete", "incomplete", "missing", "missing"]
    first = Path(sweep_progress(sweep)[0].point.run_dir)
    before = stamps(first)

    kill_in_job(tmp_path, 3, "--continue", str(sweep))
    assert states(sweep) == ["complete", "complete", "crashed", "incomplete"]

    done = run(tmp_path, "--continue", str(sweep))
    assert done.returncode == 1, done.stderr
    assert states(sweep) == ["complete", "complete", "crashed", "complete"]
    assert "4: 3 complete (1 now), 1 failed" in done.stdout
    assert "job 2      failed: wrong value: general.trainer.lr: found -1" in done.stdout
    assert ends(sweep) == [1, 1, 0, 1]
    assert stamps(first) == before
    assert len(list((tmp_path / "outputs" / "runs").iterdir())) == 4


def test_a_stopped_sweep_says_how_to_go_on(tmp_path):
    process = start(tmp_path, "--multirun", *LONG, "general.trainer.seed=1,2")
    process.wait_for(lambda: list(tmp_path.glob("outputs/runs/*/last.pt")))
    process.send(signal.SIGTERM)
    done = process.end()
    assert done.returncode == 85, done.stderr
    assert states(sweep_in(tmp_path)) == ["incomplete", "missing"]
    command = done.stdout.splitlines()[-1].partition("thesis-train ")[2].split()
    assert command == ["--continue", f"outputs/multiruns/{sweep_in(tmp_path).name}"]

    process = start(tmp_path, *command)
    (begun,) = tmp_path.glob("outputs/runs/*_job000")
    size = (begun / "facts" / "scalars.csv").stat().st_size
    process.wait_for(lambda: (begun / "facts" / "scalars.csv").stat().st_size > size)
    process.send(signal.SIGINT)
    assert process.end().returncode == 130
    assert states(sweep_in(tmp_path)) == ["incomplete", "missing"]


def test_a_point_that_runs_elsewhere_is_left_alone(finished):
    sweep = sweep_in(finished)
    crashed = Path(sweep_progress(sweep)[1].point.run_dir)
    with run_lock(crashed):
        done = run(finished, "--continue", str(sweep))
    assert done.returncode == 0, done.stdout
    assert "2: 1 complete (0 now), 1 running elsewhere" in done.stdout
    assert f"process {os.getpid()} on" in done.stdout


def test_a_sweep_is_not_gone_on_with_twice_at_once(finished):
    sweep = sweep_in(finished)
    with run_lock(sweep):
        done = run(finished, "--continue", str(sweep))
    assert done.returncode == 1
    assert "is in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_sweep_does_not_replace_another(finished):
    sweep = sweep_in(finished)
    before = (sweep / "sweep.json").read_text()
    done = run(finished, "--multirun", *QUICK, "general.trainer.lr=1,2", f"hydra.sweep.dir={sweep}")
    assert done.returncode == 1
    assert "already holds a sweep" in done.stderr
    assert (sweep / "sweep.json").read_text() == before


def test_a_moved_sweep_goes_on_where_it_is_now(finished):
    moved = finished / "moved"
    (finished / "outputs").rename(moved)
    done = run(finished, "--continue", str(next((moved / "multiruns").iterdir())))
    assert "2: 1 complete (0 now), 1 failed" in done.stdout
    assert not (finished / "outputs").exists()


def test_a_point_without_a_config_is_a_fact_and_the_others_run(tmp_path):
    group = tmp_path / "mine" / "classifier" / "experiment"
    group.mkdir(parents=True)
    (group / "good.yaml").write_text("# @package _global_\n")
    (group / "bad.yaml").write_text("# @package _global_\ndefaults: [override /data: nowhere]\n")
    flags = ("--config-dir=mine", "classifier/experiment=bad,good")
    done = run(tmp_path, "--multirun", *QUICK, *flags)
    assert done.returncode == 1
    assert states(sweep_in(tmp_path)) == ["crashed", "complete"], done.stderr + done.stdout
    assert "data/nowhere" in done.stdout


def test_an_error_in_a_loop_is_a_fact_at_once(tmp_path):
    overrides = ("general.trainer.lr=1e30,1e-3", "general.trainer.grad_clip=1e30")
    done = run(tmp_path, "--multirun", *QUICK, *overrides)
    assert done.returncode == 1
    assert states(sweep_in(tmp_path)) == ["crashed", "complete"], done.stdout
    assert "loss is not finite" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--continue"], "which sweep"),
        (["--continue", "nowhere"], "no sweep to go on with"),
        (["--continue", "SWEEP", "general.trainer.lr=3"], "its own config"),
        (["--continue", "SWEEP", "hydra.launcher.n_jobs=2"], "n_jobs"),
    ],
)
def test_what_can_not_be_gone_on_with(finished, arguments, word):
    words = [str(sweep_in(finished)) if word == "SWEEP" else word for word in arguments]
    done = run(finished, *words)
    assert done.returncode == 1
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_a_sweeper_that_chooses_one_point_after_another_has_no_plan(finished):
    sweep = sweep_in(finished)
    plan = json.loads((sweep / "sweep.json").read_text())
    (sweep / "sweep.json").write_text(json.dumps(plan | {"points": None}))
    assert states(sweep) == ["complete", "crashed"]  # of the pointers
    done = run(finished, "--continue", str(sweep))
    assert done.returncode == 1
    assert "one after another" in done.stderr


def kill_a_worker(folder: Path, process: Started, killed: set[int]) -> None:
    """Kill the process of a point that has trained a while, other than those of before."""
    pids: list[int] = []

    def trains() -> bool:
        holders = {
            json.loads(path.read_text())["pid"]
            for path in folder.glob("outputs/runs/*/.lock.json")
            if (path.parent / "last.pt").exists()
        }
        pids[:] = holders - killed
        return bool(pids)

    process.wait_for(trains)
    killed.update(pids)
    os.kill(pids[0], signal.SIGKILL)


@pytest.mark.slow
def test_a_sweep_over_processes_loses_one_and_goes_on(tmp_path):
    """A worker is killed, and others with it: the sweep starts them anew."""
    joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    process = start(tmp_path, "--multirun", *POINTS, "general.trainer.epochs=600", *joblib)
    kill_a_worker(tmp_path, process, set())
    done = process.end()
    assert done.returncode == 1
    assert "a process of the sweep was killed" in done.stderr
    assert "Traceback" not in done.stderr
    sweep = sweep_in(tmp_path)
    assert states(sweep) == ["complete", "complete", "crashed", "complete"], done.stderr
    assert ends(sweep) == [1, 1, 0, 1]
    facts = [Path(p.point.run_dir) / "facts" / "events.jsonl" for p in sweep_progress(sweep)]
    assert all('"threads": 1' in path.read_text() for path in facts[:2])


@pytest.mark.slow
def test_a_point_that_is_killed_each_time_does_not_keep_a_sweep_for_ever(tmp_path):
    joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    process = start(tmp_path, "--multirun", *LONG, "general.trainer.seed=1,2", *joblib)
    killed: set[int] = set()
    kill_a_worker(tmp_path, process, killed)
    process.wait_for(lambda: "going on with" in process.err.read_text())
    killed.update(
        json.loads(path.read_text())["pid"] for path in tmp_path.glob("outputs/runs/*/.lock.json")
    )
    kill_a_worker(tmp_path, process, killed)
    done = process.end()
    assert done.returncode == 1
    assert done.stderr.count("a process of the sweep was killed") == 2
    assert states(sweep_in(tmp_path)) == ["incomplete", "incomplete"]


@pytest.mark.parametrize("torn", ["", '{"schema_version": 1, "mom'])
def test_a_point_that_was_killed_while_it_wrote_its_first_fact_goes_on(tmp_path, torn):
    done = run(tmp_path, "--multirun", *QUICK, "general.trainer.seed=1,2")
    assert done.returncode == 0, done.stderr
    begun = Path(sweep_progress(sweep_in(tmp_path))[1].point.run_dir)
    for path in [*begun.glob("*.pt"), *(begun / "facts").iterdir()]:
        path.unlink()
    (begun / "facts" / "events.jsonl").write_text(torn)
    assert states(sweep_in(tmp_path)) == ["complete", "incomplete"]
    done = run(tmp_path, "--continue", str(sweep_in(tmp_path)))
    assert done.returncode == 0, done.stderr
    assert states(sweep_in(tmp_path)) == ["complete", "complete"]


@pytest.mark.parametrize("words", [["--continue", "SWEEP"], ["--continue=SWEEP"]])
def test_a_sweep_goes_on_from_another_folder(finished, words):
    sweep = sweep_in(finished)
    there = finished / "there"
    there.mkdir()
    given = f"../outputs/multiruns/{sweep.name}"
    done = run(there, *[word.replace("SWEEP", given) for word in words])
    assert done.returncode == 1
    assert f"--continue {sweep}" in done.stdout  # pasteable there
    assert f"inputs.sweep_dir={sweep}" in done.stdout


def test_a_sweep_whose_folder_is_gone_says_so(finished):
    sweep = sweep_in(finished)
    plan = json.loads((sweep / "sweep.json").read_text())
    (sweep / "sweep.json").write_text(json.dumps(plan | {"cwd": str(finished / "gone")}))
    done = run(finished, "--continue", str(sweep))
    assert f"{finished / 'gone'}, where this sweep was started, is gone" in done.stderr
    assert f"--continue outputs/multiruns/{sweep.name}" in done.stdout


def test_a_failure_is_not_recorded_in_the_run_of_another_process(finished):
    complete, crashed = (Path(p.point.run_dir) for p in sweep_progress(sweep_in(finished)))
    before = (complete / "facts" / "events.jsonl").read_text()
    record_failure(complete, ValueError("already holds a run"))
    assert (complete / "facts" / "events.jsonl").read_text() == before
    (crashed / "facts" / "events.jsonl").unlink()
    with run_lock(crashed):
        record_failure(crashed, ValueError("too late"))
    assert not (crashed / "facts" / "events.jsonl").exists()
