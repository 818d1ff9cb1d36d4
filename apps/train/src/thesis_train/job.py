"""One training job, or many: compose the config, check it, run its loop."""

import math
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig, open_dict

from thesis_facts.builders import build_event_payload
from thesis_facts.discovery import write_pointer
from thesis_facts.errors import ConfigError, ThesisError
from thesis_facts.writers import append_jsonl_event
from thesis_loops.config import check_config
from thesis_loops.engine.signals import EXIT_CTRL_C, Interrupted
from thesis_train.config import CONFIG_DIR
from thesis_train.directories import register_resolvers
from thesis_train.dispatch import find_loop
from thesis_train.overrides import config_dirs, normalise
from thesis_train.spelling import check_spelling
from thesis_train.summary import command_prefix, summarise

_OF_HYDRA = {".hydra", "train.log"}  # what a run directory holds before a loop begins


def run_jobs(arguments: list[str]) -> None:
    """Run what a command line asks for: one job, or those of a sweep."""
    words = normalise(arguments)
    try:
        check_spelling(words, config_dirs(words))
    except ConfigError as error:
        sys.exit(str(error))
    sys.argv[1:] = words  # Hydra reads it there
    register_resolvers()
    try:
        _hydra_main()
    except KeyboardInterrupt:  # a second ctrl-C; or the first, where jobs are other processes
        sys.exit(EXIT_CTRL_C)


@hydra.main(version_base="1.3", config_path=CONFIG_DIR, config_name="config")
def _hydra_main(cfg: DictConfig) -> float:
    try:
        return _run_job(cfg)
    except ThesisError as error:
        if HydraConfig.get().mode == RunMode.MULTIRUN:  # the other jobs go on
            raise CompactHydraException(str(error)) from error
        sys.exit(str(error))


def _run_job(cfg: DictConfig) -> float:
    run_dir = Path(HydraConfig.get().runtime.output_dir)
    in_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    given = cfg.run_dir
    _tell_job(cfg, run_dir, in_sweep)
    try:
        config = check_config(cfg)
        _check_directory(given, config.resume, in_sweep)
    except ConfigError as error:
        _leave_no_run(run_dir, error, in_sweep, resuming=given is not None)
        raise
    # At once, since loading torch takes seconds.
    print(f"{config.loop} in {_shown(run_dir)}", file=sys.stderr, flush=True)
    try:
        results = find_loop(config.loop)(cfg)
    except Interrupted as stop:
        print(f"\n{stop}:\n  {_resume_command(run_dir)}", file=sys.stderr)
        sys.exit(stop.exit_code)
    print(f"\n{summarise(results, _shown(run_dir))}")
    return _objective(results, config.objective)


def _tell_job(cfg: DictConfig, run_dir: Path, in_sweep: bool) -> None:
    """Put into the config what only Hydra knows, and the job into its sweep's directory."""
    with open_dict(cfg):
        cfg.run_dir = str(run_dir)
    if not in_sweep:
        return
    job = HydraConfig.get().job
    with open_dict(cfg):
        cfg.job_id = str(job.id)
    sweep_dir = HydraConfig.get().sweep.dir
    write_pointer(sweep_dir, job.num, run_dir, list(HydraConfig.get().overrides.task))


def _check_directory(given: str | None, resume: str | None, in_sweep: bool) -> None:
    """Keys that a new directory would silently ignore."""
    if in_sweep and given is not None:
        raise ConfigError(
            "each job of a sweep gets a new directory",
            key="run_dir",
            found=given,
            do="leave it out, or go on with one job by hydra.mode=RUN",
        )
    if resume is not None and given is None:
        raise ConfigError(
            "nothing to go on with", key="resume", found=resume, do="name the run with run_dir=…"
        )


def _leave_no_run(run_dir: Path, error: ConfigError, in_sweep: bool, resuming: bool) -> None:
    """A mistyped key is no run; in a sweep, though, a point that failed must be seen."""
    if in_sweep:
        event = build_event_payload("on_exception", run_dir=run_dir, error=error)
        append_jsonl_event(run_dir, event)
    elif not resuming and {path.name for path in run_dir.iterdir()} <= _OF_HYDRA:
        shutil.rmtree(run_dir)  # whatever else is in it (hydra.run.dir=.) is the user's


def _objective(results: dict[str, Any], name: str) -> float:
    value = results[name]
    if value is None or not math.isfinite(value):
        raise ThesisError("the objective is not finite", key=name, found=value)
    return float(value)


def _resume_command(run_dir: Path) -> str:
    given = [
        override
        for override in HydraConfig.get().overrides.task
        if override.split("=", 1)[0] not in ("run_dir", "resume")
    ]
    hydra_config = HydraConfig.get()
    flags = [
        f"--config-dir={source.path}"
        for source in hydra_config.runtime.config_sources
        if source.provider == "command-line"
    ]
    # One job alone, also where a config file asks for a sweep (hydra: experiment).
    mode_given = any(word.startswith("hydra.mode=") for word in hydra_config.overrides.hydra)
    in_sweep = hydra_config.mode == RunMode.MULTIRUN
    alone = ["hydra.mode=RUN"] if in_sweep or mode_given else []
    words = [*flags, *given, *alone, f"run_dir={_shown(run_dir)}", "resume=auto"]
    return f"{command_prefix()}thesis-train {shlex.join(words)}"


def _shown(path: Path) -> str:
    """Relative to the working directory where it is below it: short, and still pasteable."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
