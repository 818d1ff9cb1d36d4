"""A search: trials that Optuna chooses one after another by the objectives of those before.

The loop is ours and not that of Hydra's plugin, which would begin to count anew each time, give a
stopped trial up and end at the first one that fails.
"""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra._internal.hydra import Hydra
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from thesis_facts.durable import write_atomic, write_json
from thesis_facts.errors import ConfigError
from thesis_facts.events import CRASHED
from thesis_facts.json_objects import read_object
from thesis_facts.sweeps import Point, PointProgress, read_plan, sweep_progress
from thesis_loops.config import check_config
from thesis_loops.engine.earlier import check_same_config
from thesis_train.directories import job_directory
from thesis_train.launching import failure_of, failure_to_compose, launch, opened_launcher
from thesis_train.search_space import SearchSpace, search_space
from thesis_train.spelling import check_spelling
from thesis_train.stopping import asked_to_stop
from thesis_train.study import (
    OTHER_STUDY,
    check_direction,
    check_same_space,
    fail,
    open_study,
    put_back,
    storage_errors,
    trials_in,
)
from thesis_train.summary import row, shown
from thesis_train.sweep_summary import summarise_sweep

_KILLED = "its process was killed"
_DIRECTORY = "sweep_dir"  # attribute of a study


@dataclass(frozen=True)
class Search:
    """A study and the space that it searches.

    Attributes
    ----------
    directory : str
        The sweep that holds its runs: the first command's, absolute.
    n_trials : int
        Trials that shall be complete, those of earlier commands among them.
    """

    study: Study
    space: SearchSpace
    directory: str
    n_trials: int


def open_search(hydra: Hydra, config: DictConfig, config_dirs: Sequence[Path]) -> Search:
    """Check what a search asks for, and find or make its study.

    Parameters
    ----------
    config : DictConfig
        What its trials share, and `hydra`.
    config_dirs : sequence of Path
        The user's folders of config groups, beside our own.

    Raises
    ------
    ConfigError
        Nothing can be searched like that; names the key.
    RunError
        The storage can't be used.
    """
    _check_numbers(config)
    space = search_space(config)
    check_spelling(space.words, config_dirs)
    check_direction(config)
    _check_corner(hydra, config, space)
    with storage_errors():
        study = open_study(config)
        check_same_space(study, space.distributions)
        directory = _directory(study, config)
    return Search(study, space, directory, config.hydra.sweeper.n_trials)


def run_search(hydra: Hydra, config: DictConfig, search: Search) -> None:
    """Run the trials that are missing, say how it went, leave with a code that tells.

    The sweep's directory is locked, so no other process works at this study.
    """
    study = search.study
    _check_same(config, search)
    with storage_errors():
        study.set_user_attr(_DIRECTORY, search.directory)
        _settle(study)
        before = sweep_progress(search.directory)
        print(_progress(search), file=sys.stderr)
        try:
            _run_trials(hydra, config, search)
        finally:
            _settle(study)
            print(_summary(search, before, config.objective))
        code = asked_to_stop()
        if code is None:
            code = int(_n_complete(study) < search.n_trials)
    if code:
        sys.exit(code)


def _check_numbers(config: DictConfig) -> None:
    for key in ("n_trials", "n_jobs"):
        if config.hydra.sweeper[key] < 1:
            raise ConfigError(
                "too few",
                key=f"hydra.sweeper.{key}",
                found=config.hydra.sweeper[key],
                expected="1 or more",
            )


def _check_corner(hydra: Hydra, config: DictConfig, space: SearchSpace) -> None:
    """Refuse what no trial could be: one of them has no config, or all are mistaken alike."""
    try:
        corner = hydra.config_loader.load_sweep_config(
            config, list(space.overrides(space.corner()))
        )
    except HydraException as error:
        raise ConfigError(str(error).splitlines()[0], key="hydra.sweeper.params") from error
    try:
        check_config(_without_hydra(config))
    except ConfigError:  # may be mended by what is searched
        check_config(_without_hydra(corner))


def _directory(study: Study, config: DictConfig) -> str:
    """The sweep of the study if it has one, else the new one."""
    here = os.path.realpath(config.hydra.sweep.dir)
    earlier = study.user_attrs.get(_DIRECTORY)
    is_given = any(word.startswith("hydra.sweep.dir=") for word in config.hydra.overrides.hydra)
    if earlier is None and read_plan(here) is not None:
        raise ConfigError("the directory already holds a sweep", key="hydra.sweep.dir", found=here)
    if earlier is None or earlier == here or read_plan(earlier) is None:  # new, or it was moved
        return here
    if is_given:
        raise ConfigError(
            f"study {study.study_name} has a sweep of its own",
            key="hydra.sweep.dir",
            found=here,
            expected=earlier,
            do=OTHER_STUDY,
        )
    return earlier


def _check_same(config: DictConfig, search: Search) -> None:
    """Refuse trials that could not be compared with those before."""
    path = Path(search.directory) / "search.json"
    now, before = _without_hydra(config), read_object(path)
    if before is None:
        write_json(path, now)
        return
    try:
        check_same_config(before, now)
    except ConfigError as error:
        raise ConfigError(
            f"study {search.study.study_name} goes on: {error}", do=OTHER_STUDY
        ) from error
    if before["objective"] != now["objective"]:
        raise ConfigError(
            f"study {search.study.study_name} has another objective",
            key="objective",
            found=now["objective"],
            expected=before["objective"],
            do=OTHER_STUDY,
        )


def _without_hydra(config: DictConfig) -> dict[str, Any]:
    names = [str(name) for name in config if name != "hydra"]
    plain: Any = OmegaConf.to_container(OmegaConf.masked_copy(config, names), resolve=True)
    return plain


def _run_trials(hydra: Hydra, config: DictConfig, search: Search) -> None:
    missing = search.n_trials - _n_complete(search.study)
    if missing <= 0:
        return
    with opened_launcher(hydra, config) as launcher:
        # One at a time where they run one after another: each learns from all before it.
        size = 1 if _is_basic(config) else config.hydra.sweeper.n_jobs
        while missing > 0 and asked_to_stop() is None:
            _run_batch(hydra, config, search, launcher, min(size, missing))
            missing -= size


def _is_basic(config: DictConfig) -> bool:
    # By its name: Hydra loads its plugins a second time.
    return config.hydra.launcher._target_.rpartition(".")[2] == BasicLauncher.__name__


def _run_batch(
    hydra: Hydra, config: DictConfig, search: Search, launcher: Launcher, size: int
) -> None:
    trials: dict[int, Trial] = {}
    points = []
    for _ in range(size):
        trial = search.study.ask(dict(search.space.distributions))
        point = Point(
            trial.number,
            job_directory(search.directory, trial.number),
            search.space.overrides(trial.params),
        )
        reason = failure_to_compose(hydra, config, point)
        if reason is not None:
            fail(search.study, trial, reason)
            continue
        trials[trial.number] = trial
        points.append(point)
    if points:
        for point, returned in launch(launcher, points, points[0].job):
            _tell(search.study, trials[point.job], returned)


def _tell(study: Study, trial: Trial, returned: JobReturn) -> None:
    reason = failure_of(returned)
    if reason is None and returned.return_value is None:
        reason = "another process had completed it"
    if reason is None:
        study.tell(trial, returned.return_value)
    else:
        fail(study, trial, reason)


def _settle(study: Study) -> None:
    """End trials that nobody runs; those that a signal stopped come first next time."""
    for trial in trials_in(study, TrialState.RUNNING):
        if asked_to_stop() is None:
            fail(study, trial, _KILLED)
        else:
            put_back(study, trial)


def _n_complete(study: Study) -> int:
    return len(trials_in(study, TrialState.COMPLETE))


def _progress(search: Search) -> str:
    done = f"{_n_complete(search.study)} of {search.n_trials}"
    return f"study {search.study.study_name}: {done} trials complete"


def _summary(search: Search, before: Sequence[PointProgress], objective: str) -> str:
    """What failed, and the best trial, which is written into the sweep's directory as well."""
    failed = {trial.number: trial for trial in trials_in(search.study, TrialState.FAIL)}
    after = [_as_told(point, failed) for point in sweep_progress(search.directory)]
    lines = [row("study", _progress(search).removeprefix("study "))]
    with suppress(ValueError):  # none is complete
        best = search.study.best_trial
        _write_best(search.directory, best)
        lines.append(row("best", f"trial {best.number}: {objective} {best.value:.6g}"))
        lines += [row("", word) for word in search.space.chosen(best.params)]
        lines.append(row("", shown(Path(job_directory(search.directory, best.number)))))
    return summarise_sweep(search.directory, after, before, wanted=search.n_trials, more=lines)


def _as_told(progress: PointProgress, failed: dict[int, FrozenTrial]) -> PointProgress:
    """A run may be complete and its trial failed, such as one without a finite objective."""
    trial = failed.get(progress.point.job)
    if trial is None:
        return progress
    return replace(progress, state=CRASHED, detail=trial.user_attrs.get("failure"))


def _write_best(directory: str, best: FrozenTrial) -> None:
    """Under the name and in the form of Hydra's plugin, and with the number."""
    content = {
        "name": "optuna",
        "best_params": best.params,
        "best_value": best.value,
        "best_trial": best.number,
    }
    text = OmegaConf.to_yaml(OmegaConf.create(content)).encode()
    write_atomic(Path(directory) / "optimization_results.yaml", lambda file: file.write(text))
