"""Every command that the guide prints is run, as it is printed, where a user would stand."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from guide_pages import PAGES, ROOT, Command, CommandError, commands, files, filled, scripts

# Records of what was tried, for hours, on events that are not here: not run.
RECORDS = ("performance.md", "results.md")

SWEEP = "thesis-train --multirun classifier.trainer.seed=1,2"
REPORT = "thesis-report inputs.sweep_dir=outputs/multiruns/exp_* outputs.which_figures=[]"

# What a page takes for granted: commands of other pages.
BEFORE = {
    "adding_a_report.md": [SWEEP],
    "classifiers.md": [
        "thesis-train classifier.trainer.interpretability.enabled=true classifier.trainer.epochs=10"
    ],
    "monitoring.md": [SWEEP],
    "reports.md": [SWEEP, REPORT],
    "sweeps.md": ["cd my_configs/classifier/experiment; cp seeds.yaml mine.yaml"],
    "train.md": [f"thesis-train run_dir=outputs/runs/{name}" for name in ("run_A", "run_B")],
    "troubleshooting.md": [SWEEP],
}

# What of a command is another here, and why.
INSTEAD = {
    # a few points in the place of many
    "classifier/experiment=attention_biases": "classifier/experiment=attention_biases "
    "classifier.model.attention_biases=none,lorentz_scalar+sm_interaction",
    "classifier/experiment=attention_biases hydra/launcher=joblib": "hydra/launcher=joblib "
    "classifier/experiment=attention_biases classifier.model.attention_biases=none "
    "classifier.trainer.seed=0,1",
    "classifier/experiment=hyperparameter_search": "classifier/experiment=hyperparameter_search "
    "hydra.sweeper.n_trials=2",
    "hydra.sweeper.n_trials=20": "hydra.sweeper.n_trials=2",
    # the run of that command, and not the newest one
    "lr=3e-4 run_dir=$THESIS_OUTPUT_ROOT/runs/run_…": "lr=3e-4 "
    "run_dir=$THESIS_OUTPUT_ROOT/runs/run_…_condor1.0",
    # only planned: apps/train tries it on a real Slurm
    "--multirun hydra/launcher=submitit_slurm": "--plan hydra/launcher=submitit_slurm",
    # a folder of the cluster
    "cd /project/atlas/users/$USER": "cd .",
    # what another machine would do: one machine, and one process
    "--nnodes=2": "--nnodes=1",
    "--nproc-per-node=4": "--nproc-per-node=1",
    "--node-rank=1": "--node-rank=0",
    "FIRST_MACHINE": "localhost",
}

# Programs that are not run, and what is asked of them instead.
STAND_INS = {
    # the environment of this test is what `uv run` and `uv sync` would make
    "uv": '[ "$1" = sync ] && exit\n[ "$1" = run ]; shift\n'
    'while [[ "$1" == --* ]]; do shift; done\nexec "$@"\n',
    # no network
    "pip": '[[ "$*" =~ ^install\\ (uv|thesis-[a-z]+(\\[[a-z,]+\\])?)$ ]]\n',
    "git": '[ "$1" = clone ]\nmkdir "${@: -1}"\n',
    "ssh": "[ $# = 1 ]\n",
    # it runs this test among others: only the names of its sessions are checked
    "nox": f'exec {sys.executable} -m nox --noxfile {ROOT / "noxfile.py"} --list "$@"\n',
    # parses with the real bindings and runs jobs here
    "condor_submit": f'exec {sys.executable} {ROOT / "tests/condor.py"} condor_submit "$@"\n',
    "condor_q": f'exec {sys.executable} {ROOT / "tests/condor.py"} condor_q "$@"\n',
}

SAMPLES = ("events.h5", "FILE.h5", "other.h5")

# Lines that change the shell they are typed in: what follows on the page needs them as well.
KEPT = ("source ", "export ")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of stand-ins, to go first on PATH."""
    folder = tmp_path_factory.mktemp("environment") / "bin"
    folder.mkdir()
    for name, script in STAND_INS.items():
        (folder / name).write_text(f"#!/bin/bash\nset -eu\n{script}")
        (folder / name).chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, Path(__file__).with_name("warm_commands.py"), folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )
    with server:  # closes its stdin, which ends it
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield folder


@pytest.fixture(scope="module")
def sample(programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small file of events."""
    folder = tmp_path_factory.mktemp("sample")
    make = "thesis-train data.path=events.h5 data.synthetic.n_events=400 loop=mlp_classifier"
    run(make, folder, environment_of(folder, programs))
    return folder / "events.h5"


def environment_of(folder: Path, programs: Path) -> dict[str, str]:
    """Of a shell in this folder; what is the cluster's lies there as well."""
    return {
        **{k: v for k, v in os.environ.items() if not k.startswith(("THESIS_", "WANDB_"))},
        "PATH": f"{programs}:{Path(sys.prefix) / 'bin'}:{os.environ['PATH']}",
        "HOME": str(folder),
        "OMP_NUM_THREADS": "1",
        "CONDOR_STAND_IN": str(folder / "queue"),
        "CONDOR_WAIT": "1",
    }


def cluster_of(folder: Path, programs: Path) -> dict[str, str]:
    """What a group may have set for its sessions on the cluster."""
    return {
        "THESIS_ENVIRONMENT": str(programs.parent),
        "THESIS_STORAGE_ROOT": str(folder / "storage"),
        "THESIS_OUTPUT_ROOT": str(folder / "outputs"),
        "THESIS_DATA_ROOT": str(folder),
    }


@pytest.fixture
def wandb_server() -> Iterator[dict[str, str]]:
    """A server on this machine that answers as W&B does, and how to find it."""
    members = (ROOT / "apps/wandb/tests", ROOT / "packages/thesis-loops/tests")
    serve = (
        "import sys, api_server as w\n"
        "with w.ApiServer() as server: print(server.url, w.API_KEY, flush=True), sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", serve],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": ":".join(map(str, members))},
    )
    with process:  # closes its stdin, which ends it
        assert process.stdout is not None
        url, key = process.stdout.readline().split()
        yield {"WANDB_BASE_URL": url, "WANDB_API_KEY": key}


def typed(page: Path) -> list[Command]:
    """All that a reader of the page would run, in its order."""
    own = [] if page.name.startswith("adding_") else scripts(page)  # those have their own tests
    return sorted([*commands(page), *own], key=lambda command: command.line)


# What a newcomer types first, and what runs where nobody looks, is tried each time.
EACH_TIME = ("README.md", "index.md", "getting_started.md", "data.md", "cluster.md", "wandb.md")

WITH_COMMANDS = [
    pytest.param(page, id=page.stem, marks=() if page.name in EACH_TIME else pytest.mark.slow)
    for page in PAGES
    if page.name not in RECORDS and typed(page)
]


@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_every_command_runs(
    page: Path, programs: Path, sample: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    environment = environment_of(tmp_path, programs)
    if page.name == "cluster.md":
        environment |= cluster_of(tmp_path, programs)
    if page.name == "wandb.md":
        environment |= request.getfixturevalue("wandb_server")
    furnish(tmp_path, page, sample)
    for command in BEFORE.get(page.name, []):
        run(command, tmp_path, environment)
    kept = ""
    for command in typed(page):
        try:
            run(kept + adapted(command, tmp_path, environment), tmp_path, environment)
            check_jobs(tmp_path / "queue")
        except CommandError as failure:
            what = f"{command.place}: {failure}"
            raise pytest.fail.Exception(what, pytrace=False) from None
        if command.text.startswith(KEPT):
            kept += f"{command.text} >/dev/null\n"


def furnish(folder: Path, page: Path, sample: Path) -> None:
    """What lies in the folder of somebody who follows the page."""
    shutil.copytree(ROOT / "hpc", folder / "hpc")
    for name in SAMPLES:
        shutil.copy(sample, folder / name)
    for name, content in files(page):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def adapted(command: Command, folder: Path, environment: Mapping[str, str]) -> str:
    """As it is run here."""
    longest_first = sorted(INSTEAD, key=len, reverse=True)
    printed = re.compile("|".join(map(re.escape, longest_first)))
    text = printed.sub(lambda match: INSTEAD[match[0]], command.text)
    return filled(text, folder, environment)


def run(command: str, folder: Path, environment: Mapping[str, str]) -> None:
    """Run it as a shell would; one that fails is an error that shows what it said."""
    done = subprocess.run(
        ["bash", "-euc", command], cwd=folder, env=environment, check=False, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=200,
    )  # fmt: skip
    if done.returncode != 0:
        raise CommandError(f"{command}\nended with {done.returncode}:\n{done.stdout}")


def check_jobs(queue: Path) -> None:
    """The command that submits a job does not say how it ended."""
    for path in queue.glob("*/*.json"):
        content = json.loads(path.read_text())
        if content["state"].get("ExitCode") != 0:
            raise CommandError(Path(content["job"]["error"]).read_text())
