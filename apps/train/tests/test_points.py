"""Sweeps that are written down first, and whose points are run one by one."""

import json
import signal
from pathlib import Path

import pytest

from command import LONG, QUICK, run, start, sweep_in
from thesis_facts import read_events, run_lock, sweep_progress
from thesis_facts.discovery import find_pointers

SEEDS = "general.trainer.seed=1,2,3"
CALLED = "general.trainer.lr=1e-3,2e-3"


def plan(folder: Path, *words: str) -> Path:
    done = run(folder, "--plan", *words)
    assert done.returncode == 0, done.stderr
    return sweep_in(folder)


def states(sweep: Path) -> list[str]:
    return [point.state for point in sweep_progress(sweep)]


def run_dir(sweep: Path, job: int) -> Path:
    return Path(sweep_progress(sweep)[job].point.run_dir)


def losses(folder: Path) -> dict[str, list[float]]:
    """Losses of all epochs; times differ from run to run."""
    (end,) = [event for event in read_events(folder) if event["moment"] == "on_train_end"]
    found = {name: values for name, values in end["histories"].items() if "loss" in name}
    assert found
    return found


def test_a_planned_sweep_knows_all_points_and_has_run_none(tmp_path):
    done = run(tmp_path, "--plan", *QUICK, SEEDS)
    assert done.returncode == 0, done.stderr
    sweep = sweep_in(tmp_path)
    assert states(sweep) == ["missing"] * 3
    overrides = [point.point.overrides[-1] for point in sweep_progress(sweep)]
    assert overrides == [f"general.trainer.seed={seed}" for seed in (1, 2, 3)]
    assert not (tmp_path / "outputs" / "runs").exists()
    assert f"outputs/multiruns/{sweep.name}" in done.stdout
    assert "3, none of which has run" in done.stdout


def test_an_experiment_that_is_a_sweep_can_be_planned(tmp_path):
    words = ["classifier/experiment=attention_biases", "classifier.trainer.epochs=1"]
    points = sweep_progress(plan(tmp_path, *words))
    assert len(points) > 2
    assert len({point.point.overrides for point in points}) == len(points)


def test_points_run_beside_one_another_and_the_rest_goes_on(tmp_path):
    sweep = plan(tmp_path, *QUICK, SEEDS)
    there = tmp_path / "there"  # as on another machine, in the home directory
    there.mkdir()
    started = [start(there, "--continue", str(sweep), f"--job={job}") for job in (2, 0)]
    for process in started:
        done = process.end()
        assert done.returncode == 0, done.stderr
    assert states(sweep) == ["complete", "missing", "complete"]
    assert [(job, Path(found)) for job, found, _ in find_pointers(sweep)] == [
        (job, run_dir(sweep, job)) for job in (0, 2)
    ]
    done = run(tmp_path, "--continue", str(sweep))
    assert done.returncode == 0, done.stderr
    assert "3: 3 complete (1 now)" in done.stdout
    configs = [run_dir(sweep, job) / "facts" / "config.json" for job in range(3)]
    seeds = [json.loads(path.read_text())["general"]["trainer"]["seed"] for path in configs]
    assert seeds == [1, 2, 3]


def test_a_point_trains_while_the_whole_sweep_is_locked(tmp_path):
    sweep = plan(tmp_path, *QUICK, SEEDS)
    with run_lock(sweep):
        done = run(tmp_path, "--continue", str(sweep), "--job", "1")
    assert done.returncode == 0, done.stderr


def test_a_complete_point_is_left_alone(tmp_path):
    sweep = plan(tmp_path, *QUICK, SEEDS)
    command = ("--continue", str(sweep), "--job", "1")
    assert run(tmp_path, *command).returncode == 0
    files = [path for path in run_dir(sweep, 1).rglob("*") if path.is_file()]
    before = {path: path.stat().st_mtime_ns for path in files}
    done = run(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    assert "job 1 is complete" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in files} == before


def test_a_point_that_a_signal_stopped_goes_on_to_the_same_numbers(tmp_path):
    words = [*LONG, "general.trainer.epochs=200", CALLED]
    sweep = plan(tmp_path, *words)
    command = ("--continue", str(sweep), "--job", "1")
    process = start(tmp_path, *command)
    process.wait_for((run_dir(sweep, 1) / "last.pt").exists)
    process.send(signal.SIGTERM)
    assert process.end().returncode == 85
    assert states(sweep) == ["missing", "incomplete"]
    assert run(tmp_path, *command).returncode == 0

    (tmp_path / "once").mkdir()
    once = plan(tmp_path / "once", *words)
    assert run(tmp_path / "once", "--continue", str(once), "--job", "1").returncode == 0
    assert losses(run_dir(sweep, 1)) == losses(run_dir(once, 1))


def test_a_point_in_use_is_refused_and_its_facts_stay(tmp_path):
    sweep = plan(tmp_path, *QUICK, SEEDS)
    with run_lock(run_dir(sweep, 0)):
        done = run(tmp_path, "--continue", str(sweep), "--job", "0")
    assert done.returncode == 1
    assert "in use" in done.stderr
    assert states(sweep)[0] == "missing"


def test_a_point_that_fails_says_why_and_leaves_it_as_a_fact(tmp_path):
    words = ["loop=mlp_classifier", "data=h5_tokens", "data.path=gone.h5"]
    (tmp_path / "gone.h5").touch()
    sweep = plan(tmp_path, *words, "classifier.trainer.seed=1,2")
    (tmp_path / "gone.h5").unlink()
    done = run(tmp_path, "--continue", str(sweep), "--job", "1")
    assert done.returncode == 1
    assert "gone.h5" in done.stderr
    assert "Traceback" not in done.stderr
    assert states(sweep) == ["missing", "crashed"]


def test_a_point_needs_no_launcher_of_its_sweep(tmp_path):
    sweep = plan(tmp_path, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", *QUICK, SEEDS)
    done = run(tmp_path, "--continue", str(sweep), "--job", "0")
    assert done.returncode == 0, done.stderr
    assert "Joblib" not in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--job", "3"], "--job: found 3, but expected a number from 0 to 2"),
        (["--job=first"], "found first, but expected a number from 0 to 2"),
        (["--job"], "which job?"),
        (
            ["--job", "1", "general.trainer.lr=1"],
            "found general.trainer.lr=1, but expected nothing",
        ),
        (["--job", "1", "hydra/launcher=joblib"], "found hydra/launcher=joblib"),
    ],
)
def test_what_is_no_point_is_refused(tmp_path, words, message):
    sweep = plan(tmp_path, *QUICK, SEEDS)
    done = run(tmp_path, "--continue", str(sweep), *words)
    assert done.returncode == 1
    assert message in done.stderr
    assert states(sweep) == ["missing"] * 3


def test_a_sweep_without_a_list_has_no_points_to_run(tmp_path):
    sweep = plan(tmp_path, *QUICK, SEEDS)
    written = json.loads((sweep / "sweep.json").read_text())
    (sweep / "sweep.json").write_text(json.dumps(written | {"points": None}))
    done = run(tmp_path, "--continue", str(sweep), "--job", "1")
    assert done.returncode == 1
    assert "not known beforehand" in done.stderr


@pytest.mark.parametrize(
    ("words", "messages"),
    [
        (["general.trainer.lr=1e-3,-1"], ["job 1 (", "general.trainer.lr: found -1"]),
        (["loop=test_mlp,nonsense"], ["nonsense"]),
        (["run_dir=x", SEEDS], ["run_dir: found x"]),
        (
            ["hydra/sweeper=optuna", "general.trainer.lr=interval(1e-4,1e-2)"],
            ["hydra/sweeper: found", "--multirun"],
        ),
    ],
)
def test_what_could_not_run_is_not_planned(tmp_path, words, messages):
    done = run(tmp_path, "--plan", *QUICK, *words)
    assert done.returncode == 1
    for message in messages:
        assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not [path for path in tmp_path.glob("outputs/*/*") if any(path.iterdir())]


def test_points_without_their_events_are_not_planned(tmp_path):
    (tmp_path / "there.h5").touch()
    words = ("--plan", "data=h5_tokens", "data.path=there.h5,typo.h5")
    done = run(tmp_path, *words)
    assert done.returncode == 1
    assert "1 of 2 points can't run" in done.stderr
    assert "typo.h5 does not exist: data.path" in done.stderr
    (tmp_path / "typo.h5").touch()
    assert run(tmp_path, *words).returncode == 0


def test_a_plan_is_not_written_over_another(tmp_path):
    sweep = plan(tmp_path, *QUICK, SEEDS)
    before = (sweep / "sweep.json").read_text()
    done = run(tmp_path, "--plan", *QUICK, f"hydra.sweep.dir={sweep}", "general.trainer.seed=7,8")
    assert done.returncode == 1
    assert "already holds a sweep" in done.stderr
    assert (sweep / "sweep.json").read_text() == before
