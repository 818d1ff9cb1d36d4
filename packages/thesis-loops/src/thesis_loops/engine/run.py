"""One run: its directory, its device, its facts and its checkpoints."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thesis_facts.configs import flatten
from thesis_facts.errors import ConfigError
from thesis_facts.locks import run_lock
from thesis_facts.writers import truncate_scalars
from thesis_loops.config import RunConfig
from thesis_loops.engine.checkpoints import Checkpoints
from thesis_loops.engine.numerics import Numerics
from thesis_loops.engine.recorder import FactsRecorder
from thesis_loops.engine.seeds import seed_everything
from thesis_loops.engine.settings import TrainerSettings
from thesis_loops.engine.signals import Interrupted, StopSignals

# What may differ between a run and its continuation: it changes no number, but for the rounding
# of another device.
_FREE_TO_CHANGE = ("device", "env", "job_id", "logging", "objective", "resume", "run_dir")


@dataclass
class Run:
    """The services of one run, for `fit` and for loops that do without it.

    Attributes
    ----------
    settings : TrainerSettings
        The trainer section of the loop.
    config : dict
        The resolved config, plain containers; checkpoints carry it.
    run_dir : Path or None
        None writes nothing.
    resumed : dict or None
        The content of `last.pt` to go on from.
    stop : StopSignals
        Whether somebody asked the run to stop.
    """

    settings: TrainerSettings
    config: dict[str, Any]
    run_dir: Path | None
    numerics: Numerics
    recorder: FactsRecorder
    checkpoints: Checkpoints
    resumed: dict[str, Any] | None
    stop: StopSignals


@contextmanager
def open_run(config: RunConfig, settings: TrainerSettings) -> Generator[Run]:
    """Lock the directory, seed, write the first facts; record whatever ends the run early.

    Raises
    ------
    ConfigError
        The directory holds a run and `resume` is not set, or it holds a run of another config.
    LockedError
        Another process works in the directory.
    """
    run_dir = None if config.run_dir is None else Path(config.run_dir)
    with nullcontext() if run_dir is None else run_lock(run_dir):
        plain = config.model_dump(mode="json", include=config.model_fields_set)
        checkpoints = Checkpoints(run_dir)
        resumed = _find_earlier(config, run_dir, checkpoints, plain)
        seed_everything(settings.seed)
        recorder = FactsRecorder(
            run_dir, plain, settings.seed, with_histories=config.logging.epoch_histories
        )
        if resumed is not None:
            recorder.load_state_dict(resumed["recorder"], last_epoch=resumed["epoch"] - 1)
        elif run_dir is not None:  # killed before its first checkpoint: all of it comes again
            truncate_scalars(run_dir, last_epoch=-1)
        recorder.open()
        try:
            numerics = Numerics.choose(config.device, settings)
            with StopSignals(saved=run_dir is not None) as stop:
                yield Run(settings, plain, run_dir, numerics, recorder, checkpoints, resumed, stop)
        except Interrupted:
            raise
        except BaseException as error:
            recorder.failed(error)
            raise


def _find_earlier(
    config: RunConfig, run_dir: Path | None, checkpoints: Checkpoints, plain: dict[str, Any]
) -> dict[str, Any] | None:
    if run_dir is None:
        return None
    if config.resume is None:
        if (run_dir / "facts" / "events.jsonl").exists():
            raise ConfigError(
                "the directory already holds a run",
                key="run_dir",
                found=str(run_dir),
                do="add resume=auto to go on with it, or choose another directory",
            )
        return None
    state = checkpoints.load_last()
    if state is not None:
        _check_same(state["config"], plain)
    return state


def _check_same(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    old, new = dict(flatten(before)), dict(flatten(now))
    changed = sorted(
        key
        for key in old.keys() | new.keys()
        if old.get(key) != new.get(key) and key.split(".")[0] not in _FREE_TO_CHANGE
    )
    if changed:
        listed = "\n".join(f"  {key}: {old.get(key)} -> {new.get(key)}" for key in changed)
        raise ConfigError(
            f"a run can only be resumed with its own config; these keys differ:\n{listed}\n"
            "give the same overrides again, or start a new run",
        )
