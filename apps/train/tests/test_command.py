"""What a user sees: runs, mistakes, sweeps."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from command import QUICK, SMALL, start
from thesis_facts import load_runs


def runs_in(folder: Path) -> list[Path]:
    return sorted((folder / "outputs" / "runs").glob("*"))


def test_a_run_says_where_it_is_and_what_to_type_next(thesis_train, tmp_path):
    done = thesis_train(*SMALL)
    assert done.returncode == 0, done.stderr
    (run_dir,) = runs_in(tmp_path)
    shown = f"outputs/runs/{run_dir.name}"
    assert re.search(r"AUROC +0\.\d{4} ± 0\.\d{4}", done.stdout)
    assert re.search(r"1/eps_B = [\d.inf]+.* at eps_S = 0\.3", done.stdout)
    assert f"thesis-report inputs.run_dirs={shown}" in done.stdout
    assert "epoch 1/1" in done.stderr
    assert (run_dir / ".hydra" / "config.yaml").exists()
    assert (run_dir / "scores" / "test.npz").exists()
    assert "epoch 1/1" in (run_dir / "train.log").read_text()
    runs = load_runs(run_dirs=str(run_dir)).runs
    assert runs["status"].tolist() == ["complete"]


def test_the_toy_sample_is_made_once(thesis_train, tmp_path):
    thesis_train(*SMALL)
    (made,) = (tmp_path / "outputs" / "datasets").glob("*.h5")
    stamp = made.stat().st_mtime_ns
    assert thesis_train(*SMALL).returncode == 0
    assert made.stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["loop=transfomer"], ["'transfomer'", "did you mean transformer_classifier?"]),
        (["general.trainer.lr=-1"], ["general.trainer.lr", "-1", "greater than 0"]),
        (["general.trainer.epohcs=3"], ["general.trainer.epohcs", "epochs?"]),
        (["+general.trainer.epohcs=3"], ["general.trainer.epohcs", "epochs?"]),
        (["objective=test_loss"], ["test_loss", "best_val_loss"]),
        (["general.trainer.lr=fast"], ["general.trainer.lr", "'fast'", "number"]),
        (["device=cuda:7"], ["device", "cuda:7"]),
        (["resume=auto"], ["resume", "run_dir"]),
        (["hydra.mode=MULTIRUN", "run_dir=mine"], ["run_dir", "mine", "hydra.mode=RUN"]),
    ],
)
def test_a_mistake_is_one_message(thesis_train, arguments, words, tmp_path):
    done = thesis_train(*QUICK, *arguments)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert any(all(word in line for word in words) for line in lines), done.stderr


def test_a_mistyped_key_in_a_file_of_ones_own_is_found(thesis_train, tmp_path):
    group = tmp_path / "mine" / "classifier" / "experiment"
    group.mkdir(parents=True)
    (group / "wrong.yaml").write_text(
        "# @package _global_\nclassifier: {trainer: {learning_rate: 3}}\n"
    )
    done = thesis_train("--config-dir=mine", "classifier/experiment=wrong")
    assert done.returncode == 1
    assert "classifier.trainer.learning_rate" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistyped_key_leaves_no_run_behind(thesis_train, tmp_path):
    thesis_train(*QUICK, "+general.trainer.epohcs=3")
    assert runs_in(tmp_path) == []


def test_a_mistyped_key_never_removes_what_was_there_before(thesis_train, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    done = thesis_train(*QUICK, "hydra.run.dir=.", "+general.trainer.epohcs=3")
    assert done.returncode == 1
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


@pytest.fixture
def broken_file(tmp_path):
    """`broken_file(kind)`: a small file of events with one thing wrong."""

    def make(kind: str) -> str:
        path = tmp_path / f"{kind}.h5"
        if kind == "missing":
            return str(path)
        if kind == "truncated":
            path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\x00" * 50)
            return str(path)
        x = np.zeros((40, 20 if kind == "narrow" else 92), dtype=np.float32)
        x[:, 0] = 1
        x[:, 20:24] = [50, 40, 0.1, 0.2] if kind != "narrow" else 0
        if kind == "nan":
            x[7, 21] = np.nan
        labels = np.tile([1.0, 2.0], 20)
        if kind == "label":
            labels[3] = 9
        if kind == "one class":
            labels[:] = 2
        with h5py.File(path, "w") as file:
            for split, y in (("train", "Y_train"), ("val", "y_val"), ("test", "y_test")):
                file[f"X_{split}"] = x
                if kind != "unlabelled":
                    file[y] = labels
        return str(path)

    return make


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("missing", ["data.path", "missing.h5"]),
        ("truncated", ["truncated.h5"]),
        ("narrow", ["20", "92"]),
        ("nan", ["nan"]),
        ("label", ["label", "9"]),
        ("one class", ["class", "4t"]),
        ("unlabelled", ["Y_train"]),
    ],
)
def test_broken_events_are_named(thesis_train, kind, words, broken_file, tmp_path):
    path = broken_file(kind)
    done = thesis_train("data=h5_tokens", f"data.path={path}")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for word in words:
        assert word.lower() in done.stderr.lower()
    (run_dir,) = runs_in(tmp_path)
    events = (run_dir / "facts" / "events.jsonl").read_text().splitlines()
    assert json.loads(events[-1])["moment"] == "on_exception"


def test_an_output_root_that_is_no_folder(thesis_train, tmp_path):
    (tmp_path / "file").write_text("")
    done = thesis_train(*QUICK, "env.output_root=file/below")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "output_root" in done.stderr


def test_a_sweep_points_to_its_jobs_and_goes_on_after_a_failure(tmp_path):
    process = start(tmp_path, *QUICK, "--multirun", "general.trainer.lr=1e-3,-1,2e-3")
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 1  # one of them failed
    (sweep,) = (tmp_path / "outputs" / "multiruns").glob("exp_*_test_mlp")
    assert len(list((sweep / "jobs").glob("*.json"))) == 3
    names = [path.name for path in runs_in(tmp_path)]
    stamp = sweep.name.removeprefix("exp_")
    assert names == [f"run_{stamp}_job{number:03d}" for number in range(3)]
    loaded = load_runs(sweep_dir=str(sweep), require_complete=False)
    assert sorted(loaded.runs["status"]) == ["complete", "complete", "crashed"]
    assert f"inputs.sweep_dir=outputs/multiruns/{sweep.name}" in said.splitlines()[-1]


def test_runs_started_together_have_their_own_directories(tmp_path):
    together = [start(tmp_path, *QUICK) for _ in range(3)]
    for process in together:
        process.communicate(timeout=300)
    assert [process.returncode for process in together] == [0, 0, 0]
    assert len(runs_in(tmp_path)) == 3


def wait_for(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not condition() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)


def test_ctrl_c_leaves_a_run_that_the_printed_command_resumes(tmp_path):
    process = start(tmp_path, "loop=test_mlp", "general.trainer.epochs=3000", "data.n_samples=200")
    wait_for(lambda: list(tmp_path.glob("outputs/runs/*/last.pt")), process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Traceback" not in errors
    command = next(line for line in errors.splitlines() if "resume=auto" in line).split()
    (run_dir,) = runs_in(tmp_path)
    command = command[command.index("thesis-train") :]  # without a "uv run" before it
    assert f"run_dir=outputs/runs/{run_dir.name}" in command

    events = run_dir / "facts" / "events.jsonl"
    size = events.stat().st_size
    again = start(tmp_path, *command[1:])
    wait_for(lambda: events.stat().st_size > size, again)
    again.send_signal(signal.SIGTERM)
    _, errors = again.communicate(timeout=120)
    assert again.returncode == 85, errors
    assert len(runs_in(tmp_path)) == 1


def test_ctrl_c_beside_a_job_is_no_traceback(thesis_train, monkeypatch):
    """As in a sweep whose jobs are other processes: they save, this one waits for them."""

    def wait() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("thesis_train.job._hydra_main", wait)
    assert thesis_train(*QUICK).returncode == 130


def test_the_printed_command_resumes_one_job_of_a_sweep_from_a_file(tmp_path):
    """The file asks for a sweep; the command must neither start it again nor miss the file."""
    group = tmp_path / "mine" / "classifier" / "experiment"
    group.mkdir(parents=True)
    (group / "seeds.yaml").write_text(
        "# @package _global_\n"
        "defaults: [{override /hydra: experiment}]\n"
        "hydra: {sweeper: {params: {general.trainer.seed: '1,2'}}}\n"
    )
    long = ("loop=test_mlp", "general.trainer.epochs=3000", "data.n_samples=200")
    process = start(tmp_path, "--config-dir=mine", "classifier/experiment=seeds", *long)
    wait_for(lambda: list(tmp_path.glob("outputs/runs/*/last.pt")), process)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 85, errors
    (run_dir,) = runs_in(tmp_path)
    line = next(line for line in errors.splitlines() if "resume=auto" in line)
    command = shlex.split(line)

    events = run_dir / "facts" / "events.jsonl"
    size = events.stat().st_size
    again = start(tmp_path, *command[command.index("thesis-train") + 1 :])
    wait_for(lambda: events.stat().st_size > size, again)
    again.send_signal(signal.SIGTERM)
    _, errors = again.communicate(timeout=120)
    assert again.returncode == 85, errors
    assert runs_in(tmp_path) == [run_dir]
    assert len(list(tmp_path.glob("outputs/multiruns/*"))) == 1


def test_help_needs_no_torch_and_no_hydra():
    code = (
        "import sys; sys.argv = ['thesis-train', '--help']\n"
        "from thesis_train.cli import main; main()\n"
        "assert not {'torch', 'hydra', 'pydantic', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for word in ("transformer_classifier", "data/order", "s200k", "resume=auto"):
        assert word in done.stdout


def test_other_flags_of_hydra_still_work(thesis_train, tmp_path):
    done = thesis_train("--cfg", "job")
    assert done.returncode == 0
    assert "attention_biases: none" in done.stdout
    assert not (tmp_path / "outputs").exists()
