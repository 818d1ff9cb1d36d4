"""`thesis-train` under torchrun: several processes, one run."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command import QUICK
from thesis_facts import load_runs

COMMAND = [sys.executable, "-c", "from thesis_train.cli import main; main()"]
TORCHRUN = [
    *(sys.executable, "-m", "torch.distributed.run"),
    *("--standalone", "--nproc-per-node=2", "--no-python"),
]


def start_two(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Two ranks, in a session of their own."""
    return subprocess.Popen(
        [*TORCHRUN, *COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_dirs(folder: Path) -> list[Path]:
    return sorted((folder / "outputs" / "runs").iterdir())


def test_two_processes_make_one_run_and_speak_once(tmp_path):
    process = start_two(tmp_path, *QUICK)
    stdout, stderr = process.communicate(timeout=240)
    assert process.returncode == 0, stderr
    (run_dir,) = run_dirs(tmp_path)
    assert stdout.count("on the test split") == 1
    assert stderr.count("epoch 2/2") == 1
    assert (run_dir / "train.log").read_text().count("epoch 2/2") == 1
    assert (run_dir / ".hydra" / "config.yaml").exists()
    assert load_runs(run_dirs=str(run_dir)).runs["status"].tolist() == ["complete"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["general.trainer.lr=-1"], "greater than 0"),
        (["general.trainer.lr=1,2", "--multirun"], "a sweep is started by one process"),
    ],
)
def test_a_mistake_is_said_once_and_leaves_nothing(arguments, words, tmp_path):
    process = start_two(tmp_path, *QUICK, *arguments)
    _, stderr = process.communicate(timeout=240)
    assert process.returncode != 0
    assert stderr.count(words) == 1
    assert not (tmp_path / "outputs" / "runs").exists() or run_dirs(tmp_path) == []


@pytest.mark.slow
def test_a_signal_to_torchrun_saves_and_the_run_goes_on(tmp_path):
    many = ("loop=test_mlp", "general.trainer.epochs=400", "data.n_samples=400")
    run_dir = tmp_path / "mine"
    process = start_two(tmp_path, *many, f"run_dir={run_dir}")
    deadline = time.monotonic() + 120
    while not (run_dir / "last.pt").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=120)
    assert stderr.count("the run is saved and can be resumed") == 1
    assert load_runs(run_dirs=str(run_dir), require_complete=False).runs["status"].tolist() == [
        "incomplete"
    ]
    process = start_two(tmp_path, *many, f"run_dir={run_dir}", "resume=auto")
    _, stderr = process.communicate(timeout=240)
    assert process.returncode == 0, stderr
    assert load_runs(run_dirs=str(run_dir)).runs["status"].tolist() == ["complete"]
