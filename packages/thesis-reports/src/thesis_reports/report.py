"""A report while it is being made: what it reads, what it has found, what it will show."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from thesis_facts import write_atomic, write_json
from thesis_facts.errors import ConfigError
from thesis_facts.strict_json import json_ready
from thesis_reports.config import ReportConfig
from thesis_reports.directory import output_root, reserve_directory, safe_name
from thesis_reports.export import write_tables
from thesis_reports.manifest import (
    append_pointers,
    build_manifest,
    package_versions,
    write_manifest,
)
from thesis_reports.page.content import FactList, KeyNumber, Page, PageFigure, ReasonList, Table
from thesis_reports.page.index import write_index
from thesis_reports.page.record import page_record
from thesis_reports.page.render import render_page
from thesis_reports.reproduce import command, verify_command
from thesis_reports.rounding import counted
from thesis_reports.scores import ScoreSource
from thesis_reports.selection import KnownRuns, SelectedRuns, read_selected

if TYPE_CHECKING:
    from matplotlib.figure import Figure

logger = logging.getLogger(__name__)


_RECOMPUTED: ContextVar[Recomputed | None] = ContextVar("recomputed", default=None)


@contextmanager
def open_report(
    config: ReportConfig, question: str, figures: Sequence[str] = ()
) -> Generator[Report]:
    """Read the runs and give a `Report` to fill; on leaving, write it out.

    An analysis that fails leaves no half report behind. Inside of `recompute` nothing is written.

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
    recomputed = _RECOMPUTED.get()
    if recomputed is not None:
        selected = read_selected(config.inputs, recomputed.only)
        recomputed.report = Report(
            config, selected, None, datetime.now(UTC), question, recomputed.only.scores
        )
        yield recomputed.report
        return
    selected = read_selected(config.inputs)
    created = datetime.now(UTC)
    directory = reserve_directory(config, created.astimezone())
    report = Report(config, selected, directory, created, question)
    try:
        report.scores.check()
        yield report
        report.write()
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise


@dataclass
class Recomputed:
    """What is to be read again, and the report that came of it."""

    only: KnownRuns
    report: Report | None = None


@contextmanager
def recompute(only: KnownRuns) -> Generator[Recomputed]:
    """Reports that are made inside see these runs alone, and are kept in place of written."""
    recomputed = Recomputed(only)
    token = _RECOMPUTED.set(recomputed)
    try:
        yield recomputed
    finally:
        _RECOMPUTED.reset(token)


class Report:
    """What an analysis reads from and adds to; made by `open_report`.

    Attributes
    ----------
    config
        The checked config.
    runs, epochs, configs, sweeps
        See `SelectedRuns`.
    scores
        Per-event scores of the runs: read them here, and the manifest names them.
    also_read
        Other files that the report was made of, for the manifest.
    directory
        ``{output_root}/reports/{report_id}``; None where nothing is written.
    question, answer
        The title of the page, and the sentences below it.
    """

    def __init__(
        self,
        config: ReportConfig,
        selected: SelectedRuns,
        directory: Path | None,
        created: datetime,
        question: str,
        known_scores: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        self.config = config
        self.runs = selected.runs
        self.epochs = selected.epochs
        self.configs = selected.configs
        self.sweeps = selected.sweeps
        self.directory = directory
        self.scores = ScoreSource(config, selected.configs, known_scores)
        self.also_read: list[Path] = []
        self.question = question
        self.answer = ""
        self._selected = selected
        self._created = created
        self._page = Page(self.report_id, config.title(), created, package_versions())
        self._page.skipped = list(selected.skipped)
        self._findings: dict[str, Any] = {}
        if selected.deselected:
            left_out = counted(len(selected.deselected), "run")
            self._page.notes.append(f"inputs.select leaves out {left_out}.")
        self._page.notes += _what_is_scored(config)

    @property
    def report_id(self) -> str:
        """Name of the report's directory."""
        return "" if self.directory is None else self.directory.name

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
        """Add a list of things with what is to be said of each; without any, nothing."""
        if pairs:
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
        data: pd.DataFrame,
        wide: bool = False,
    ) -> None:
        """Draw a figure, save it below ``{folder}/figures`` and show it on the page.

        Nothing is drawn where ``outputs.which_figures`` leaves it out; `wide` figures take the
        whole width of the page. `data` is what the figure shows, kept as ``NAME.csv`` beside it.
        """
        if not self._is_wanted(name):
            return
        if any(isinstance(b, PageFigure) and b.name == name for b in self._page.blocks):
            raise ValueError(f"two figures are called {name!r}")
        figure = PageFigure(name, title, caption, data=data.to_csv(index=False), wide=wide)
        if self.directory is not None:
            figure = self._saved(figure, draw)
        self._page.blocks.append(figure)

    def _saved(self, figure: PageFigure, draw: Callable[[], Figure]) -> PageFigure:
        # drawing is what needs matplotlib, and a report without figures does not
        from thesis_reports.figures.style import save_figure

        assert self.directory is not None
        folder, outputs = Path(self._folder) / "figures", self.config.outputs
        target = self.directory / folder / figure.name
        target.parent.mkdir(parents=True, exist_ok=True)
        svg = save_figure(draw, target, outputs.fig_format, outputs.dpi)
        target.with_name(f"{figure.name}.csv").write_text(
            figure.data, encoding="utf-8", errors="backslashreplace"
        )
        suffixes = [*outputs.fig_format, "csv"]
        files = [(suffix, str(folder / f"{figure.name}.{suffix}")) for suffix in suffixes]
        return replace(figure, svg=svg, files=files)

    def not_drawn(self, name: str, title: str, reason: str) -> None:
        """Say why a figure that was asked for is missing."""
        if self._is_wanted(name):
            self._page.not_drawn.append((title, reason))

    def summary(self, frame: pd.DataFrame, **findings: Any) -> None:
        """Write ``{folder}/summary.csv``, ``.parquet`` and ``.json``: a row per run, and findings.

        The folder is ``inference`` where checkpoints scored events, else ``training``. The JSON is
        strict: what is not finite is null.
        """
        findings = json_ready(findings)
        self._findings = findings
        if self.directory is None:
            return
        folder = self.directory / self._folder
        write_tables(folder / "summary", frame)
        content = {"report_id": self.report_id, **findings, "runs": frame.to_dict("records")}
        write_json(folder / "summary.json", content)
        self._page.files += [
            ("a row per run", f"{self._folder}/summary.csv"),
            ("the same for pandas and polars", f"{self._folder}/summary.parquet"),
            ("the same with the findings", f"{self._folder}/summary.json"),
        ]

    def record(self) -> dict[str, Any]:
        """All that the report says, as plain data: what `thesis_reports.verify` compares."""
        page = self._page
        page.question, page.answer = self.question, self.answer
        return {**page_record(page), "findings": self._findings}

    def write(self) -> None:
        """Render the page, write what it says as data, the manifest, and pointers in the runs."""
        assert self.directory is not None
        self._keep_scores()
        record = self.record()
        for refusal in append_pointers(self.configs, self.report_id):
            logger.warning("No report_pointer.txt in %s", refusal)
            self.note(f"The report's id could not be left in {refusal}.")
        page = self._page
        page.commands.insert(0, ("Make this report again:", command(self.config)))
        page.commands.insert(1, ("Check its numbers:", verify_command(self.directory)))
        page.files.insert(0, ("what went in, with hashes", "manifest.yaml"))
        page.files.append(("all that this page says, as data", "page.json"))
        html = render_page(page)
        target = self.directory / "report.html"
        write_atomic(target, lambda file: file.write(html.encode(errors="backslashreplace")))
        write_json(self.directory / "page.json", record)
        about = {
            "report_id": self.report_id,
            "analysis": self.config.title(),
            "created": self._created.isoformat(),
            "question": self.question,
            "answer": self.answer,
            "n_runs": len(self.runs),
            "n_skipped": len(self.skipped),
        }
        write_json(self.directory / "about.json", about)
        manifest = build_manifest(
            self.directory, self._created, self.config, self._selected, self.scores, self.also_read
        )
        write_manifest(self.directory / "manifest.yaml", manifest)
        write_index(output_root(self.config) / "reports")
        logger.info("%s", self.answer)
        logger.info("Report: %s", target)

    @property
    def _folder(self) -> str:
        return "inference" if self.config.inference.enabled else "training"

    def _keep_scores(self) -> None:
        """Leave copies of the scores that were read, where the config wants them."""
        if self.directory is None or not self.config.inference.persist_raw_scores:
            return
        names = dict(zip(self.runs["run_dir"], self.runs["name"], strict=True))
        folder = self.directory / self._folder / "scores"
        folder.mkdir(parents=True, exist_ok=True)
        for run_dir, split, path in self.scores.files:
            name = safe_name(names.get(run_dir, Path(run_dir).name))
            shutil.copyfile(path, folder / f"{name}_{split}.npz")

    def _is_wanted(self, figure: str) -> bool:
        wanted = self.config.outputs.which_figures
        return wanted is None or figure in wanted


def _what_is_scored(config: ReportConfig) -> list[str]:
    """What a reader must know of events that are not those of the runs."""
    notes = []
    if config.data.path is not None:
        given = config.data.path
        paths = given if isinstance(given, str) else ", ".join(given)
        notes.append(f"Scores are of the events in {paths}, which data.path names.")
    if config.inference.max_samples is not None:
        n = counted(config.inference.max_samples, "event")
        notes.append(f"At most {n} of each split were scored.")
    return notes


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
