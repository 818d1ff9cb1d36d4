"""Sweeps: all points are known from the beginning, and only those that are not done are run."""

import os
import sys
import warnings
from argparse import Namespace
from pathlib import Path

from hydra._internal.hydra import Hydra
from hydra._internal.utils import get_args_parser
from omegaconf import DictConfig

from thesis_facts.errors import ConfigError, RunError
from thesis_facts.events import COMPLETE, INCOMPLETE
from thesis_facts.locks import run_lock
from thesis_facts.sweeps import MISSING, RUNNING, Point, point_progress, read_plan, sweep_progress
from thesis_train.application import compose_sweep, open_hydra
from thesis_train.job import check_own_directory, run_job
from thesis_train.launching import failure_of, failure_to_compose, launch, opened_launcher, quoted
from thesis_train.planning import check_new, grid, is_grid, write_down
from thesis_train.point import find_point, run_point
from thesis_train.ranks import refuse_several
from thesis_train.stopping import asked_to_stop
from thesis_train.summary import work_in
from thesis_train.sweep_summary import has_unfinished, summarise_sweep


def start_sweep(hydra: Hydra, arguments: Namespace, name: str, overrides: list[str]) -> None:
    """Write down what a new sweep will do, and do it."""
    refuse_several()
    config = compose_sweep(hydra, name, overrides, log=True)
    check_own_directory(config)
    if _is_search(config):
        _search(hydra, arguments, overrides, config)
        return
    sweep_dir = config.hydra.sweep.dir
    points = grid(hydra, config) if is_grid(config) else None
    with run_lock(sweep_dir):
        check_new(sweep_dir)
        write_down(sweep_dir, arguments, config, points)
        if points is not None:
            _run_points(hydra, config, points)
        else:
            try:
                hydra.multirun(name, run_job, [*overrides, _own_directory(sweep_dir)])
            finally:
                print(summarise_sweep(sweep_dir, sweep_progress(sweep_dir)))


def is_continue(word: str) -> bool:
    """Whether a word of the command is `--continue` or `--continue=SWEEP_DIR`."""
    return word.partition("=")[0] == "--continue"


def continue_sweep(words: list[str], trusted: bool) -> None:
    """`thesis-train --continue SWEEP_DIR`: run the points of a sweep that are not done.

    With `--job N` it is that point alone, whatever becomes of the others meanwhile.
    """
    refuse_several()
    sweep_dir, job, given = _parse(words)
    plan = read_plan(sweep_dir)
    if plan is None:
        raise RunError("no sweep to go on with", key=sweep_dir, expected="a sweep.json in it")
    point = None if job is None else find_point(plan, sweep_dir, job)
    if os.path.isdir(plan.cwd):
        work_in(plan.cwd)  # relative paths among the overrides start there
    else:
        print(
            f"{plan.cwd}, where this sweep was started, is gone: relative paths start here",
            file=sys.stderr,
        )
    overrides = [
        *plan.task,
        *_hydra_overrides(plan.hydra, given),
        _own_directory(sweep_dir),
    ]
    arguments = get_args_parser().parse_args([*plan.flags, *overrides])
    with open_hydra(arguments, trusted) as hydra:
        if point is not None:
            run_point(hydra, _compose(hydra, arguments, overrides), point)
            return
        if plan.points is not None:
            with run_lock(sweep_dir):
                config = _compose(hydra, arguments, overrides)
                _run_points(hydra, config, plan.points)
            return
        config = _compose(hydra, arguments, overrides)
        if not _is_search(config):
            raise ConfigError(
                "the sweeper of this sweep chooses its points one after another",
                key=sweep_dir,
                do="give its command again",
            )
        _search(hydra, arguments, overrides, config)


def _compose(hydra: Hydra, arguments: Namespace, overrides: list[str]) -> DictConfig:
    return compose_sweep(hydra, arguments.config_name or "config", overrides, log=True)


def _search(hydra: Hydra, arguments: Namespace, overrides: list[str], config: DictConfig) -> None:
    """Begin or go on with a search, in the sweep that its study began in."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's storage speaks of databases that it can't use
        from thesis_train.search import open_search, run_search  # needs the extra `optuna`
    folders = [Path(arguments.config_dir)] if arguments.config_dir else []
    search = open_search(hydra, config, folders)
    config = _compose(hydra, arguments, [*overrides, _own_directory(search.directory)])
    with run_lock(search.directory):
        write_down(search.directory, arguments, config, None)
        run_search(hydra, config, search)


def _own_directory(sweep_dir: str) -> str:
    return f"hydra.sweep.dir={quoted(sweep_dir)}"


def _run_points(hydra: Hydra, config: DictConfig, points: tuple[Point, ...]) -> None:
    """Run what is not done, say how it went, leave with a code that tells."""
    sweep_dir = config.hydra.sweep.dir
    before = [point_progress(point) for point in points]
    todo = [p.point for p in before if p.state not in (COMPLETE, RUNNING)]
    failures: dict[int, str] = {}
    try:
        for point in todo:
            _note(failures, point, failure_to_compose(hydra, config, point))
        todo = [point for point in todo if point.job not in failures]
        _run_all(hydra, config, todo, failures)
    finally:
        after = [point_progress(point) for point in points]
        print(summarise_sweep(sweep_dir, after, before, failures))
    code = asked_to_stop()
    if code is None:
        code = int(has_unfinished(after))
    if code:
        sys.exit(code)


def _run_all(hydra: Hydra, config: DictConfig, todo: list[Point], failures: dict[int, str]) -> None:
    """Run points; where one is killed and takes others with it, go on with what is left.

    Not for ever: a point that is killed each time, for its memory, would keep the sweep from
    its end. Two launches in which nothing ended are enough.
    """
    fruitless = 0
    while todo and not _launch(hydra, config, todo, failures):
        states = {point.job: point_progress(point).state for point in todo}
        left = [point for point in todo if states[point.job] in (MISSING, INCOMPLETE)]
        fruitless = fruitless + 1 if len(left) == len(todo) else 0
        if fruitless == 2 or asked_to_stop() is not None:
            return
        todo = [point for point in left if point.job not in failures]
        if todo:
            print(f"going on with {len(todo)} of its points", file=sys.stderr)


def _launch(
    hydra: Hydra, config: DictConfig, points: list[Point], failures: dict[int, str]
) -> bool:
    """Whether the launcher came to its end; not where one of its processes was killed."""
    size = config.hydra.sweeper.get("max_batch_size") or len(points)
    with opened_launcher(hydra, config) as launcher:
        for start in range(0, len(points), size):
            for point, returned in launch(launcher, points[start : start + size], start):
                _note(failures, point, failure_of(returned))
        return True
    return False


def _note(failures: dict[int, str], point: Point, reason: str | None) -> None:
    if reason is not None:
        failures[point.job] = reason


def _is_search(config: DictConfig) -> bool:
    return config.hydra.sweeper._target_.rpartition(".")[2] == "OptunaSweeper"


def _parse(words: list[str]) -> tuple[str, str | None, list[str]]:
    """Directory of the sweep, number of the one job that is asked for, options of the launcher."""
    sweep_dir, others = _take(words, "--continue")
    if not sweep_dir:
        raise ConfigError("which sweep?", key="--continue", expected="the directory of a sweep")
    job, others = _take(others, "--job")
    if job == "":
        raise ConfigError("which job?", key="--job", expected="the number of a point of the sweep")
    for word in others:
        if job is not None or not word.startswith(("hydra.launcher", "hydra/launcher")):
            raise ConfigError(
                "a sweep goes on with its own config",
                key="--continue",
                found=word,
                expected="nothing but hydra/launcher=… and hydra.launcher.…"
                if job is None
                else "nothing but --job, which runs in this process",
            )
    # One job needs no launcher, whichever the sweep was planned for.
    return os.path.realpath(sweep_dir), job, others if job is None else ["hydra/launcher=basic"]


def _take(words: list[str], flag: str) -> tuple[str | None, list[str]]:
    """Value of `flag VALUE` or `flag=VALUE`, and the other words; None where it is not there."""
    for position, word in enumerate(words):
        name, has_value, value = word.partition("=")
        if name != flag:
            continue
        others = words[:position] + words[position + 1 :]
        if not has_value:
            value = others.pop(position) if position < len(others) else ""
        return value, others
    return None, words


def _hydra_overrides(planned: tuple[str, ...], given: list[str]) -> list[str]:
    """Those of the sweep; of a launcher that is given anew, the former options don't count."""
    anew = any(word.startswith("hydra/launcher=") for word in given)
    kept = [
        word
        for word in planned
        if not word.startswith("hydra.sweep.dir=")
        and not (anew and word.lstrip("+").startswith(("hydra/launcher", "hydra.launcher")))
    ]
    return [*kept, *given]
