"""Points of a sweep in the hands of a launcher of Hydra."""

import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path

from hydra._internal.callbacks import Callbacks
from hydra._internal.hydra import Hydra
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig

from thesis_facts.discovery import write_pointer
from thesis_facts.errors import ThesisError
from thesis_facts.sweeps import Point
from thesis_train.job import record_failure, run_job
from thesis_train.job_queue import has_queue, run_in_queue
from thesis_train.stopping import Stopped, asked_to_stop


@contextmanager
def opened_launcher(hydra: Hydra, config: DictConfig) -> Generator[Launcher]:
    """The launcher of a sweep; the body ends where one of its processes was killed."""
    callbacks = Callbacks(config)
    callbacks.on_multirun_start(config=config, config_name=config.hydra.job.config_name)
    context = HydraContext(config_loader=hydra.config_loader, callbacks=callbacks)
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=run_job, config=config
    )
    try:
        yield launcher
    except BrokenProcessPool:
        print("a process of the sweep was killed, or ran out of memory", file=sys.stderr)
    else:
        callbacks.on_multirun_end(config=config, config_name=config.hydra.job.config_name)


def launch(
    launcher: Launcher, points: Sequence[Point], first: int
) -> Iterator[tuple[Point, JobReturn]]:
    """Run points, of which the launcher calls the first number `first`.

    Points that a signal kept from being run, or ended on the way, are left out.
    """
    overrides = _UntilStopped(job_overrides(point) for point in points)
    if has_queue(launcher):
        returns: Iterable[JobReturn] = run_in_queue(launcher, overrides, first)
    else:
        returns = launcher.launch(overrides, initial_job_idx=first)
    for point, returned in zip(points, returns, strict=False):
        if not isinstance(returned._return_value, Stopped):
            yield point, returned


def failure_of(returned: JobReturn) -> str | None:
    """Why a job failed; None where it did not."""
    if returned.status != JobStatus.FAILED:
        return None
    return str(returned._return_value)  # the property would raise it


def job_overrides(point: Point) -> list[str]:
    """Overrides of a job: a launcher numbers jobs, a point keeps its number by its directory."""
    return [*point.overrides, f"hydra.sweep.subdir={quoted(point.run_dir)}"]


def failure_to_compose(hydra: Hydra, config: DictConfig, point: Point) -> str | None:
    """Why a point has no config, which becomes its fact; None where it has one.

    A launcher would give up all points for one that has none.
    """
    try:
        hydra.config_loader.load_sweep_config(config, job_overrides(point))
    except (HydraException, ThesisError) as error:
        write_pointer(config.hydra.sweep.dir, point.job, point.run_dir, list(point.overrides))
        record_failure(Path(point.run_dir), error)
        return str(error).splitlines()[0]
    return None


def quoted(text: str) -> str:
    """A value of an override that is just this text."""
    return QuotedString(text=text, quote=Quote.single).with_quotes()


class _UntilStopped(list):
    """Jobs of a launcher, which takes the next one when it has room: none after a signal."""

    def __iter__(self):
        for job in super().__iter__():
            if asked_to_stop() is not None:
                return
            yield job
