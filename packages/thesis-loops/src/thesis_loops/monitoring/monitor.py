"""The sink that draws pictures of a run's events, in time that it has to spare."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thesis_facts.durable import remove_leftovers
from thesis_facts.events import read_events
from thesis_loops.logging_config import LoggingSection
from thesis_loops.monitoring.budget import Budget
from thesis_loops.monitoring.families import FAMILIES
from thesis_loops.monitoring.orchestrator import due_families, figure_path, handle_event
from thesis_loops.monitoring.payload import Curves, Payload

_OF_EPOCHS = ("on_epoch_end_quick", "on_validation_end")
_OF_THE_END = ("on_test_end", "on_train_end_full")
# Each picture of an epoch shows a tenth more epochs than the one before: 300 epochs are 45.
_GROWTH = 10
# Of the last validation, for the end of the run.
_REMEMBERED = ("codes", "codebook_size")


class Monitor:
    """Draws in the process that trains, between its epochs.

    Beside it a process of its own was tried (docs/monitoring.md): where pictures are held to a
    share of the run's time there is nothing left for it to gain.

    Parameters
    ----------
    settings : LoggingSection
        `logging` of the config.
    run_dir : Path
        Where `figures_subdir` lies.
    """

    __name__ = "drawing pictures"

    def __init__(self, settings: LoggingSection, run_dir: Path) -> None:
        self.settings, self.run_dir = settings, run_dir
        guesses = {name: family.first_guess_s for name, family in FAMILIES.items()}
        self.budget = Budget(settings.plots_time_share, guesses)
        self._histories: Curves = {}
        self._remembered: dict[str, Any] = {}
        self._next_epoch = 0
        self._reported: set[str] = set()
        remove_leftovers(run_dir / settings.figures_subdir)

    def __call__(self, event: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        """Hear of an event, and draw what is due."""
        match event["moment"]:
            case "on_epoch_end" if "histories" in arrays:  # of several at once, the last
                self._epoch_end(event["epoch"], arrays)
            case "on_test_end":
                test = Payload(self.run_dir, event["epoch"], "test", self._histories, arrays)
                self._draw("on_test_end", test)
            case "on_train_end":
                self._draw("on_train_end_full", self._end(event))

    def draw_missing(self) -> None:
        """The curves of a complete run, which may have been killed before they were drawn."""
        ends = [event for event in read_events(self.run_dir) if event["moment"] == "on_train_end"]
        if ends:
            moment, end = "on_train_end_full", self._end(ends[-1])
            for name in self._due(moment, end):
                if not figure_path(self.settings, name, moment, end).exists():
                    self._draw_one(name, moment, end)

    def _end(self, event: Mapping[str, Any]) -> Payload:
        curves = event.get("histories") or {}
        last = len(curves.get("train_loss", ())) - 1
        return Payload(self.run_dir, last, "val", curves, self._remembered)

    def _epoch_end(self, epoch: int, arrays: Mapping[str, Any]) -> None:
        self._histories = arrays["histories"]
        self._remembered = {name: arrays[name] for name in _REMEMBERED if name in arrays}
        if epoch < self._next_epoch:
            return
        payload = Payload(self.run_dir, epoch, "val", self._histories, arrays)
        now, later = (
            [name for moment in moments for name in self._due(moment, payload)]
            for moments in (_OF_EPOCHS, _OF_THE_END)
        )
        if now and self.budget.allows(now + later):
            for moment in _OF_EPOCHS:
                self._draw(moment, payload)
            self._next_epoch = epoch + max(epoch // _GROWTH, 1)

    def _draw(self, moment: str, payload: Payload) -> None:
        for name in self._due(moment, payload):
            self._draw_one(name, moment, payload)

    def _draw_one(self, name: str, moment: str, payload: Payload) -> None:
        with self.budget.spending(name):
            handle_event(self.settings, {name: FAMILIES[name]}, moment, payload, self._reported)

    def _due(self, moment: str, payload: Payload) -> list[str]:
        return due_families(self.settings, FAMILIES, moment, payload, self._reported)
