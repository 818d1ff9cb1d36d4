"""A report while it is being made: what it reads, what it has found, what it will show."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from thesis_facts import write_atomic, write_json
from thesis_facts.errors import ConfigError
from thesis_reports.config import ReportConfig
from thesis_reports.directory import reserve_directory
from thesis_reports.manifest import (
    append_pointers,
    build_manifest,
    package_versions,
    write_manifest,
)
from thesis_reports.page.content import FactList, KeyNumber, Page, PageFigure, ReasonList, Table
from thesis_reports.page.render import render_page
from thesis_reports.rounding import counted
from thesis_reports.selection import SelectedRuns, read_selected

if TYPE_CHECKING:
    from matplotlib.figure import Figure

logger = logging.getLogger(__name__)


@contextmanager
def open_report(
    config: ReportConfig, question: str, figures: Sequence[str] = ()
) -> Generator[Report]:
    """Read the runs and give a `Report` to fill; on leaving, write it out.

    An analysis that fails leaves no half report behind.

    Parameters
    ----------
    config
        The checked config; see `thesis_reports.config.read_config`.
    question
        What the report answers, the title of its page.
    figures
        Names of the figures that the analysis can draw, for ``outputs.which_figures``.
    """
    _check_figures(config.outputs.which_figures or (), figures)
    selected = read_selected(config.inputs)
    created = datetime.now(UTC)
    directory = reserve_directory(config, created.astimezone())
    report = Report(config, selected, directory, created, question)
    try:
        yield report
        report.write()
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise


class Report:
    """What an analysis reads from and adds to; made by `open_report`.

    Attributes
    ----------
    config
        The checked config.
    runs, epochs, configs
        See `SelectedRuns`.
    directory
        ``{output_root}/reports/{report_id}``.
    question, answer
        The title of the page, and the sentences below it.
    """

    def __init__(
        self,
        config: ReportConfig,
        selected: SelectedRuns,
        directory: Path,
        created: datetime,
        question: str,
    ) -> None:
        self.config = config
        self.runs = selected.runs
        self.epochs = selected.epochs
        self.configs = selected.configs
        self.directory = directory
        self.question = question
        self.answer = ""
        self._selected = selected
        self._created = created
        self._page = Page(directory.name, config.title(), created, package_versions())
        self._page.skipped = list(selected.skipped)
        if selected.n_deselected:
            left_out = counted(selected.n_deselected, "run")
            self._page.notes.append(f"inputs.select leaves out {left_out}.")

    @property
    def report_id(self) -> str:
        """Name of the report's directory."""
        return self.directory.name

    @property
    def skipped(self) -> list[tuple[str, str]]:
        """What could not be read, with reasons."""
        return list(self._selected.skipped)

    def key_number(self, label: str, value: str, note: str = "") -> None:
        """Add a number that stands out below the answer."""
        self._page.key_numbers.append(KeyNumber(label, value, note))

    def table(self, table: Table) -> None:
        """Add a sortable table."""
        self._page.blocks.append(table)

    def facts(self, title: str, pairs: Sequence[tuple[str, str]], caption: str = "") -> None:
        """Add a list of terms and their values."""
        self._page.blocks.append(FactList(title, pairs, caption))

    def reasons(self, title: str, pairs: Sequence[tuple[str, str]], caption: str = "") -> None:
        """Add a list of things with what is to be said of each."""
        self._page.blocks.append(ReasonList(title, pairs, caption))

    def note(self, text: str) -> None:
        """Add a remark that the reader must not miss."""
        self._page.notes.append(text)

    def command(self, purpose: str, command: str) -> None:
        """Add a command that the reader can paste."""
        self._page.commands.append((purpose, command))

    def figure(
        self,
        name: str,
        title: str,
        draw: Callable[[], Figure],
        caption: str,
        *,
        wide: bool = False,
    ) -> None:
        """Draw a figure, save it below ``training/figures`` and show it on the page.

        Nothing is drawn where ``outputs.which_figures`` leaves it out; `wide` figures take the
        whole width of the page.
        """
        if not self._is_wanted(name):
            return
        # drawing is what needs matplotlib, and a report without figures does not
        from thesis_reports.figures.style import save_figure

        folder = Path("training") / "figures"
        (self.directory / folder).mkdir(parents=True, exist_ok=True)
        outputs = self.config.outputs
        svg = save_figure(draw, self.directory / folder / name, outputs.fig_format, outputs.dpi)
        files = [(suffix, str(folder / f"{name}.{suffix}")) for suffix in outputs.fig_format]
        self._page.blocks.append(PageFigure(name, title, caption, svg, files, wide))

    def not_drawn(self, name: str, title: str, reason: str) -> None:
        """Say why a figure that was asked for is missing."""
        if self._is_wanted(name):
            self._page.not_drawn.append((title, reason))

    def summary(self, frame: pd.DataFrame, **findings: Any) -> None:
        """Write ``training/summary.csv`` and ``summary.json``: a row per run, and the findings.

        The JSON is strict: what is not finite is null.
        """
        folder = self.directory / "training"
        text = frame.to_csv(index=False)
        write_atomic(folder / "summary.csv", lambda file: file.write(text.encode()))
        content = {"report_id": self.report_id, **findings, "runs": frame.to_dict("records")}
        write_json(folder / "summary.json", content)
        self._page.files += [
            ("a row per run", "training/summary.csv"),
            ("the same with the findings", "training/summary.json"),
        ]

    def write(self) -> None:
        """Write the manifest, leave pointers in the runs, render the page."""
        manifest = build_manifest(self.report_id, self._created, self.config, self._selected)
        write_manifest(self.directory / "manifest.yaml", manifest)
        for refusal in append_pointers(self.configs, self.report_id):
            logger.warning("No report_pointer.txt in %s", refusal)
            self.note(f"The report's id could not be left in {refusal}.")
        page = self._page
        page.question, page.answer = self.question, self.answer
        page.commands.insert(0, ("Make this report again:", manifest["command"]))
        page.files.insert(0, ("what went in, with hashes", "manifest.yaml"))
        html = render_page(page)
        target = self.directory / "report.html"
        write_atomic(target, lambda file: file.write(html.encode()))
        logger.info("%s", self.answer)
        logger.info("Report: %s", target)

    def _is_wanted(self, figure: str) -> bool:
        wanted = self.config.outputs.which_figures
        return wanted is None or figure in wanted


def _check_figures(wanted: Sequence[str], known: Sequence[str]) -> None:
    for name in wanted:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            raise ConfigError(
                "unknown figure",
                key="outputs.which_figures",
                found=repr(name),
                expected=f"one of {', '.join(known)}" if known else "an empty list",
                do=f"did you mean {near[0]}?" if near else None,
            )
