"""How far a run is: a bar in a terminal, a line an epoch elsewhere."""

import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from thesis_loops.engine.ranks import rank

if TYPE_CHECKING:
    from thesis_loops.engine.recorder import EpochResult

log = logging.getLogger("thesis_loops")


class Progress:
    """One bar over all steps of a run.

    Parameters
    ----------
    epochs, steps_per_epoch : int
        Length of the run.
    """

    def __init__(self, epochs: int, steps_per_epoch: int) -> None:
        self.epochs, self.steps_per_epoch = epochs, steps_per_epoch
        self._bar: tqdm | None = None

    @contextmanager
    def shown(self, done_steps: int) -> Generator["Progress"]:
        """Show the bar; log lines appear above it."""
        if rank() or not sys.stderr.isatty():
            yield self
            return
        total = self.epochs * self.steps_per_epoch
        layout = "{desc} {bar} {percentage:3.0f}% [{elapsed}<{remaining}{postfix}]"
        with (
            logging_redirect_tqdm(),
            tqdm(total=total, initial=done_steps, bar_format=layout, leave=False) as self._bar,
        ):
            yield self
        self._bar = None

    def step(self, epoch: int, loss: float | None) -> None:
        """One more training step is done."""
        if self._bar is not None and loss is not None:
            self._bar.set_description_str(f"epoch {epoch + 1}/{self.epochs}", refresh=False)
            self._bar.set_postfix_str(f"loss {loss:.4f}", refresh=False)
            self._bar.update()

    def epoch(self, result: "EpochResult", is_best: bool) -> None:
        """One more epoch is done."""
        if rank():
            return
        width = len(str(self.epochs))
        metrics = "".join(f"  {name} {value:.4f}" for name, value in result.val_metrics.items())
        log.info(
            f"epoch {result.epoch + 1:>{width}}/{self.epochs}  train {result.train_loss:.4f}"
            f"  val {result.val_loss:.4f}{metrics}  {result.epoch_time_s:.1f} s"
            f"  {result.throughput:,.0f} events/s{'  *' if is_best else ''}"
        )
