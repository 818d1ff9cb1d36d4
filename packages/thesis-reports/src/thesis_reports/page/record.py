"""What a page says, as plain data that can be compared with what it should say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from thesis_facts.strict_json import json_ready
from thesis_reports.naming import numbered
from thesis_reports.page.content import FactList, Page, PageFigure, ReasonList, Table


def page_record(page: Page) -> dict[str, Any]:
    """Answer, key numbers, tables, captions and the data of figures, by what they are called.

    Values of tables are kept in full; how to repeat the report, and when it was made, is left out.
    """
    tables = [block for block in page.blocks if isinstance(block, Table)]
    figures = [block for block in page.blocks if isinstance(block, PageFigure)]
    lists = [block for block in page.blocks if isinstance(block, (FactList, ReasonList))]
    return json_ready(
        {
            "question": page.question,
            "answer": page.answer,
            "key numbers": _by_name(
                (item.label, [item.value, item.note]) for item in page.key_numbers
            ),
            "notes": page.notes,
            "not drawn": page.not_drawn,
            "skipped": page.skipped,
            "tables": _by_name((table.title, _table(table)) for table in tables),
            "lists": _by_name((one.title, _list(one)) for one in lists),
            "figures": {one.name: {"caption": one.caption, "data": one.data} for one in figures},
        }
    )


def _by_name(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Values by name, with a number where two have the same."""
    known = list(pairs)
    names = numbered(name for name, _ in known)
    return dict(zip(names, (value for _, value in known), strict=True))


def _list(one: FactList | ReasonList) -> dict[str, Any]:
    pairs = one.facts if isinstance(one, FactList) else one.reasons
    return {"caption": one.caption, "pairs": pairs}


def _table(table: Table) -> dict[str, Any]:
    columns = _by_name(
        (
            column.label,
            {"values": column.values, "texts": [cell.text for cell in column.cells()]},
        )
        for column in table.columns
    )
    return {"caption": table.caption, "columns": columns}
