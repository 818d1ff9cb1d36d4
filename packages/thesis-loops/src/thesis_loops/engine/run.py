"""One run: its directory, its device, its facts and its checkpoints."""

import logging
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from thesis_facts.errors import ConfigError, RunError
from thesis_facts.locks import run_lock
from thesis_facts.writers import truncate_scalars
from thesis_loops.config import RunConfig
from thesis_loops.engine.checkpoints import Checkpoints
from thesis_loops.engine.distributed import FailedElsewhere, RankLost, from_rank_zero
from thesis_loops.engine.earlier import (
    Earlier,
    changed_numerics,
    check_same_config,
    has_facts,
    last_failure,
    read_earlier,
)
from thesis_loops.engine.numerics import Numerics
from thesis_loops.engine.ranks import n_ranks, rank
from thesis_loops.engine.recorder import FactsRecorder
from thesis_loops.engine.seeds import seed_everything
from thesis_loops.engine.settings import RunSettings
from thesis_loops.engine.signals import Interrupted, StopSignals
from thesis_loops.engine.sinks import draw_missing, open_sinks

log = logging.getLogger("thesis_loops")


@dataclass
class Run:
    """The services of one run, for `fit` and for loops that do without it.

    Attributes
    ----------
    settings : RunSettings
        The trainer section of the loop.
    config : dict
        The resolved config, plain containers; checkpoints carry it.
    run_dir : Path or None
        None writes nothing.
    earlier : Earlier
        What the directory holds of this run from before. A loop returns `earlier.results` where
        they are not None: the run is complete.
    resumed : dict or None
        The content of `last.pt` to go on from.
    stop : StopSignals
        Whether somebody asked the run to stop.
    checkpoint_every_s : float or None
        Seconds between checkpoints inside an epoch; None saves at its end alone.
    dataset : dict or None
        Path, size and digest of the files that the run learns from, once they are known.
    """

    settings: RunSettings
    config: dict[str, Any]
    run_dir: Path | None
    numerics: Numerics
    recorder: FactsRecorder
    checkpoints: Checkpoints
    earlier: Earlier
    resumed: dict[str, Any] | None
    stop: StopSignals
    checkpoint_every_s: float | None
    dataset: dict[str, Any] | None = None


@contextmanager
def open_run(config: RunConfig, settings: RunSettings) -> Generator[Run]:
    """Lock the directory, seed, write the first facts; record whatever ends the run early.

    Raises
    ------
    ConfigError
        The directory holds a run and `resume` is not set, or it holds a run of another config.
    LockedError
        Another process works in the directory.
    RunError
        None of the checkpoints can be used, the directory can't be written, or another rank failed.
    """
    run_dir = None if config.run_dir is None or rank() else Path(config.run_dir)
    # First of all: what torch still loads takes seconds, and a signal then is no failure.
    stop = StopSignals(config.stop_signals, saved=config.run_dir is not None)
    locked = nullcontext() if run_dir is None else run_lock(run_dir)
    with stop, locked, open_sinks(config.logging, run_dir) as sinks:
        plain = config.model_dump(mode="json", include=config.model_fields_set)
        # A mistake here is no failure of the run.
        earlier = from_rank_zero(partial(_find_earlier, config, run_dir, plain))
        histories = config.logging.epoch_histories
        recorder = FactsRecorder(run_dir, plain, settings.seed, histories, sinks)
        if earlier.run_id is not None:
            recorder.run_id = earlier.run_id
        recorder.run_id = from_rank_zero(lambda: recorder.run_id)
        if earlier.results is not None:  # nothing that happens here is a failure of the run
            draw_missing(config.logging, run_dir)
        try:
            checkpoints = Checkpoints(run_dir)
            resumed = None
            if earlier.results is not None:
                log.info("this run is complete: these are its results")
            else:
                begin = partial(_begin, config, run_dir, plain, recorder, checkpoints)
                resumed = from_rank_zero(begin)
                if rank() and resumed is not None:
                    checkpoints.best = resumed["best"]
                    recorder.load_state_dict(resumed["recorder"], resumed["epoch"] - 1)
            seed_everything(settings.seed)
            numerics = Numerics.choose(config.device, settings, config.deterministic)
            changed = changed_numerics(earlier.numerics, numerics.describe())
            if changed and resumed is not None and not rank():
                log.warning(f"going on with {changed}: numbers may differ from those of one go")
            if n_ranks() == 1:  # several agree on it after their first step
                stop.raise_for(stop.received)
            yield Run(
                settings=settings,
                config=plain,
                run_dir=run_dir,
                numerics=numerics,
                recorder=recorder,
                checkpoints=checkpoints,
                earlier=earlier,
                resumed=resumed,
                stop=stop,
                checkpoint_every_s=config.checkpoint_every_s,
            )
        except (Interrupted, FailedElsewhere):
            raise
        except BaseException as error:
            reason = _said_elsewhere(error, config.run_dir, earlier)
            if reason is not None and rank():
                raise FailedElsewhere(1) from error
            if reason is not None:
                raise RunError("another process of this training failed", found=reason) from error
            if config.run_dir is not None:  # other ranks write nothing, but this they must
                recorder.run_dir = Path(config.run_dir)
            recorder.failed(error)
            raise


def _said_elsewhere(error: BaseException, run_dir: str | None, earlier: Earlier) -> str | None:
    """What another rank recorded, where this one only noticed that it is gone."""
    if not isinstance(error, RankLost) or run_dir is None:
        return None
    last = last_failure(Path(run_dir))
    return None if last is None or last == earlier.failure else last["error"]


def _find_earlier(config: RunConfig, run_dir: Path | None, plain: dict[str, Any]) -> Earlier:
    if run_dir is None:
        return Earlier()
    if config.resume is None:
        if has_facts(run_dir):
            raise ConfigError(
                "the directory already holds a run",
                key="run_dir",
                found=str(run_dir),
                do="add resume=auto to go on with it, or choose another directory",
            )
        return Earlier()
    earlier = read_earlier(run_dir)
    if earlier.config is not None:
        check_same_config(earlier.config, plain)
    return earlier


def _begin(
    config: RunConfig,
    run_dir: Path | None,
    plain: dict[str, Any],
    recorder: FactsRecorder,
    checkpoints: Checkpoints,
) -> dict[str, Any] | None:
    """Bring facts and checkpoints to one and the same moment: the last one saved, or none."""
    resumed = checkpoints.load() if config.resume is not None else None
    if resumed is not None:
        check_same_config(resumed["config"], plain)
        with checkpoints.restoring():
            recorder.load_state_dict(resumed["recorder"], last_epoch=resumed["epoch"] - 1)
    elif run_dir is not None:  # killed before its first checkpoint: all of it comes again
        truncate_scalars(run_dir, last_epoch=-1)
    if config.resume is not None:
        checkpoints.settle_best()
    recorder.open()
    return resumed
