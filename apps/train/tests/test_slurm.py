"""Sweeps in the queue of a real Slurm: of one node, this machine, started for these tests."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pandas as pd
import pytest

from command import LONG, QUICK, Done, Started, run, start, sweep_in
from slurm import NoSlurmError, Slurm, start_slurm
from thesis_facts import load_runs, sweep_progress

SLURM = ("--multirun", "hydra/launcher=submitit_slurm")
# Long enough to be stopped on the way.
SECONDS = ("loop=test_mlp", "general.trainer.epochs=250", "data.n_samples=200")
# submitit counts a signal as one at the limit where less than ten minutes are left until then.
SHORT = "hydra.launcher.timeout_min=10"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[Slurm]:
    """The one of this module."""
    try:
        slurm = start_slurm(tmp_path_factory.mktemp("slurm"))
    except NoSlurmError as error:
        pytest.skip(str(error))
    yield slurm
    slurm.stop()


@pytest.fixture
def slurm(cluster: Slurm, monkeypatch: pytest.MonkeyPatch) -> Generator[Slurm]:
    """The cluster, which commands that are started now speak with; its queue is empty."""
    monkeypatch.setenv("SLURM_CONF", cluster.environment["SLURM_CONF"])
    yield cluster
    for job in cluster.queue():
        cluster.say("scancel", "--full", "--signal=KILL", job)
    wait_until(lambda: not cluster.queue())


def wait_until(condition: Callable[[], object], seconds: float = 90) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.1)


def states(folder: Path) -> list[str]:
    return [point.state for point in sweep_progress(sweep_in(folder))]


def run_dir(folder: Path, job: int = 0) -> Path:
    return Path(sweep_progress(sweep_in(folder))[job].point.run_dir)


def start_training(folder: Path, slurm: Slurm, *arguments: str) -> tuple[Started, str]:
    """A sweep whose first job trains by now, and the id of that job."""
    process = start(folder, *SLURM, *arguments)
    process.wait_for(lambda: list(folder.glob("outputs/runs/*/last.pt")))
    (job,) = [job for job, state in slurm.queue().items() if state == "RUNNING"]
    return process, job


def begin_now(slurm: Slurm, job: str) -> None:
    """Begin a job that is back in the queue, where it would wait for two minutes.

    Not at once: Slurm takes a while to forget the credential that it had.
    """
    slurm.say("scontrol", "update", f"JobId={job}", "StartTime=now+3")


def printed(folder: Path, job: str) -> str:
    """What a job wrote to its stderr."""
    return (sweep_in(folder) / ".submitit" / job / f"{job}_0_log.err").read_text()


def numbers(run_dir: Path) -> pd.DataFrame:
    """What a run learnt, without the clock."""
    table = pd.read_csv(run_dir / "facts" / "scalars.csv")
    return table.drop(columns=["epoch_time_s", "throughput", "max_memory_mib"])


@pytest.mark.usefixtures("cluster")  # one that starts: else it would be missing for other reasons
@pytest.mark.parametrize("program", ["mungekey", "slurmctld"])
def test_a_slurm_that_does_not_start_is_none_and_leaves_nothing(program, tmp_path, monkeypatch):
    broken = tmp_path / "bin" / program
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken.parent}:{os.environ['PATH']}")
    started = []
    popen = subprocess.Popen

    def start_and_note(*args, **kwargs):
        started.append(popen(*args, **kwargs))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", start_and_note)
    folder = tmp_path / "slurm"
    folder.mkdir()
    with pytest.raises(NoSlurmError):
        start_slurm(folder)
    assert started
    assert all(process.poll() is not None for process in started)


def test_a_sweep_runs_in_the_queue_and_its_jobs_come_back_when_their_time_is_up(slurm, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    assert run(alone, *SECONDS).returncode == 0
    again = (SHORT, "hydra.launcher.max_num_timeout=1")
    process, job = start_training(tmp_path, slurm, *again, *SECONDS, "general.trainer.seed=42,-1")
    before = len(numbers(run_dir(tmp_path)))
    slurm.say("scancel", "--signal=USR2", job)
    wait_until(lambda: slurm.queue().get(job) == "PENDING")
    assert "stopped by SIGUSR2; the run is saved and can be resumed" in printed(tmp_path, job)
    assert states(tmp_path)[0] == "incomplete"
    assert process.poll() is None
    begin_now(slurm, job)
    done = process.end()
    assert done.returncode == 1, done.stderr + printed(tmp_path, job)
    assert "2: 1 complete (1 now), 1 failed" in done.stdout
    assert "failed: wrong value: general.trainer.seed: found -1" in done.stdout
    assert "Traceback" not in done.stderr
    assert states(tmp_path) == ["complete", "crashed"]
    assert len(list((sweep_in(tmp_path) / "jobs").iterdir())) == 2
    assert 0 < before < 250
    (whole,) = alone.glob("outputs/runs/*")
    pd.testing.assert_frame_equal(numbers(run_dir(tmp_path)), numbers(whole))


@pytest.mark.slow
def test_all_points_run_one_at_a_time(slurm, tmp_path):
    limits = ("hydra.launcher.array_parallelism=1", "hydra.sweeper.max_batch_size=2")
    process = start(tmp_path, *SLURM, *limits, *QUICK, "general.trainer.lr=1e-3,2e-3,3e-3")
    while process.poll() is None:
        running = [job for job, state in slurm.queue().items() if state == "RUNNING"]
        arrays = [job.partition("_")[0] for job in running]
        assert len(arrays) == len(set(arrays)), "two of one array at a time"
        time.sleep(0.2)
    done = process.end()
    assert done.returncode == 0, done.stderr
    assert "3: 3 complete (3 now)" in done.stdout


@pytest.mark.slow
def test_a_job_whose_time_is_up_for_the_last_time_is_reported_and_can_go_on(slurm, tmp_path):
    process, job = start_training(tmp_path, slurm, SHORT, *SECONDS)
    slurm.say("scancel", "--signal=USR2", job)
    done = process.end()
    assert done.returncode == 1
    assert "failed: its time is up" in done.stdout
    assert "hydra.launcher.max_num_timeout" in done.stdout
    assert states(tmp_path) == ["incomplete"]
    done = run(tmp_path, "--continue", str(sweep_in(tmp_path)), "hydra/launcher=basic")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_a_job_that_only_loads_when_its_time_is_up_is_queued_again(slurm, tmp_path):
    again = (SHORT, "hydra.launcher.max_num_timeout=1")
    process = start(tmp_path, *SLURM, *again, *QUICK)
    process.wait_for(lambda: list(tmp_path.glob("outputs/runs/*/.hydra/hydra.yaml")))
    (job,) = slurm.queue()
    slurm.say("scancel", "--signal=USR2", job)
    wait_until(lambda: slurm.queue().get(job) == "PENDING")
    assert not list(tmp_path.glob("outputs/runs/*/facts/events.jsonl"))
    begin_now(slurm, job)
    assert process.end().returncode == 0
    assert states(tmp_path) == ["complete"]


@pytest.mark.slow
def test_a_job_that_is_cancelled_saves_and_the_sweep_goes_on(slurm, tmp_path):
    process, job = start_training(tmp_path, slurm, *SECONDS)
    slurm.say("scancel", job)
    done = process.end()
    assert done.returncode == 1
    assert "it ended without a result" in done.stdout
    assert "stopped by SIGTERM; the run is saved" in printed(tmp_path, job)
    assert states(tmp_path) == ["incomplete"]
    done = run(tmp_path, "--continue", str(sweep_in(tmp_path)))
    assert done.returncode == 0, done.stderr
    assert states(tmp_path) == ["complete"]


def test_a_job_that_is_cancelled_before_it_began_is_reported(slurm, tmp_path):
    slurm.say("scontrol", "update", "NodeName=ALL", "State=DRAIN", "Reason=test")
    try:
        process = start(tmp_path, *SLURM, *QUICK, "general.trainer.seed=1,2")
        process.wait_for(slurm.queue)
        slurm.say("scancel", *slurm.queue())
        done = process.end()
    finally:
        slurm.say("scontrol", "update", "NodeName=ALL", "State=RESUME")
    assert done.returncode == 1
    assert done.stdout.count("failed: it was taken from the queue before it began") == 2
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_jobs_outlive_the_command_and_are_not_submitted_twice(slurm, tmp_path):
    limit = "hydra.launcher.array_parallelism=1"
    process, job = start_training(tmp_path, slurm, limit, *LONG, "general.trainer.seed=1,2")
    assert sorted(slurm.queue().values()) == ["PENDING", "RUNNING"]
    process.send(signal.SIGINT)
    done = process.end()
    assert done.returncode == 130
    array = job.partition("_")[0]
    assert f"stay in the queue; scancel {array}" in done.stderr
    assert "1 missing, 1 running elsewhere" in done.stdout
    done = run(tmp_path, "--continue", str(sweep_in(tmp_path)))
    assert done.returncode == 1
    assert f"in the queue already: found {array}_0, {array}_1" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(slurm.queue().values()) == ["PENDING", "RUNNING"]


@pytest.mark.slow
def test_a_job_that_reaches_its_time_limit_comes_back(slurm, tmp_path):
    """The limit of Slurm itself, which counts in minutes."""
    limits = ("hydra.launcher.timeout_min=1", "hydra.launcher.signal_delay_s=10")
    many = ("loop=test_mlp", "general.trainer.epochs=20000", "data.n_samples=200")
    process, job = start_training(
        tmp_path, slurm, *limits, "hydra.launcher.max_num_timeout=3", *many
    )
    wait_until(lambda: slurm.queue().get(job) == "PENDING", 150)
    assert "stopped by SIGUSR2; the run is saved" in printed(tmp_path, job)
    before = len(numbers(run_dir(tmp_path)))
    begin_now(slurm, job)
    wait_until(lambda: len(numbers(run_dir(tmp_path))) > before)
    process.send(signal.SIGTERM)
    assert process.end().returncode == 85


@pytest.mark.slow
def test_a_job_uses_the_cores_that_it_was_given(slurm, tmp_path):
    command = "from thesis_train.cli import main; main()"
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    subprocess.run(
        [sys.executable, "-c", command, *SLURM, *QUICK],
        env=environment,
        cwd=tmp_path,
        check=True,
        timeout=120,
    )
    events = (run_dir(tmp_path) / "facts" / "events.jsonl").read_text()
    (threads,) = re.findall(r'"threads": ?(\d+)', events)
    assert threads == "1"


def test_what_slurm_refuses_is_said_in_one_line(slurm, tmp_path):
    done = run(tmp_path, *SLURM, *QUICK, "hydra.launcher.partition=nowhere")
    assert done.returncode == 1
    assert "Slurm refuses the jobs: hydra.launcher" in done.stderr
    assert "invalid partition specified: nowhere" in done.stderr
    assert "Traceback" not in done.stderr
    assert states(tmp_path) == ["missing"]


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("hydra.launcher.tasks_per_node=2", "each job of a sweep is one process"),
        (
            "hydra.launcher.timeout_min=2",
            "no time before the signal: hydra.launcher.signal_delay_s",
        ),
        ("hydra.launcher.comment='a\n touch mark'", "more than one line: hydra.launcher.comment"),
        # lines of the script, and any option of it
        ("hydra.launcher.setup=[touch mark]", "may not run code"),
        ("+hydra.launcher.additional_parameters.wrap=touch mark", "may not run code"),
        ("hydra.launcher.submitit_folder=/tmp", "may not run code"),
        # keys that the plugin passes on, though its config has none of them
        ("+hydra.launcher.teardown=[touch mark]", "may not run code"),
    ],
)
def test_a_config_can_not_put_lines_into_the_script(thesis_train, tmp_path, override, words):
    done: Done = thesis_train(*SLURM, *QUICK, override)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("outputs/multiruns/*/.submitit"))


def test_where_there_is_no_slurm_the_command_says_so(thesis_train, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    done = thesis_train(*SLURM, *QUICK)
    assert done.returncode == 1
    assert "no Slurm here" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_processes_of_this_machine_stand_in_for_a_queue(tmp_path):
    local = ("--multirun", "hydra/launcher=submitit_local")
    done = run(tmp_path, *local, *QUICK, "general.trainer.lr=1e-3,-1")
    assert done.returncode == 1
    assert states(tmp_path) == ["complete", "crashed"]
    assert "2: 1 complete (1 now), 1 failed" in done.stdout


@pytest.mark.slow
def test_the_file_of_the_guide_trains_over_processes_and_comes_back(slurm, tmp_path):
    page = Path(__file__).parents[3] / "docs" / "several_processes.md"
    blocks = re.findall(r"```bash\n(.*?)```", page.read_text(), re.DOTALL)
    (script,) = [block for block in blocks if "#SBATCH" in block]
    for of_two, of_one in {
        "--nodes=2": "--nodes=1",
        "--gpus-per-node=4": "--comment=none",
        "--cpus-per-task=16": "--cpus-per-task=2",
        "--nproc-per-node=4": "--nproc-per-node=2",
        "GLOO_SOCKET_IFNAME=eth0": "GLOO_SOCKET_IFNAME=lo",
        "data=h5_tokens data.path=events.h5": " ".join(
            ("loop=test_mlp", "general.trainer.epochs=300", "data.n_samples=200")
        ),
    }.items():
        assert of_two in script
        script = script.replace(of_two, of_one)
    (tmp_path / "train.sh").write_text(script)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    said = slurm.say(
        "sbatch", "--parsable", f"--chdir={tmp_path}", f"--export=ALL,PATH={path}",
        "--output=said", str(tmp_path / "train.sh"),
    )  # fmt: skip
    job, directory = said.strip(), tmp_path / "outputs" / "runs" / f"run_slurm_{said.strip()}"
    wait_until(lambda: (directory / "last.pt").exists())
    slurm.say("scancel", "--batch", "--signal=USR1", job)
    wait_until(lambda: slurm.queue().get(job) == "PENDING")
    assert "the run is saved and can be resumed" in (tmp_path / "said").read_text()
    begin_now(slurm, job)
    wait_until(lambda: job not in slurm.queue())
    (run,) = load_runs(run_dirs=str(directory)).runs.to_dict("records")
    assert run["status"] == "complete", (tmp_path / "said").read_text()
