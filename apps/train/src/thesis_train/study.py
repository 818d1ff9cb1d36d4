"""The study of a search: its trials, in a storage that outlives the command."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.exceptions import StorageInternalError
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from thesis_facts.errors import ConfigError, RunError

_DIRECTION = "hydra.sweeper.direction"
_MOST_LETTERS = 1000  # more than some databases would take
_STORAGE = "hydra.sweeper.storage"
OTHER_STUDY = "name another study by hydra.sweeper.study_name"


def open_study(config: DictConfig) -> Study:
    """The study that a config names, made where there is none.

    Without a name it is the experiment's, without a storage a file in the sweep's directory.

    Raises
    ------
    ConfigError
        The sampler is none, or the storage holds a study of that name with another direction.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sweeper = config.hydra.sweeper
    name = sweeper.study_name or config.experiment.name
    url = sweeper.storage or f"sqlite:///{Path(config.hydra.sweep.dir).absolute()}/study.db"
    _make_folder(url)
    direction = _direction(sweeper.direction)
    try:
        study = optuna.create_study(
            study_name=name, storage=url, direction=direction, load_if_exists=True
        )
    except ValueError as error:
        raise ConfigError(
            f"study {name} has another direction", key=_DIRECTION, found=direction, do=OTHER_STUDY
        ) from error
    study.sampler = _sampler(sweeper.sampler, len(study.trials))
    return study


def check_direction(config: DictConfig) -> None:
    """Refuse to search for the worst model: losses are minimised, all else is maximised.

    Raises
    ------
    ConfigError
        Names the direction.
    """
    found = _direction(config.hydra.sweeper.direction)
    expected = "minimize" if config.objective.endswith("_loss") else "maximize"
    if found != expected:
        raise ConfigError(
            "wrong direction",
            key=_DIRECTION,
            found=found,
            expected=f"{expected} for {config.objective}",
        )


@contextmanager
def storage_errors() -> Generator[None]:
    """Say in one message what is wrong with a storage."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError, ImportError) as error:
        cause = error.__cause__ or error
        reason = str(getattr(cause, "orig", None) or cause).splitlines()[0]
        raise RunError(f"the storage of the study fails: {reason}", key=_STORAGE) from error


def check_same_space(study: Study, space: Mapping[str, BaseDistribution]) -> None:
    """Refuse to go on where a key changed its kind or its choices.

    Raises
    ------
    ConfigError
        Names the key.
    """
    for trial in study.trials:
        for key in space.keys() & trial.distributions.keys():
            try:
                check_distribution_compatibility(trial.distributions[key], space[key])
            except ValueError as error:
                raise ConfigError(
                    f"study {study.study_name} searched this key differently",
                    key=key,
                    found=space[key],
                    expected=trial.distributions[key],
                    do=OTHER_STUDY,
                ) from error


def trials_in(study: Study, state: TrialState) -> list[FrozenTrial]:
    """Trials of a state, in the order of their numbers."""
    return study.get_trials(deepcopy=False, states=(state,))


def fail(study: Study, trial: Trial | FrozenTrial, reason: str) -> None:
    """End a trial without a value."""
    study._storage.set_trial_user_attr(trial._trial_id, "failure", reason[:_MOST_LETTERS])
    study.tell(trial.number, state=TrialState.FAIL)


def put_back(study: Study, trial: FrozenTrial) -> None:
    """Let `ask` give this trial again, with the values that were chosen for it."""
    study._storage.set_trial_state(trial._trial_id, TrialState.WAITING)


def _direction(given: Any) -> str:
    name = str(getattr(given, "name", given))
    if name not in ("minimize", "maximize"):
        raise ConfigError(
            "a search has one direction",
            key=_DIRECTION,
            found=given,
            expected="minimize or maximize",
        )
    return name


def _sampler(section: DictConfig, n_trials: int) -> Any:
    """The sampler; one with a seed would choose the same first trials again when it goes on."""
    if section.get("_partial_"):
        raise ConfigError(
            "a grid needs no search",
            key="hydra/sweeper/sampler",
            found="grid",
            do="leave hydra/sweeper=optuna out and give the values with commas",
        )
    plain: Any = OmegaConf.to_container(section, resolve=True)
    if plain.get("seed") is not None:
        plain["seed"] += n_trials
    return instantiate(plain)


def _make_folder(url: str) -> None:
    """SQLite makes a file, but not the folder that it is in."""
    found = make_url(url)
    if found.get_backend_name() == "sqlite" and found.database not in (None, "", ":memory:"):
        try:
            Path(found.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(
                f"can't make {error.filename}: {error.strerror}", key=_STORAGE
            ) from error
