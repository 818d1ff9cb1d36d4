"""Jobs of a sweep in a queue, which submitit hands to Slurm (or starts on this machine).

submitit's own waiting needs Slurm's accounting, and gives up all jobs for one that was killed.
"""

import logging
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, filter_overrides
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher

from thesis_facts.errors import ConfigError, RunError

log = logging.getLogger("thesis_train")

_OF_QUEUES = "hydra_plugins.hydra_submitit_launcher.submitit_launcher"
_LONGEST_BETWEEN_QUESTIONS_S = 60  # squeue asks one daemon that all users of a cluster share
_SETTLING_S = 5  # of a shared file system, until what another machine wrote is seen here


def has_queue(launcher: Launcher) -> bool:
    """Whether a launcher hands jobs to a queue and then only waits for them."""
    return type(launcher).__module__ == _OF_QUEUES


def run_in_queue(
    launcher: Any, job_overrides: Sequence[list[str]], first: int
) -> Iterator[JobReturn]:
    """Submit all jobs, as one array of Slurm, and wait for one after the other.

    Raises
    ------
    ConfigError
        A key of the launcher has no use here, or Slurm refuses it.
    RunError
        There is no Slurm, or jobs that an earlier command submitted are in the queue.
    """
    jobs = _submit(launcher, job_overrides, first)
    is_slurm = launcher._EXECUTOR == "slurm"
    queue = _Queue([job.job_id for job in jobs]) if is_slurm else None
    try:
        for job in jobs:
            yield _outcome(job, queue)
    except SystemExit:
        if is_slurm:
            array = jobs[0].job_id.partition("_")[0]
            print(f"its jobs stay in the queue; scancel {array} would end them", file=sys.stderr)
        raise


def _submit(launcher: Any, job_overrides: Sequence[list[str]], first: int) -> list[Any]:
    from submitit.core.utils import FailedJobError  # needs the extra `submitit`

    folder = Path(launcher.params["submitit_folder"]).parent
    _check(launcher.params)
    executor = _executor(launcher)
    if launcher._EXECUTOR == "slurm":
        _refuse_queued(folder)
    state = Singleton.get_state()
    calls = []
    for number, words in enumerate(job_overrides, first):
        log.info("\t#%d : %s", number, " ".join(filter_overrides(words)))
        calls.append((list(words), "hydra.sweep.dir", number, f"job_id_for_{number}", state))
    if not calls:
        return []
    try:
        jobs = executor.map_array(launcher, *zip(*calls, strict=True))
    except FailedJobError as error:
        said = str(error).strip().splitlines()[-1]
        raise ConfigError("Slurm refuses the jobs", key="hydra.launcher", found=said) from error
    log.info("%d jobs submitted; what they print is in %s", len(jobs), folder)
    return jobs


def _check(params: dict[str, Any]) -> None:
    """Refuse what would end in jobs that can't run, or run more than was asked for."""
    for key in ("nodes", "tasks_per_node"):
        if params[key] != 1:
            raise ConfigError(
                "each job of a sweep is one process",
                key=f"hydra.launcher.{key}",
                found=params[key],
                expected="1",
                do="for one training over several processes see docs/several_processes.md",
            )
    delay, seconds = params.get("signal_delay_s"), 60 * params["timeout_min"]
    if delay is not None and delay >= seconds:
        raise ConfigError(
            "no time before the signal",
            key="hydra.launcher.signal_delay_s",
            found=delay,
            expected=f"less than the {seconds} seconds of hydra.launcher.timeout_min",
        )
    for key, value in params.items():
        if isinstance(value, str) and len(value.splitlines()) > 1:  # sbatch would run the second
            raise ConfigError(
                "more than one line", key=f"hydra.launcher.{key}", found=value, expected="one"
            )


def _executor(launcher: Any) -> Any:
    """As the plugin makes it of its keys."""
    from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf
    from submitit import AutoExecutor

    params, cluster = dict(launcher.params), launcher._EXECUTOR
    options = {"folder": params.pop("submitit_folder")}
    if "max_num_timeout" in params:
        options[f"{cluster}_max_num_timeout"] = params.pop("max_num_timeout")
    try:
        executor = AutoExecutor(cluster=cluster, **options)
    except RuntimeError as error:
        raise RunError(
            "no Slurm here",
            found=str(error),
            do="log in to a machine that can submit jobs, or use hydra/launcher=joblib",
        ) from error
    common = BaseQueueConf.__dataclass_fields__
    executor.update_parameters(
        **{key if key in common else f"{cluster}_{key}": value for key, value in params.items()}
    )
    return executor


def _refuse_queued(folder: Path) -> None:
    """Submit no point twice: a command that ended may have left its jobs in the queue."""
    folders = [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    without = {path.name for path in folders if not list(path.glob("*_result.pkl"))}
    left = sorted(without & _ask_slurm()) if without else []
    if left:
        ids = sorted({job.partition("_")[0] for job in left})
        raise RunError(
            "jobs of this sweep are in the queue already",
            found=", ".join(left),
            do=f"wait for them, or end them by scancel {' '.join(ids)}; then give it again",
        )


class _Queue:
    """Which of some jobs are in the queue of Slurm, asked less and less often."""

    def __init__(self, jobs: Sequence[str]) -> None:
        self._jobs = jobs
        self._began = self._asked = time.monotonic()
        self._gone: dict[str, float] = {}  # since when

    def has(self, job: str) -> bool:
        """Whether it is pending or running, or was just now; so also while nobody answers."""
        now = time.monotonic()
        if now - self._asked > min(
            _LONGEST_BETWEEN_QUESTIONS_S, max(1.0, (now - self._began) / 10)
        ):
            self._asked = now
            with suppress(RunError):  # its daemon is down or busy
                present = _ask_slurm()
                gone = [job for job in self._jobs if job not in present]
                self._gone = {job: self._gone.get(job, now) for job in gone}
        return now - self._gone.get(job, now) < _SETTLING_S


def _ask_slurm() -> set[str]:
    """Ids of all jobs of this user that are in the queue, each of an array on its own."""
    command = ["squeue", "--noheader", "--array", "--format=%i", f"--user={os.getuid()}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip()
        raise RunError("Slurm does not answer", key=shlex.join(command), found=said)
    return set(done.stdout.split())


def _outcome(job: Any, queue: _Queue | None) -> JobReturn:
    """What a job returned, once it did; a failure where it never will."""
    from submitit.core.utils import pickle_load

    result = job.paths.result_pickle
    while not result.exists() and (queue.has(job.job_id) if queue else not job.done()):
        time.sleep(0.5)
    if not result.exists():
        printed = [path for path in (job.paths.stderr, job.paths.stdout) if path.exists()]
        return _failed(
            f"it ended without a result: see {printed[0]}"
            if printed
            else "it was taken from the queue before it began"
        )
    outcome, value = pickle_load(result)
    if outcome == "error":
        return _failed(str(value).strip().splitlines()[-1])
    return value


def _failed(reason: str) -> JobReturn:
    return JobReturn(status=JobStatus.FAILED, _return_value=CompactHydraException(reason))
