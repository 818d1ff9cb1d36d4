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
        yield sinks
