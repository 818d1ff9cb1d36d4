"""Jobs on Stoomboot: the real submit files and scripts, with a stand-in for HTCondor's commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from condor import install, parse_submit, split_words

from thesis_facts import read_events, sweep_progress

submits = pytest.mark.skipif(
    find_spec("htcondor2") is None, reason="the bindings of HTCondor are for Linux alone"
)

ROOT = Path(__file__).parents[1]
HPC = ROOT / "hpc" / "stoomboot"
SCRIPTS = sorted(HPC.glob("*.sh"))
SUBMIT_FILES = {name: HPC / f"{name}.sub" for name in ("train", "report", "sweep")}

QUICK = ["loop=test_mlp", "general.trainer.epochs=2", "data.n_samples=200"]
LONG = ["loop=test_mlp", "general.trainer.epochs=200", "data.n_samples=200"]

# One word each, as the program must get it.
AWKWARD = [
    "a b=c d",
    "classifier.trainer.interpretability.checkpoint_epochs=[0, 1,2]",
    "data.processes=['4t',\"ttH\"]",
    "it's=''",
    '"',
    "experiment.name=${loop}",
    "data.path=/a b/*.h5",
    "x={a: 1, 'b': [2]}",
    "=",
    "\\n",
]


@dataclass
class Cluster:
    """A folder in which all roots lie, and the environment of a session on a login node."""

    folder: Path
    environment: dict[str, str]

    def run(self, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            list(map(str, words)),
            cwd=self.folder,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def ok(self, *words: str | Path, **environment: str) -> str:
        done = self.run(*words, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, *words: str | Path, **environment: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            list(map(str, words)),
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def plan(self, *words: str) -> Path:
        self.ok("thesis-train", "--plan", "env=stoomboot", *words)
        (sweep,) = (self.folder / "outputs" / "multiruns").iterdir()
        return sweep

    def history(self, number: int = 1) -> list[list[str]]:
        """What became of the jobs of a cluster: start N, or end N CODE."""
        path = self.folder / "queue" / str(number) / "history"
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def jobs(self) -> list[dict[str, Any]]:
        """State of all jobs that were ever submitted."""
        paths = (self.folder / "queue").glob("*/*.json")
        return [json.loads(path.read_text())["state"] for path in paths]

    def submitted(self) -> list[Path]:
        return sorted((self.folder / "queue").glob("*")) if (self.folder / "queue").exists() else []


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """Roots in a scratch folder; `python` and our programs are those that run this test."""
    folder = tmp_path / "site"
    (folder / "logs").mkdir(parents=True)
    programs = Path(sys.prefix) / "bin"
    environment = {
        "PATH": f"{install(folder / 'bin')}:{programs}:/usr/bin:/bin",
        "USER": "somebody",
        "THESIS_ENVIRONMENT": sys.prefix,
        "THESIS_STORAGE_ROOT": str(folder / "storage"),
        "THESIS_OUTPUT_ROOT": str(folder / "outputs"),
        "THESIS_CACHE_ROOT": str(folder / "cache"),
        "THESIS_LOG_DIR": str(folder / "logs"),
        "CONDOR_STAND_IN": str(folder / "queue"),
        "OMP_NUM_THREADS": "1",
    }
    site = Cluster(folder, environment)
    yield site
    for path in site.submitted():  # where a test failed
        site.run("condor_rm", path.name)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 100
    while not condition():
        assert time.monotonic() < deadline, "it never comes"
        time.sleep(0.02)


def losses(run_dir: Path) -> dict[str, list[float]]:
    (end,) = [event for event in read_events(run_dir) if event["moment"] == "on_train_end"]
    found = {name: values for name, values in end["histories"].items() if "loss" in name}
    assert found
    return found


# ---- submit files


def commands(name: str, *variables: str, append: str | None = None) -> dict[str, str]:
    appended = [] if append is None else [append]
    (job,) = parse_submit(SUBMIT_FILES[name], list(variables), appended, cluster=12)
    return job


@pytest.fixture
def log_dir(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THESIS_LOG_DIR", "/logs")
    monkeypatch.setenv("PATH", f"{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}")


@submits
@pytest.mark.usefixtures("log_dir")
@pytest.mark.parametrize("name", ["train", "report"])
def test_a_submit_file_says_what_a_job_asks_for(name: str) -> None:
    job = commands(name)
    expected = {
        "executable": str(HPC / "run.sh"),
        "MY.UseOS": '"el9"',
        "MY.JobCategory": '"medium"' if name == "train" else '"short"',
        "request_cpus": "1",
        "request_memory": "8GB",
        "request_disk": "4GB",
        "should_transfer_files": "NO",
        "transfer_executable": "False",
        "checkpoint_exit_code": "85",
        "kill_sig": "SIGTERM",
        "job_max_vacate_time": "300",
        "output": f"/logs/{name}.12.0.out",
    }
    assert {key: job[key] for key in expected} == expected
    assert job.get("request_gpus") == ("1" if name == "train" else None)
    words = dict(word.split("=") for word in split_words(job["environment"]))
    assert words["THESIS_COMMAND"] == f"thesis-{name}"
    if name == "train":
        assert re.fullmatch(r"\d{10}-12\.0", words["THESIS_RUN"])


@submits
@pytest.mark.usefixtures("log_dir")
@pytest.mark.parametrize("name", ["train", "report"])
def test_the_command_line_changes_what_a_job_asks_for(name: str) -> None:
    job = commands(
        name, "gpus=2", "cpus=4", "memory=16GB", "disk=1GB", "job_category=long", "use_os=el8"
    )
    asked = [job[f"request_{what}"] for what in ("gpus", "cpus", "memory", "disk")]
    assert asked == ["2", "4", "16GB", "1GB"]
    assert (job["MY.JobCategory"], job["MY.UseOS"]) == ('"long"', '"el8"')
    # a machine without GPUs does not say how many it has: 0 must not be asked for
    assert "request_gpus" not in commands(name, "gpus=0")


@submits
@pytest.mark.usefixtures("log_dir")
def test_the_sweep_has_a_job_for_each_point_that_is_not_complete(cluster: Cluster) -> None:
    sweep = cluster.plan(*QUICK, "general.trainer.seed=1,2,3")
    cluster.ok("thesis-train", "--continue", sweep, "--job", "1")
    jobs = list(parse_submit(SUBMIT_FILES["sweep"], [f"sweep={sweep}", "at_once=2"], [], 3))
    arguments = [split_words(job["arguments"]) for job in jobs]
    assert arguments == [
        ["--continue", str(sweep), "--job", number, "trust=false"] for number in ("0", "2")
    ]
    assert {job["max_materialize"] for job in jobs} == {"2"}
    assert {job["MY.ThesisSweep"] for job in jobs} == {f'"{sweep}"'}
    assert len({job["log"] for job in jobs}) == 2
    (job, *_) = parse_submit(SUBMIT_FILES["sweep"], [f"sweep={sweep}"], [], 3)
    assert "max_materialize" not in job
    (job, *_) = parse_submit(SUBMIT_FILES["sweep"], [f"sweep={sweep}", "trust=true"], [], 3)
    assert split_words(job["arguments"])[-1] == "trust=true"


def test_a_sweep_has_one_spelling_by_which_its_jobs_are_known(cluster: Cluster) -> None:
    sweep = cluster.plan(*QUICK)
    link = cluster.folder / "link"
    link.symlink_to(sweep)
    for spelling in (f"{sweep}/", str(link), os.path.relpath(sweep, cluster.folder)):
        done = cluster.run(HPC / "submit_queue.py", "--list", spelling)
        assert (done.returncode, done.stdout) == (1, "")
        assert f"found {spelling}, but expected {sweep}" in done.stderr
        assert cluster.ok(HPC / "submit_queue.py", "--dry-run", spelling).count(f"{sweep} ") == 1
    assert cluster.ok(HPC / "submit_queue.py", "--list", str(sweep)) == "0\n"


# ---- arguments


def written_new(words: list[str]) -> str:
    """As a user has to write words for HTCondor."""
    single = [word.replace('"', '""').replace("'", "''") for word in words]
    return '"' + " ".join(f"'{word}'" for word in single) + '"'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('"3 simple arguments"', ["3", "simple", "arguments"]),
        ("\"one 'two with spaces' 3\"", ["one", "two with spaces", "3"]),
        ('"one ""two"" \'spacey ""q"" argument\'"', ["one", '"two"', 'spacey "q" argument']),
        ("\"one 'spacey ''q'' argument' 'it''s'\"", ["one", "spacey 'q' argument", "it's"]),
        ("\"key='a b'c\"", ["key=a bc"]),
        ('a b=[1,2] \\"c\\"', ["a", "b=[1,2]", '"c"']),
    ],
)
def test_the_stand_in_takes_arguments_apart_as_htcondor_does(text: str, words: list[str]) -> None:
    assert split_words(text) == words


@submits
@pytest.mark.usefixtures("log_dir")
def test_awkward_arguments_reach_the_program_as_they_are(cluster: Cluster, tmp_path: Path) -> None:
    job = commands("train", append=f"arguments = {written_new(AWKWARD)}")
    environment = tmp_path / "environment"
    program = environment / "bin" / "thesis-train"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!{sys.executable}\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    program.chmod(0o755)
    given = dict(word.split("=", 1) for word in split_words(job["environment"]))
    said = cluster.ok(
        job["executable"], *split_words(job["arguments"]),
        **given, THESIS_ENVIRONMENT=str(environment),
    )  # fmt: skip
    before, passed = json.loads(said)[:3], json.loads(said)[3:]
    assert passed == AWKWARD
    assert before[0] == "env=stoomboot"
    assert re.fullmatch(
        r"run_dir=\$\{env\.output_root\}/runs/run_\d{8}-\d{6}_\$\{experiment\.name\}_condor12\.0",
        before[1],
    )
    assert before[2] == "resume=auto"


@submits
def test_a_list_and_a_path_with_a_space_reach_the_config(cluster: Cluster) -> None:
    words = [*QUICK, "stop_signals=[SIGTERM, SIGUSR1]", "env.data_root=/a b"]
    cluster.ok(
        "condor_submit", "-append", f"arguments = {written_new(words)}", SUBMIT_FILES["train"],
        CONDOR_WAIT="1",
    )  # fmt: skip
    (run_dir,) = (cluster.folder / "outputs" / "runs").iterdir()
    config = json.loads((run_dir / "facts" / "config.json").read_text())
    assert config["stop_signals"] == ["SIGTERM", "SIGUSR1"]
    assert config["env"]["data_root"] == "/a b"
    assert config["env"]["storage_root"] == cluster.environment["THESIS_STORAGE_ROOT"]


# ---- scripts


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed")
    done = subprocess.run(
        ["shellcheck", "--external-sources", f"--source-path={HPC}", str(script)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_no_file_holds_the_path_of_one_user() -> None:
    files = [path for folder in ("hpc", "configs") for path in (ROOT / folder).rglob("*")]
    texts = {path: path.read_text() for path in files if path.suffix != ".pyc" and path.is_file()}
    assert len(texts) > 100
    of_users = re.compile(r"(/users?|/home|/project/\w+)/(?!\$)\w")
    found = {path: match[0] for path, text in texts.items() if (match := of_users.search(text))}
    assert not found
    assert of_users.search("/data/atlas/users/marie/outputs")


def test_scripts_and_config_agree_on_where_things_are(cluster: Cluster) -> None:
    names = ("THESIS_OUTPUT_ROOT", "THESIS_DATA_ROOT", "THESIS_STORAGE_ROOT")
    show = " ".join(f'"${name}"' for name in names)
    script = f"source {HPC / 'settings.sh'}; printf '%s\\n' {show}"
    base = {"PATH": cluster.environment["PATH"], "USER": "somebody"}
    for chosen in ({}, {"THESIS_STORAGE_ROOT": "/group"}):
        site = Cluster(cluster.folder, base | chosen)
        by_scripts = site.ok("bash", "-c", script).splitlines()
        shown = site.ok("thesis-train", "env=stoomboot", "--cfg", "job", "--resolve")
        keys = ("output_root", "data_root", "storage_root")
        by_config = [re.search(rf"^  {key}: (.*)$", shown, re.MULTILINE)[1] for key in keys]
        assert by_scripts == by_config
        assert by_config[0].endswith("/users/somebody/outputs")


def test_a_job_without_an_environment_says_how_to_build_it(cluster: Cluster) -> None:
    done = cluster.run(HPC / "run.sh", THESIS_COMMAND="thesis-train", THESIS_ENVIRONMENT="/nowhere")
    assert done.returncode == 1
    assert "build the environment by" in done.stderr


def test_a_sweep_is_no_single_run(cluster: Cluster) -> None:
    environment = {"THESIS_COMMAND": "thesis-train", "THESIS_RUN": "1796000000-1.0"}
    done = cluster.run(HPC / "run.sh", "--multirun", *QUICK, **environment)
    assert done.returncode == 1
    assert "submit_queue.py SWEEP_DIR" in done.stderr
    assert not (cluster.folder / "outputs").exists()


def test_an_experiment_that_is_a_sweep_is_no_single_run(cluster: Cluster) -> None:
    """Its file says so, not a word of the command."""
    environment = {"THESIS_COMMAND": "thesis-train", "THESIS_RUN": "1796000000-1.0"}
    words = ["classifier/experiment=physics_baseline", "data.path=events.h5"]
    done = cluster.run(HPC / "run.sh", *words, **environment)
    assert done.returncode == 1
    assert "this config is a sweep" in done.stderr
    assert "plan the sweep by thesis-train --plan" in done.stderr
    assert not list(cluster.folder.glob("outputs/*/*"))


def test_a_job_has_its_caches_off_the_home_directory(cluster: Cluster, tmp_path: Path) -> None:
    program = tmp_path / "environment" / "bin" / "thesis-report"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\nenv\nulimit -n\nulimit -Hn\n")
    program.chmod(0o755)
    said = cluster.ok(
        HPC / "run.sh", HOME="/home/x", THESIS_COMMAND="thesis-report",
        THESIS_ENVIRONMENT=str(program.parents[1]), _CONDOR_SCRATCH_DIR="/scratch",
    )  # fmt: skip
    *lines, soft, hard = said.splitlines()
    assert soft == hard
    values = dict(line.partition("=")[::2] for line in lines)
    assert values["TMPDIR"] == "/scratch"
    caches = [name for name in values if re.search(r"CACHE|MPLCONFIGDIR|WANDB_.*DIR|TORCH", name)]
    assert len(caches) >= 8
    roots = (cluster.environment["THESIS_CACHE_ROOT"], "/scratch")
    assert all(values[name].startswith(roots) for name in caches)


def test_the_key_of_wandb_reaches_a_job_and_is_not_printed(cluster: Cluster) -> None:
    copy = cluster.folder / "checkout" / "hpc" / "stoomboot"
    shutil.copytree(HPC, copy)
    key = copy / ".wandb_env"
    key.write_text("WANDB_API_KEY=secret\nEXTRA='of our group'\n")
    key.chmod(0o600)
    program = cluster.folder / "environment" / "bin" / "thesis-report"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nprintf %s "$EXTRA"\ntest "$WANDB_API_KEY" = secret\n')
    program.chmod(0o755)
    environment = {
        "THESIS_COMMAND": "thesis-report",
        "THESIS_ENVIRONMENT": str(program.parents[1]),
    }
    done = cluster.run(copy / "run.sh", **environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "of our group", "")
    key.chmod(0o640)
    done = cluster.run(copy / "run.sh", **environment)
    assert (done.returncode, done.stdout) == (0, "of our group")
    assert f"chmod 600 {key}" in done.stderr
    assert "secret" not in done.stderr
    ignored = subprocess.run(
        ["git", "check-ignore", "hpc/stoomboot/.wandb_env", "hpc/stoomboot/.wandb_env.example"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if ignored.returncode != 128:  # not in an archive without git
        assert ignored.stdout.split() == ["hpc/stoomboot/.wandb_env"]


UV = """#!/bin/sh
mkdir "$CALLS/now" || { echo "two at a time" >&2; exit 3; }
sleep 0.3
echo "$UV_PROJECT_ENVIRONMENT $*" >> "$CALLS/all"
rmdir "$CALLS/now"
"""


def test_two_sessions_never_build_the_environment_at_once(cluster: Cluster) -> None:
    calls = cluster.folder / "calls"
    calls.mkdir()
    uv = cluster.folder / "bin" / "uv"
    uv.write_text(UV)
    uv.chmod(0o755)
    venv = cluster.folder / "venvs" / "x"
    venv.mkdir(parents=True)
    environment = {"CALLS": str(calls), "THESIS_ENVIRONMENT": str(venv)}
    started = [cluster.start(HPC / "setup.sh", **environment) for _ in range(3)]
    assert [process.communicate()[0] for process in started] == ["", "", ""]
    assert [process.returncode for process in started] == [0, 0, 0]
    said = (calls / "all").read_text().splitlines()
    assert said == [f"{venv} sync --project {ROOT} --locked --quiet"] * 3


def test_a_session_has_the_commands_at_hand(cluster: Cluster) -> None:
    uv = cluster.folder / "bin" / "uv"
    uv.write_text("#!/bin/sh\n")
    uv.chmod(0o755)
    folder = cluster.folder / "outputs" / "condor"
    script = f"unset THESIS_LOG_DIR; source {HPC / 'init_session.sh'} && command -v thesis-train"
    said = cluster.ok(
        "bash", "-euc", script, PATH=f"{cluster.folder / 'bin'}:/usr/bin:/bin",
        THESIS_ENVIRONMENT=_environment_beside(cluster),
    )  # fmt: skip
    assert said.splitlines()[-1] == f"{cluster.folder}/venv/bin/thesis-train"
    assert folder.is_dir()


def _environment_beside(cluster: Cluster) -> str:
    program = cluster.folder / "venv" / "bin" / "thesis-train"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return str(program.parents[1])


# ---- jobs


@submits
def test_a_training_that_is_evicted_goes_on_to_the_same_numbers(cluster: Cluster) -> None:
    """HTCondor starts it again with the same arguments; the wrapper finds its run."""
    submit = ("condor_submit", SUBMIT_FILES["train"], "-append", f"arguments = {' '.join(LONG)}")
    cluster.ok(*submit)
    runs = cluster.folder / "outputs" / "runs"
    wait_for(lambda: list(runs.glob("*/last.pt")))
    cluster.ok("condor_vacate_job", "1")
    wait_for(lambda: len(cluster.history()) == 4)
    assert cluster.history() == [
        ["start", "0"],
        ["end", "0", "85"],
        ["start", "0"],
        ["end", "0", "0"],
    ]
    (run_dir,) = runs.iterdir()

    cluster.ok(*submit, CONDOR_WAIT="1")
    (once,) = [path for path in runs.iterdir() if path != run_dir]
    assert losses(run_dir) == losses(once)
    assert re.fullmatch(r"run_\d{8}-\d{6}_test_mlp_condor1\.0", run_dir.name)


@submits
def test_a_failure_ends_a_job_with_its_exit_code(cluster: Cluster) -> None:
    cluster.ok(
        "condor_submit", SUBMIT_FILES["train"], "-append", "arguments = loop=mlp_classifier",
        CONDOR_WAIT="1",
    )  # fmt: skip
    # never toy events: the data set that is not named is missed
    assert cluster.history()[-1] == ["end", "0", "1"]
    assert "data.path" in (cluster.folder / "logs" / "train.1.0.err").read_text()


@submits
def test_a_queue_runs_so_many_jobs_at_a_time(cluster: Cluster) -> None:
    sweep = cluster.plan(*QUICK, "general.trainer.seed=1,2,3")
    assert [point.state for point in sweep_progress(sweep)] == ["missing"] * 3
    queue = HPC / "submit_queue.py"

    said = cluster.ok(queue, sweep, "--at-once", "1", "--dry-run", "gpus=0")
    assert "3 jobs: 0, 1, 2" in said
    assert "at_once=1" in said
    assert cluster.submitted() == []

    said = cluster.ok(queue, sweep, "--at-once", "1", "gpus=0", CONDOR_WAIT="1")
    assert "3 job(s) submitted to cluster 1" in said
    expected = [words for n in "012" for words in (["start", n], ["end", n, "0"])]
    assert cluster.history() == expected
    assert [point.state for point in sweep_progress(sweep)] == ["complete"] * 3
    assert "all points" in cluster.ok(queue, sweep)
    assert len(cluster.submitted()) == 1
    assert cluster.ok(queue, sweep, "--status").splitlines() == [
        "points  3 complete", "queue   no jobs"
    ]  # fmt: skip


@submits
def test_a_queue_that_was_removed_goes_on(cluster: Cluster) -> None:
    sweep = cluster.plan(*LONG, "general.trainer.seed=1,2")
    queue, first = HPC / "submit_queue.py", Path(sweep_progress(sweep)[0].point.run_dir)
    cluster.ok(queue, sweep, "--at-once", "1")
    wait_for((first / "last.pt").exists)
    assert "queue   1 running" in cluster.ok(queue, sweep, "--status")
    again = cluster.run(queue, sweep, "--at-once", "1")
    assert again.returncode == 1
    assert "in the queue already: found 1 running" in again.stderr
    assert "condor_rm 1" in again.stderr
    cluster.ok("condor_rm", "1")
    wait_for(lambda: len(cluster.history()) == 2)
    assert cluster.history()[-1] == ["end", "0", "85"]
    assert [p.state for p in sweep_progress(sweep)] == ["incomplete", "missing"]

    cluster.ok(queue, sweep, "--at-once", "2", CONDOR_WAIT="1")
    assert [p.state for p in sweep_progress(sweep)] == ["complete"] * 2
    moments = [event["moment"] for event in read_events(first)]
    assert moments.count("on_train_end") == 1


@submits
def test_a_removed_job_that_still_saves_is_waited_for(cluster: Cluster) -> None:
    sweep = cluster.plan(*LONG, "general.trainer.seed=1,2")
    queue, first = HPC / "submit_queue.py", Path(sweep_progress(sweep)[0].point.run_dir)
    cluster.ok(queue, sweep, "--at-once", "1")
    wait_for((first / "last.pt").exists)
    (holder,) = [job for job in cluster.jobs() if job["JobStatus"] == 2]
    os.kill(holder["pid"], signal.SIGSTOP)  # it would be gone in no time
    cluster.ok("condor_rm", "1")
    again = cluster.run(queue, sweep, "--at-once", "1")
    assert again.returncode == 1
    assert "found 1 being removed; wait for them to save" in again.stderr
    assert "queue   1 being removed" in cluster.ok(queue, sweep, "--status")
    assert re.search(r"^1\.0 +X$", cluster.ok("condor_q"), re.MULTILINE)
    os.kill(holder["pid"], signal.SIGCONT)
    wait_for(lambda: len(cluster.history()) == 2)
    assert "queue   no jobs" in cluster.ok(queue, sweep, "--status")


@submits
def test_a_list_that_has_no_job_in_the_queue_now_is_not_submitted_again(cluster: Cluster) -> None:
    """HTCondor makes the first job, and each next one, only after a while."""
    sweep = cluster.plan(*QUICK, "general.trainer.seed=1,2")
    queue, pause = HPC / "submit_queue.py", cluster.folder / "pause"
    pause.touch()
    cluster.ok(queue, sweep, "--at-once", "1", CONDOR_PAUSED=str(pause))
    assert cluster.ok("condor_q", "1").splitlines()[-1] == "Total for query: 0 jobs"
    again = cluster.run(queue, sweep, "--at-once", "1")
    assert again.returncode == 1
    assert "found 1 list that makes its next job later; wait, or remove them by" in again.stderr
    assert "queue   1 list" in cluster.ok(queue, sweep, "--status")
    assert len(cluster.submitted()) == 1
    pause.unlink()
    wait_for(lambda: len(cluster.history()) == 4)
    assert "all points" in cluster.ok(queue, sweep)
    assert "queue   no jobs" in cluster.ok(queue, sweep, "--status")


@submits
def test_a_sweep_that_needs_trust_gets_it_from_the_command_line(cluster: Cluster) -> None:
    sweep = cluster.plan(*QUICK, "+hydra.job.env_set.MARK=mine", "trust=true")
    cluster.ok(HPC / "submit_queue.py", sweep, "trust=true", CONDOR_WAIT="1")
    assert cluster.history() == [["start", "0"], ["end", "0", "0"]]


def test_a_plan_says_how_it_is_submitted(cluster: Cluster) -> None:
    done = cluster.run("thesis-train", "--plan", "env=stoomboot", *QUICK, "data.n_samples=200,300")
    assert re.search(r"run all +hpc/stoomboot/submit_queue\.py outputs/multi", done.stdout)
    assert "checking 2 points" in done.stderr


def test_without_a_session_the_queue_says_so(cluster: Cluster) -> None:
    """Where the machine has a Python of its own."""
    done = cluster.run(sys.executable, "-S", HPC / "submit_queue.py", ".", PYTHONPATH="")
    assert done.returncode == 1
    assert done.stderr == "this shell has no session: source hpc/stoomboot/init_session.sh\n"


def test_a_queue_that_was_killed_before_it_submitted_has_changed_nothing(cluster: Cluster) -> None:
    sweep = cluster.plan(*QUICK, "general.trainer.seed=1,2")
    slow = cluster.folder / "slow"
    slow.mkdir()
    (slow / "condor_submit").write_text(f"#!/bin/sh\ntouch {slow}/asked\nexec sleep 5\n")
    (slow / "condor_submit").chmod(0o755)
    path = f"{slow}:{cluster.environment['PATH']}"
    with cluster.start(HPC / "submit_queue.py", sweep, PATH=path) as process:
        wait_for((slow / "asked").exists)
        process.kill()
    assert cluster.submitted() == []
    assert [point.state for point in sweep_progress(sweep)] == ["missing"] * 2
    said = cluster.ok(HPC / "submit_queue.py", sweep, "--dry-run")
    assert "2 jobs: 0, 1" in said


@submits
def test_a_sweep_of_toy_events_is_not_submitted_by_accident(cluster: Cluster) -> None:
    cluster.ok("thesis-train", "--plan", *QUICK, "general.trainer.seed=1,2")
    (sweep,) = (cluster.folder / "outputs" / "multiruns").iterdir()
    done = cluster.run(HPC / "submit_queue.py", sweep)
    assert done.returncode == 1
    assert "env=stoomboot" in done.stderr
    assert cluster.run("condor_submit", SUBMIT_FILES["sweep"], f"sweep={sweep}").returncode == 1
    assert cluster.submitted() == []


@pytest.mark.parametrize(
    ("words", "message"),
    [(["."], "thesis-train --plan"), ([".", "--at-once", "0"], "at least 1")],
)
def test_a_queue_wants_a_planned_sweep(cluster: Cluster, words: list[str], message: str) -> None:
    done = cluster.run(HPC / "submit_queue.py", *words)
    assert done.returncode != 0
    assert message in done.stderr


@submits
def test_a_submission_without_a_session_is_refused(cluster: Cluster) -> None:
    """Jobs whose words could be written nowhere would only be held."""
    site = {k: v for k, v in cluster.environment.items() if k != "THESIS_LOG_DIR"}
    done = Cluster(cluster.folder, site).run("condor_submit", SUBMIT_FILES["train"])
    assert done.returncode == 1
    assert "UNDEFINED" in done.stderr


@submits
def test_a_report_is_a_job(cluster: Cluster) -> None:
    sweep = cluster.plan(*QUICK)
    cluster.ok("condor_submit", SUBMIT_FILES["sweep"], f"sweep={sweep}", CONDOR_WAIT="1")
    cluster.ok(
        "condor_submit", SUBMIT_FILES["report"], "-append",
        f"arguments = inputs.sweep_dir={sweep} outputs.which_figures=[]", CONDOR_WAIT="1",
    )  # fmt: skip
    assert cluster.history(2) == [["start", "0"], ["end", "0", "0"]]
    (report,) = (cluster.folder / "outputs" / "reports").glob("report_*")
    assert (report / "manifest.yaml").exists()
