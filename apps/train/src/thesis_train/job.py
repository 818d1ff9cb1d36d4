"""One training job: check its config, accept its directory, run its loop."""

import logging
import math
import os
import re
import shlex
import shutil
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from thesis_facts.builders import build_event_payload
from thesis_facts.discovery import write_pointer
from thesis_facts.errors import ConfigError, LockedError, RunError, ThesisError
from thesis_facts.events import COMPLETE, events_file, read_outline
from thesis_facts.locks import run_lock
from thesis_facts.writers import append_jsonl_event, write_atomic
from thesis_loops.config import RunConfig, check_config
from thesis_loops.engine.signals import Interrupted
from thesis_train.directories import is_reserved, job_number
from thesis_train.dispatch import find_loop
from thesis_train.overrides import as_typed
from thesis_train.ranks import is_main, leave_with, meet, mute_others, on_rank_zero
from thesis_train.stopping import (
    Stopped,
    asked_to_stop,
    heed,
    in_queue,
    in_worker,
    leave_queue,
    remember,
    requeue_signal,
    unless,
    worker_job,
)
from thesis_train.summary import command_prefix, shown, summarise

log = logging.getLogger("thesis_train")

# What a run directory holds before its loop begins.
_OURS = {".hydra", ".lock", "train.log"}


def run_job(cfg: DictConfig) -> float | None:
    """Task function of Hydra: the objective, or None where the job was done before."""
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        with worker_job() if in_worker() else nullcontext():
            return _run_job_of_sweep(cfg)
    mute_others()
    run_dir = Path(HydraConfig.get().runtime.output_dir)
    given = cfg.run_dir
    with open_dict(cfg):
        cfg.run_dir = str(run_dir)
    try:
        return _train(cfg, _check_alone(cfg, given), run_dir)
    except Interrupted as stop:
        if is_main():
            print(f"\n{stop}:\n  {_resume_command(run_dir)}", file=sys.stderr)
        sys.exit(stop.exit_code)
    except ThesisError as error:  # here, since Hydra would put lines of its own around it
        leave_with(error)
    finally:
        if is_main() and is_reserved(run_dir) and _never_began(run_dir):
            shutil.rmtree(run_dir)


def _check_alone(cfg: DictConfig, given: str | None) -> RunConfig:
    """The config of a job that is no sweep's; all ranks refuse it at the same point."""
    try:
        config = check_config(cfg)
        if config.resume is not None and given is None:
            raise ConfigError(
                "nothing to go on with",
                key="resume",
                found=config.resume,
                do="name the run with run_dir=…",
            )
    except ConfigError:
        meet()  # Hydra on a slower rank would make the directory again that rank 0 removes
        raise
    return config


def _run_job_of_sweep(cfg: DictConfig) -> float | None:
    """A job whose directory already holds a run goes on with it, and its failure is a fact."""
    _leave_if_asked()
    if in_queue() and "SLURM_CPUS_ON_NODE" in os.environ:  # torch would take all of the machine
        os.environ.setdefault("OMP_NUM_THREADS", os.environ["SLURM_CPUS_ON_NODE"])
    run_dir = Path(HydraConfig.get().runtime.output_dir)
    begun = os.path.exists(events_file(run_dir))
    try:
        _tell_job(cfg, run_dir, begun)
        return _train(cfg, check_config(cfg), run_dir)
    except Interrupted as stop:
        remember(stop.exit_code)
        print(f"\n{stop}", file=sys.stderr)
        if in_queue():
            leave_queue(stop.signal_name)
        _leave_if_asked()
    except Stopped:
        raise
    except Exception as error:
        if isinstance(error, ThesisError):
            print(f"{shown(run_dir)} failed: {error}", file=sys.stderr)
        else:
            log.exception(f"{shown(run_dir)} failed")
        if not begun and not isinstance(error, LockedError):
            record_failure(run_dir, error)
        # The other jobs go on. This class survives the way from another process.
        raise CompactHydraException(_said(error)) from error


def check_own_directory(cfg: DictConfig) -> None:
    """Refuse the keys that go on with one run where there are many."""
    for key in ("run_dir", "resume"):
        if cfg.get(key) is not None:
            raise ConfigError(
                "this config is a sweep, and each job of a sweep has a directory of its own",
                key=key,
                found=cfg[key],
                do="leave it out, or plan the sweep by thesis-train --plan … and go on with it by "
                "thesis-train --continue SWEEP_DIR",
            )


def record_failure(run_dir: Path, error: Exception) -> None:
    """Make a failure before the first step visible.

    Where there are events the loop has told it, or the run is another process's.
    """
    with suppress(LockedError), run_lock(run_dir):
        if not os.path.exists(events_file(run_dir)):
            append_jsonl_event(
                run_dir, build_event_payload("on_exception", run_dir=run_dir, error=error)
            )


def _train(cfg: DictConfig, config: RunConfig, run_dir: Path) -> float | None:
    if not on_rank_zero(lambda: _accept(cfg, run_dir)):
        return None
    if is_main():  # at once, since loading torch takes seconds
        print(f"{config.loop} in {shown(run_dir)}", file=sys.stderr, flush=True)
    heed(config.stop_signals)
    loop = find_loop(config.loop)
    _leave_if_asked()
    with unless(lambda: _is_complete(run_dir)):
        results = loop(cfg)
        if is_main():
            print(f"\n{summarise(results, shown(run_dir))}")
    return _objective(results, config.objective)


def _accept(cfg: DictConfig, run_dir: Path) -> bool:
    """Write the first files of a run; False where another process finished this job meanwhile."""
    in_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    with run_lock(run_dir):
        has_begun = os.path.exists(events_file(run_dir))
        if in_sweep and _is_complete(run_dir):
            return False
        if not has_begun or (cfg.resume is not None and not (run_dir / ".hydra").exists()):
            _save_configs(cfg, run_dir)
    return True


def _is_complete(run_dir: Path) -> bool:
    try:
        return read_outline(run_dir).status == COMPLETE
    except RunError:  # no event, or none that was written to its end
        return False


def _never_began(run_dir: Path) -> bool:
    return {path.name for path in run_dir.iterdir()} <= _OURS


def _save_configs(cfg: DictConfig, run_dir: Path) -> None:
    """Write `.hydra/`, as Hydra would before anything was checked.

    That of a run that began stays: it is gone on with under the same config, or not at all.
    """
    contents = {
        "config.yaml": cfg,
        "hydra.yaml": HydraConfig.instance().cfg,
        "overrides.yaml": OmegaConf.create(as_typed(HydraConfig.get().overrides.task)),
    }
    for name, content in contents.items():
        text = OmegaConf.to_yaml(content).encode()
        write_atomic(run_dir / ".hydra" / name, lambda file, text=text: file.write(text))


def _tell_job(cfg: DictConfig, run_dir: Path, begun: bool) -> None:
    """Put into the config what only Hydra knows, and the job into its sweep's directory."""
    check_own_directory(cfg)
    hydra = HydraConfig.get()
    number = _number_by_directory(run_dir)
    with open_dict(cfg):
        cfg.run_dir = str(run_dir)
        cfg.job_id = str(hydra.job.id)
        cfg.resume = "auto" if begun else None
        if in_queue() and requeue_signal() not in cfg.stop_signals:
            cfg.stop_signals = [*cfg.stop_signals, requeue_signal()]
    write_pointer(hydra.sweep.dir, number, run_dir, as_typed(hydra.overrides.task))


def _number_by_directory(run_dir: Path) -> int:
    """The number of a job, which `${hydra:job.num}` then gives as well.

    A launcher numbers those that it runs now, so that a point that is gone on with may have
    another one than it had. An id that a cluster gave stays.
    """
    job: Any = HydraConfig.get().job
    number, launched = job_number(str(run_dir)), job.num
    if number is None:
        return launched
    with read_write(job), open_dict(job):
        if job.id in (str(launched), f"{job.name}_{launched}"):
            job.id = re.sub(r"\d+$", str(number), job.id)
        job.num = number
    return number


def _leave_if_asked() -> None:
    """End this job where its process was asked to stop: all of the sweep, if it is the sweep's."""
    code = asked_to_stop()
    if code is None:
        return
    if in_worker():
        raise Stopped("the sweep was asked to stop")
    sys.exit(code)


def _said(error: Exception) -> str:
    return str(error) if isinstance(error, ThesisError) else f"{type(error).__name__}: {error}"


def _objective(results: dict[str, Any], name: str) -> float:
    value = results[name]
    if value is None or not math.isfinite(value):
        raise ThesisError("the objective is not finite", key=name, found=value)
    return float(value)


def _resume_command(run_dir: Path) -> str:
    given = [
        override
        for override in as_typed(HydraConfig.get().overrides.task)
        if override.split("=", 1)[0] not in ("run_dir", "resume")
    ]
    hydra_config = HydraConfig.get()
    flags = [
        f"--config-dir={source.path}"
        for source in hydra_config.runtime.config_sources
        if source.provider == "command-line"
    ]
    # One job alone, also where a config file asks for a sweep (hydra: experiment).
    alone = [word for word in as_typed(hydra_config.overrides.hydra) if word == "hydra.mode=RUN"]
    words = [*flags, *given, *alone, f"run_dir={shown(run_dir)}", "resume=auto"]
    return f"{command_prefix()}thesis-train {shlex.join(words)}"
