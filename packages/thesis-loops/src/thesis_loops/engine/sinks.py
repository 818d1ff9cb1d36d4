"""Who else hears of what a run does: pictures, and the mirror at W&B."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from thesis_loops.engine.recorder import Sink
from thesis_loops.logging_config import LoggingSection


@contextmanager
def open_sinks(settings: LoggingSection, run_dir: Path | None) -> Generator[list[Sink]]:
    """Sinks that the config asks for, where a run has a directory; closed after its last fact."""
    sinks: list[Sink] = []
    with ExitStack() as opened:
        if settings.make_plots and run_dir is not None:
            from thesis_loops.monitoring.monitor import Monitor

            sinks.append(Monitor(settings, run_dir))
        if settings.use_wandb and settings.wandb is not None and run_dir is not None:
            from thesis_loops.tracking.live import Mirror

            sinks.append(opened.enter_context(Mirror(run_dir, settings.wandb)))
        yield sinks


def draw_missing(settings: LoggingSection, run_dir: Path | None) -> None:
    """The curves of a complete run, where the config asks for them and they are not there."""
    if settings.make_plots and run_dir is not None:
        from thesis_loops.monitoring.monitor import Monitor

        Monitor(settings, run_dir).draw_missing()
