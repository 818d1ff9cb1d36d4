"""`thesis-train` under torchrun: several processes, one run."""

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pandas as pd
import pytest

from command import QUICK, SMALL, run
from thesis_facts import load_runs
from two_machines import INTERFACE, Machine, NoNamespacesError, two_machines

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


SLOW_VALIDATION = """
import pathlib, time
from thesis_loops.engine import fit
from thesis_train.cli import main
validate = fit._Fit._validate
def slowly(self):
    pathlib.Path("validates").touch()
    time.sleep(8)
    return validate(self)
fit._Fit._validate = slowly
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("patience", ["1", "of the guide"])
def test_torchrun_waits_for_a_validation_as_long_as_the_guide_says(patience, tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "several_processes.md").read_text()
    exports = re.findall(r"^ *export (TORCH_ELASTIC\w+)=(\d+)", page, re.MULTILINE)
    assert len(exports) == 2, "one for the shell, one for the file of Slurm"
    (variable, seconds), *_ = exports
    (signal_before,) = re.findall(r"--signal=B:USR1@(\d+)", page)
    assert {int(value) for _, value in exports} == {int(seconds)}
    assert int(seconds) < int(signal_before)
    process = subprocess.Popen(
        [*TORCHRUN, sys.executable, "-c", SLOW_VALIDATION, *QUICK, f"run_dir={tmp_path / 'mine'}"],
        cwd=tmp_path,
        env={
            **os.environ,
            "OMP_NUM_THREADS": "1",
            variable: patience if patience == "1" else seconds,
        },
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "validates").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=120)
    is_saved = "the run is saved and can be resumed" in stderr
    assert (is_saved, (tmp_path / "mine" / "last.pt").exists()) == (patience != "1",) * 2


@pytest.fixture
def machines() -> Generator[tuple[Machine, Machine]]:
    """Two of them, as long as a test runs."""
    try:
        with two_machines() as both:
            yield both
    except NoNamespacesError as error:
        pytest.skip(str(error))


def start_on_both(
    machines: tuple[Machine, Machine], folder: Path, *arguments: str, network: str = INTERFACE
) -> list[subprocess.Popen[str]]:
    """The commands of the guide, one on each, with one process a machine."""
    page = Path(__file__).parents[3] / "docs" / "several_processes.md"
    found = [line for line in page.read_text().splitlines() if "--nnodes=2 --node-rank" in line]
    processes = []
    for machine, line in zip(machines, found, strict=True):
        line = line.replace("FIRST_MACHINE", machines[0].address).replace("=4", "=1")
        words = shlex.split(line.partition("uv run torchrun")[2])
        at = words.index("thesis-train")
        assert words[at + 1 :] == ["…"]
        torchrun = [sys.executable, "-m", "torch.distributed.run"]
        command = [*torchrun, *words[:at], *COMMAND, *arguments]
        processes.append(machine.start(folder, command, GLOO_SOCKET_IFNAME=network))
    return processes


def test_two_machines_train_to_the_numbers_of_one(machines, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    # epochs small enough to be quick, batches that both share
    small = (*SMALL, "classifier.model.dropout=0", "classifier.trainer.batch_size=64")
    processes = start_on_both(machines, tmp_path, *small)
    assert run(alone, *small).returncode == 0
    said = [process.communicate(timeout=240) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    (run_dir,), (whole,) = run_dirs(tmp_path), run_dirs(alone)
    assert '"ranks":2' in (run_dir / "facts" / "events.jsonl").read_text().replace(" ", "")
    together, one = (pd.read_csv(path / "facts" / "scalars.csv") for path in (run_dir, whole))
    numbers = [name for name in one if name.startswith(("train_", "val_", "metric_"))]
    assert one["val_loss"].notna().any()
    pd.testing.assert_frame_equal(together[numbers], one[numbers], rtol=1e-4)


@pytest.mark.slow
def test_a_machine_that_breaks_ends_the_training_on_the_other(machines, tmp_path):
    many = ("loop=test_mlp", "general.trainer.epochs=4000", "data.n_samples=400")
    first, second = start_on_both(machines, tmp_path, *many, f"run_dir={tmp_path / 'mine'}")
    deadline = time.monotonic() + 120
    while not (tmp_path / "mine" / "last.pt").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    machines[1].kill_all()
    _, stderr = first.communicate(timeout=60)
    second.communicate(timeout=60)
    assert first.returncode != 0
    assert stderr.count("another process of this training is gone") == 1
    assert "resume=auto" in stderr


@pytest.mark.slow
def test_machines_that_do_not_find_one_another_say_how_they_would(machines, tmp_path):
    both = start_on_both(machines, tmp_path, *QUICK, network="lo")  # as names of machines often are
    deadline = time.monotonic() + 120
    while all(process.poll() is None for process in both):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    for machine in machines:
        machine.kill_all()
    said = "".join(process.communicate(timeout=60)[1] for process in both)
    assert "does not reach the others" in said
    assert "GLOO_SOCKET_IFNAME" in said
