"""Searches by Optuna: each trial is a run, and what is missing is run by the same command."""

import json
import os
import signal
from collections import Counter
from pathlib import Path

import optuna
import pytest
from omegaconf import OmegaConf
from optuna.trial import TrialState

from command import SMALL, Done, run, start, sweep_in
from thesis_facts import sweep_progress
from thesis_facts.events import read_events

SEARCH = (
    "--multirun",
    "hydra/sweeper=optuna",
    "hydra.sweeper.storage=sqlite:///studies/x.db",
    "hydra.sweeper.study_name=x",
    "loop=test_mlp",
    "data.n_samples=200",
)
LR = "general.trainer.lr=tag(log,interval(1e-4,1e-1))"
QUICK = (*SEARCH, LR, "general.trainer.epochs=2")
# One of the choices can't be right; a grid of two, so that trials repeat.
FAILING = (*SEARCH, "general.trainer.lr=choice(1e30,1e-3)", "general.trainer.grad_clip=1e30")
LONG = (*SEARCH, LR, "general.trainer.epochs=400")


def n_trials(number: int) -> str:
    return f"hydra.sweeper.n_trials={number}"


def trials(folder: Path, name: str = "x") -> list[optuna.trial.FrozenTrial]:
    storage = f"sqlite:///{folder}/studies/{name}.db"
    return optuna.load_study(study_name=name, storage=storage).trials


def states(folder: Path) -> list[str]:
    return [trial.state.name for trial in trials(folder)]


def results(folder: Path, number: int) -> dict:
    """What the facts of a trial's run say that training returned, and with which config."""
    (run_dir,) = folder.glob(f"outputs/runs/*_job{number:03d}")
    ends = [e for e in read_events(run_dir) if e["moment"] == "on_train_end"]
    assert len(ends) == 1
    config = json.loads((run_dir / "facts" / "config.json").read_text())
    return ends[0]["results"] | {"lr": config["general"]["trainer"]["lr"]}


def check_facts(folder: Path, complete: int) -> None:
    """Values and parameters in the storage are those of the runs, none of which ran twice."""
    done = [trial for trial in trials(folder) if trial.state == TrialState.COMPLETE]
    assert len(done) == complete
    for trial in done:
        told = results(folder, trial.number)
        assert trial.value == told["best_val_loss"]
        assert trial.params["general.trainer.lr"] == told["lr"]
    assert len({str(trial.params) for trial in done}) == complete


def stop_in_trial(folder: Path, number: int, by: signal.Signals, *arguments: str) -> Done:
    """Run a command and signal it while a trial trains."""
    process = start(folder, *arguments)

    def trains() -> bool:
        found = list(folder.glob(f"outputs/runs/*_job{number:03d}/last.pt"))
        return bool(found) and (found[0].parent / ".lock.json").exists()

    process.wait_for(trains)
    process.send(by)
    return process.end()


def test_a_search_is_completed_by_the_same_command(tmp_path):
    done = run(tmp_path, *QUICK, n_trials(3))
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    check_facts(tmp_path, 3)
    done = run(tmp_path, *QUICK, n_trials(4))
    assert done.returncode == 0, done.stderr
    check_facts(tmp_path, 4)

    sweep = sweep_in(tmp_path)  # one, of both commands
    assert [point.state for point in sweep_progress(sweep)] == ["complete"] * 4
    best = min(trials(tmp_path), key=lambda trial: trial.value)
    (run_dir,) = tmp_path.glob(f"outputs/runs/*_job{best.number:03d}")
    assert f"trial {best.number}: best_val_loss {best.value:.6g}" in done.stdout
    assert f"general.trainer.lr={best.params['general.trainer.lr']}" in done.stdout
    assert str(run_dir.relative_to(tmp_path)) in done.stdout
    written = OmegaConf.load(sweep / "optimization_results.yaml")
    assert (written.best_value, written.best_params) == (best.value, best.params)
    overrides = OmegaConf.load(run_dir / ".hydra" / "overrides.yaml")
    assert f"general.trainer.lr={best.params['general.trainer.lr']}" in overrides
    assert OmegaConf.load(run_dir / ".hydra" / "hydra.yaml").hydra.sweeper.study_name == "x"


def test_a_trial_that_fails_is_no_value(tmp_path):
    done = run(tmp_path, *FAILING, n_trials(4), "hydra.sweeper.sampler.seed=1")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    counts = Counter(states(tmp_path))
    assert set(counts) == {"COMPLETE", "FAIL"}
    failed = [t for t in trials(tmp_path) if t.state == TrialState.FAIL]
    for trial in failed:
        assert trial.value is None
        assert trial.params["general.trainer.lr"] == 1e30
        assert f"job {trial.number}      failed: " in done.stdout
    assert done.stdout.count("loss is not finite") == len(failed)
    assert f"x: {counts['COMPLETE']} of 4 trials complete" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("word", ["same", "--continue"])
def test_a_trial_that_was_stopped_goes_on_from_its_checkpoint(tmp_path, word):
    command = (*LONG, n_trials(3))
    done = stop_in_trial(tmp_path, 1, signal.SIGTERM, *command)
    assert done.returncode == 85, done.stderr
    assert states(tmp_path) == ["COMPLETE", "WAITING"]
    begun = trials(tmp_path)[1].params
    done = run(tmp_path, *(command if word == "same" else (word, str(sweep_in(tmp_path)))))
    assert done.returncode == 0, done.stderr
    assert states(tmp_path) == ["COMPLETE"] * 3
    assert trials(tmp_path)[1].params == begun
    check_facts(tmp_path, 3)
    (run_dir,) = tmp_path.glob("outputs/runs/*_job001")
    rows = (run_dir / "facts" / "scalars.csv").read_text().splitlines()
    assert len(rows) == len(set(rows))
    assert "3: 3 complete (2 now)" in done.stdout


@pytest.mark.slow
def test_a_trial_that_was_killed_is_replaced(tmp_path):
    command = (*LONG, n_trials(3))
    assert stop_in_trial(tmp_path, 1, signal.SIGKILL, *command).returncode == -signal.SIGKILL
    assert states(tmp_path) == ["COMPLETE", "RUNNING"]
    done = run(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    assert states(tmp_path) == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    check_facts(tmp_path, 3)
    assert "failed: its process was killed" in done.stdout


def test_a_seed_does_not_choose_the_same_trials_again(tmp_path):
    seeded = (*QUICK, "hydra.sweeper.sampler.seed=3")
    assert run(tmp_path, *seeded, n_trials(1)).returncode == 0
    assert run(tmp_path, *seeded, n_trials(2)).returncode == 0
    check_facts(tmp_path, 2)


@pytest.mark.slow
def test_a_study_without_a_storage_is_in_its_sweep(tmp_path):
    command = [word for word in QUICK if not word.startswith("hydra.sweeper.st")]
    done = run(tmp_path, *command, n_trials(1))
    assert done.returncode == 0, done.stderr
    assert (sweep_in(tmp_path) / "study.db").exists()
    done = run(tmp_path, "--continue", str(sweep_in(tmp_path)))
    assert "1: 1 complete (0 now)" in done.stdout
    assert run(tmp_path, *command, n_trials(1)).returncode == 0  # another one
    assert len(list(tmp_path.glob("outputs/multiruns/exp_*/study.db"))) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ["nothing to search"]),
        (("general.trainer.lrr=interval(0.1,0.2)",), ["general.trainer.lrr", "did you mean"]),
        (("general.trainer.lr=interval(0.2,0.1)",), ["general.trainer.lr", "interval(0.2,0.1)"]),
        (("general.trainer.lr=tag(log,interval(0.0,0.1))",), ["general.trainer.lr"]),
        ((LR, "general.trainer.epochs=-1"), ["general.trainer.epochs", "-1"]),
        ((LR, "objective=test_loss"), ["objective", "tuning on the test split is refused"]),
        ((LR, "hydra.sweeper.direction=maximize"), ["minimize for best_val_loss"]),
        ((LR, "hydra.sweeper.direction=[minimize,maximize]"), ["one direction"]),
        ((LR, "hydra/sweeper/sampler=grid"), ["a grid needs no search"]),
        ((LR, "hydra.sweeper.storage=sqlite:////proc/x/x.db"), ["hydra.sweeper.storage"]),
        ((LR, "hydra.sweeper.storage=nonsense"), ["hydra.sweeper.storage"]),
        ((LR, "hydra.sweeper.n_trials=0"), ["hydra.sweeper.n_trials", "0"]),
        ((LR, "hydra.sweeper.n_jobs=0"), ["hydra.sweeper.n_jobs", "0"]),
    ],
)
def test_what_can_not_be_searched_is_one_message(tmp_path, arguments, words):
    done = run(tmp_path, *SEARCH, *arguments)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert not list(tmp_path.glob("outputs/*/*"))


@pytest.mark.parametrize(
    ("param", "words"),
    [
        ("general.trainer.lrr: interval(0.1,0.2)", ["general.trainer.lrr", "did you mean"]),
        ("general.trainer.lr: interval(0.1", ["hydra.sweeper.params", "interval(0.1"]),
        ("classifier/nothing: choice(a,b)", ["classifier/nothing"]),
    ],
)
def test_a_file_with_a_bad_space_is_one_message(tmp_path, param, words):
    group = tmp_path / "mine" / "classifier" / "experiment"
    group.mkdir(parents=True)
    key, _, value = param.partition(": ")
    text = f'# @package _global_\nhydra: {{sweeper: {{params: {{{key}: "{value}"}}}}}}\n'
    (group / "bad.yaml").write_text(text)
    done = run(tmp_path, "--config-dir=mine", *SEARCH, "classifier/experiment=bad")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("general.trainer.epochs=3", "general.trainer.epochs: 2 -> 3"),
        ("general.trainer.lr=choice(1e-3,1e-2)", "searched this key differently"),
        ("hydra.sweep.dir=elsewhere", "a sweep of its own"),
    ],
)
def test_a_study_only_goes_on_as_itself(tmp_path, word, said):
    assert run(tmp_path, *QUICK, n_trials(1)).returncode == 0
    done = run(tmp_path, *QUICK, n_trials(2), word)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert states(tmp_path) == ["COMPLETE"]


@pytest.mark.slow
def test_a_search_over_processes_loses_one_and_goes_on(tmp_path):
    joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_jobs=2")
    command = (*LONG, n_trials(4), *joblib)
    process = start(tmp_path, *command)
    locks: list[Path] = []

    def trains() -> bool:
        locks[:] = [
            path
            for path in tmp_path.glob("outputs/runs/*/.lock.json")
            if (path.parent / "last.pt").exists()
        ]
        return bool(locks)

    process.wait_for(trains)
    os.kill(json.loads(locks[0].read_text())["pid"], signal.SIGKILL)
    done = process.end()
    assert done.returncode == 1
    assert "a process of the sweep was killed" in done.stderr
    assert "RUNNING" not in states(tmp_path)

    done = run(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    check_facts(tmp_path, 4)


@pytest.mark.slow
def test_a_search_over_processes_that_was_stopped_goes_on(tmp_path):
    joblib = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_jobs=2")
    command = (*LONG, n_trials(3), *joblib)
    done = stop_in_trial(tmp_path, 1, signal.SIGTERM, *command)
    assert done.returncode == 85, done.stderr
    assert "WAITING" in states(tmp_path)
    done = run(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    assert states(tmp_path) == ["COMPLETE"] * 3
    check_facts(tmp_path, 3)


@pytest.mark.slow
def test_the_experiment_searches(tmp_path):
    command = ("classifier/experiment=hyperparameter_search", *SMALL, n_trials(2))
    done = run(tmp_path, *command)
    assert done.returncode == 0, done.stderr
    study = optuna.load_study(
        study_name="hyperparameter_search",
        storage=f"sqlite:///{tmp_path}/outputs/studies/hyperparameter_search.db",
    )
    assert [trial.state.name for trial in study.trials] == ["COMPLETE"] * 2
    assert study.best_value == max(trial.value for trial in study.trials)
    (sweep,) = tmp_path.glob("outputs/multiruns/exp_*_hyperparameter_search")
    assert [point.state for point in sweep_progress(sweep)] == ["complete"] * 2
