"""What a sweep will do, written down before any of it is done.

`thesis-train --plan …` ends there: its points are then run one by one, wherever there is room,
each by `thesis-train --continue SWEEP_DIR --job N`.
"""

import copy
import os
import shlex
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.hydra import Hydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from thesis_data.config import DataConfig
from thesis_data.dataset_files import check_files
from thesis_facts.errors import ConfigError, ThesisError
from thesis_facts.locks import run_lock
from thesis_facts.sweeps import Point, SweepPlan, read_plan, write_plan
from thesis_loops.config import check_config
from thesis_train.application import compose_sweep
from thesis_train.directories import job_directory
from thesis_train.job import check_own_directory
from thesis_train.launching import job_overrides
from thesis_train.overrides import as_typed, experiment_first
from thesis_train.ranks import refuse_several
from thesis_train.summary import command_prefix, row, shown

_MOST_MISTAKES = 5


def plan_sweep(hydra: Hydra, arguments: Namespace, name: str, overrides: list[str]) -> None:
    """`thesis-train --plan …`: write down a sweep, every point of which could run."""
    refuse_several()
    config = compose_sweep(hydra, name, overrides, log=True)
    check_own_directory(config)
    if not is_grid(config):
        raise ConfigError(
            "only a sweep whose points are known beforehand can be planned",
            key="hydra/sweeper",
            found=config.hydra.sweeper._target_,
            expected="hydra/sweeper=basic, with the values to sweep over",
            do="run a search by --multirun: it chooses each point by the results of others",
        )
    points = grid(hydra, config)
    _check_points(hydra, config, points)
    sweep_dir = config.hydra.sweep.dir
    with run_lock(sweep_dir):
        check_new(sweep_dir)
        write_down(sweep_dir, arguments, config, points, point_by_point=True)
    on_stoomboot = "env=stoomboot" in as_typed(config.hydra.overrides.task)
    print(_planned(shown(Path(sweep_dir)), len(points), on_stoomboot))


def is_grid(config: DictConfig) -> bool:
    """Whether the points of a sweep are all combinations of its values."""
    return config.hydra.sweeper._target_.rpartition(".")[2] == BasicSweeper.__name__


def grid(hydra: Hydra, config: DictConfig) -> tuple[Point, ...]:
    """All points, in the order in which Hydra's basic sweeper numbers them."""
    sweeper: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=False)
    swept = [f"{key}={value}" for key, value in (sweeper["params"] or {}).items()]
    parser = OverridesParser.create(config_loader=hydra.config_loader)
    words = experiment_first([*swept, *as_typed(config.hydra.overrides.task)])
    parsed = parser.parse_overrides(words)
    (batch,) = BasicSweeper.split_arguments(parsed, max_batch_size=None)
    sweep_dir = config.hydra.sweep.dir
    return tuple(
        Point(job, job_directory(sweep_dir, job), tuple(overrides))
        for job, overrides in enumerate(batch)
    )


def check_new(sweep_dir: str) -> None:
    """Refuse to forget the points of an earlier sweep, where the directory was given by hand."""
    plan = read_plan(sweep_dir)
    if plan is not None and plan.points is not None:
        raise ConfigError(
            "the directory already holds a sweep",
            key="hydra.sweep.dir",
            found=sweep_dir,
            do=f"go on with it by thesis-train --continue {sweep_dir}",
        )


def write_down(
    sweep_dir: str,
    arguments: Namespace,
    config: DictConfig,
    points: tuple[Point, ...] | None,
    point_by_point: bool = False,
) -> None:
    """Write the plan of a sweep; `points` is None where its sweeper chooses them as it goes."""
    plan = SweepPlan(
        cwd=os.getcwd(),
        flags=_flags(arguments),
        task=tuple(as_typed(config.hydra.overrides.task)),
        hydra=tuple(as_typed(config.hydra.overrides.hydra)),
        points=points,
        point_by_point=point_by_point,
    )
    write_plan(sweep_dir, plan)


def _flags(arguments: Namespace) -> tuple[str, ...]:
    """Those that say where configs come from; folders absolute."""
    folders = {"--config-path": arguments.config_path, "--config-dir": arguments.config_dir}
    flags = [f"{flag}={os.path.abspath(path)}" for flag, path in folders.items() if path]
    return (*flags, *([f"--config-name={arguments.config_name}"] if arguments.config_name else []))


def _check_points(hydra: Hydra, config: DictConfig, points: tuple[Point, ...]) -> None:
    counted = "1 point" if len(points) == 1 else f"{len(points)} points"
    print(f"checking {counted} …", file=sys.stderr, flush=True)
    mistakes = []
    for point in points:
        try:
            data = check_config(_config_of_job(hydra, config, point)).data
            if isinstance(data, DataConfig):
                check_files(data)
        except (HydraException, ThesisError) as error:
            mistakes.append(f"job {point.job} ({shlex.join(point.overrides)}): {error}")
    if mistakes:
        more = len(mistakes) - _MOST_MISTAKES
        listed = [*mistakes[:_MOST_MISTAKES], *([f"and {more} more"] if more > 0 else [])]
        raise ConfigError(
            f"{len(mistakes)} of {len(points)} points can't run; nothing was planned:\n  "
            + "\n  ".join(listed)
        )


def _config_of_job(hydra: Hydra, config: DictConfig, point: Point) -> DictConfig:
    """The config that a point would train with, as its launcher will compose it."""
    composed = hydra.config_loader.load_sweep_config(config, job_overrides(point))
    with read_write(composed), open_dict(composed):
        composed.hydra.job.num = point.job
        composed.hydra.job.id = str(point.job)
        composed.hydra.runtime.output_dir = point.run_dir
        HydraConfig.instance().set_config(copy.deepcopy(composed))  # for ${hydra:…}
        del composed["hydra"]
    check_own_directory(composed)
    return composed


def _planned(sweep: str, n_points: int, on_stoomboot: bool) -> str:
    quoted = shlex.quote(sweep)
    command = f"{command_prefix()}thesis-train --continue {quoted}"
    # A login node, where this is typed, is for all its users.
    run_all = f"hpc/stoomboot/submit_queue.py {quoted}" if on_stoomboot else command
    lines = [
        row("sweep", sweep),
        row("points", f"{n_points}, none of which has run"),
        row("run one", f"{command} --job 0" + (f"   (to {n_points - 1})" if n_points > 1 else "")),
        row("run all", run_all),
    ]
    return "\n".join(lines)
