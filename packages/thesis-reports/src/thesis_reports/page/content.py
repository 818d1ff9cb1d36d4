"""What a page is made of, without a word of HTML."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from thesis_reports.rounding import number


@dataclass(frozen=True)
class KeyNumber:
    """A number that stands out at the top: what it is, its value, and how to read it."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Column:
    """A column of a table; cells sort by their value and show its text.

    Attributes
    ----------
    label
        Heading.
    values
        One per row; None and NaN are missing and sort last.
    show
        Text of a value.
    hint
        Longer text of the heading, for the curious.
    texts
        Text of each cell, where `show` can't tell it from the value alone.
    hints
        Longer text of each cell, such as the path behind a name.
    """

    label: str
    values: Sequence[Any]
    show: Callable[[Any], str] = str
    hint: str = ""
    texts: Sequence[str] = ()
    hints: Sequence[str] = ()

    @cached_property
    def is_numeric(self) -> bool:
        """Whether all values that are known are numbers."""
        known = [value for value in self.values if not _is_missing(value)]
        return bool(known) and all(_is_number(value) for value in known)

    def cells(self) -> list[Cell]:
        """Text, sort key and hint of each row."""
        missing = [_is_missing(value) for value in self.values]
        shown = [
            "–" if gone else self.show(v) for v, gone in zip(self.values, missing, strict=True)
        ]
        sort = ["" if gone else _key(v) for v, gone in zip(self.values, missing, strict=True)]
        hints = self.hints or [""] * len(shown)
        return [Cell(*cell) for cell in zip(self.texts or shown, sort, hints, strict=True)]


@dataclass(frozen=True)
class Cell:
    """Text of a cell and what it sorts by; an empty `sort` is a missing value."""

    text: str
    sort: str
    hint: str = ""


@dataclass(frozen=True)
class Table:
    """A table that the reader can sort.

    Attributes
    ----------
    title, caption
        What it is, and how to read it.
    columns
        At least one; the first names the row.
    highlighted
        Rows that the answer is about.
    sorted_by
        Label of the column by which the rows already stand in order, and the direction:
        ``ascending`` or ``descending``.
    """

    title: str
    columns: Sequence[Column]
    caption: str = ""
    highlighted: frozenset[int] = frozenset()
    sorted_by: tuple[str, str] | None = None

    @cached_property
    def rows(self) -> list[tuple[Cell, ...]]:
        """Cells row by row."""
        return list(zip(*(column.cells() for column in self.columns), strict=True))


@dataclass(frozen=True)
class FactList:
    """Terms with their values, as in the settings of a run."""

    title: str
    facts: Sequence[tuple[str, str]]
    caption: str = ""


@dataclass(frozen=True)
class ReasonList:
    """Things with what is to be said of each, as in runs that failed and why."""

    title: str
    reasons: Sequence[tuple[str, str]]
    caption: str = ""


@dataclass(frozen=True)
class PageFigure:
    """A figure with the caption that states its numbers, and the files beside the page.

    Attributes
    ----------
    data
        What it shows, as CSV.
    svg
        The picture; empty where nothing was drawn.
    files
        (suffix, path beside the page).
    wide
        Whether it takes the whole width of the page.
    """

    name: str
    title: str
    caption: str
    data: str
    svg: bytes = b""
    files: Sequence[tuple[str, str]] = ()
    wide: bool = False


@dataclass
class Page:
    """A report as its reader meets it, from the question down to how to repeat it.

    Pairs are (title, reason) in `not_drawn`, (path, reason) in `skipped`, (purpose, command) in
    `commands` and (what it is, path beside the page) in `files`.
    """

    report_id: str
    analysis: str
    created: datetime
    versions: dict[str, str]
    question: str = ""
    answer: str = ""
    key_numbers: list[KeyNumber] = field(default_factory=list)
    blocks: list[Table | FactList | ReasonList | PageFigure] = field(default_factory=list)
    not_drawn: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    commands: list[tuple[str, str]] = field(default_factory=list)
    files: list[tuple[str, str]] = field(default_factory=list)


def table_of(title: str, frame: Any, caption: str = "") -> Table:
    """A table of a pandas frame, its columns in order, numbers to four digits."""
    columns = [
        Column(str(name), list(frame[name]), lambda v: number(v) if _is_number(v) else str(v))
        for name in frame.columns
    ]
    return Table(title, columns, caption)


def _key(value: Any) -> str:
    if not _is_number(value):
        return str(value)
    number = float(value)
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"  # as scripts spell it
    return repr(number)


def _is_number(value: Any) -> bool:
    return hasattr(value, "__float__") and not isinstance(value, (bool, str))


def _is_missing(value: Any) -> bool:
    return value is None or (_is_number(value) and math.isnan(float(value)))
