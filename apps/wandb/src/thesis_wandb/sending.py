"""Send the facts of one run, and try again where the server is at fault."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from thesis_facts.configs import read_config, value_at
from thesis_facts.errors import RunError, explain
from thesis_loops.logging_config import WandbSettings
from thesis_loops.tracking.failures import MirrorError, NotReachedError
from thesis_loops.tracking.mirror import MirrorOutcome, mirror_run
from thesis_wandb.project import Project, default_settings

PAUSES_S = (2.0, 10.0, 30.0)
"""Before each further try."""

_Result = TypeVar("_Result")


def send_facts(run_dir: Path, project: Project, folder: Path) -> MirrorOutcome:
    """Bring one run at W&B up to its facts; files of the library go to a folder.

    Raises
    ------
    MirrorError
        If W&B has not got all of it.
    RunError
        If a file of it can't be read.
    """
    settings = settings_of(run_dir, project, folder)
    try:
        return with_patience(lambda: mirror_run(run_dir, settings))
    except MirrorError as error:
        raise project.placed(error) from error
    except OSError as error:
        raise RunError("can't be mirrored", key=str(run_dir), found=error) from error


def settings_of(run_dir: Path, project: Project, folder: Path) -> WandbSettings:
    """Settings of the mirror: those of the run's own config, sent now and to this project."""
    settings = default_settings() | _own_settings(run_dir)
    settings |= {"project": project.name, "entity": project.entity}
    settings |= {"mode": "online", "dir": str(folder)}
    try:
        return WandbSettings.model_validate(settings)
    except ValueError as error:  # that of pydantic
        raise explain(error, WandbSettings, "logging.wandb") from None


def project_of(run_dir: Path, project: Project) -> Project:
    """Where a run was meant to go, unless the command or the environment names a project."""
    own = _own_settings(run_dir)
    return project.unless_named(own.get("project"), own.get("entity"))


def same_name(other: Path) -> str:
    """Why the second of two runs of one name is not sent."""
    return f"has the name of {other}, by which W&B tells runs apart"


def with_patience(send: Callable[[], _Result]) -> _Result:
    """What `send` gives; where W&B was not reached, again after each of the pauses."""
    pauses = iter(PAUSES_S)
    while True:
        try:
            return send()
        except MirrorError as error:
            pause = next(pauses, None)
            if pause is None or not isinstance(error, NotReachedError):
                raise
        time.sleep(pause)


def _own_settings(run_dir: Path) -> dict[str, Any]:
    """Section `logging.wandb` of a run's config; none of an older system, which meant another."""
    try:
        section = value_at(read_config(run_dir), "logging.wandb")
    except RunError:
        return {}
    is_ours = isinstance(section, dict) and section.keys() <= default_settings().keys()
    return section if is_ours else {}
