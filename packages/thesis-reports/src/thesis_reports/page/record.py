"""What a page says, as plain data that can be compared with what it should say."""

from __future__ import annotations

from typing import Any

from thesis_facts.strict_json import json_ready
from thesis_reports.naming import numbered
from thesis_reports.page.content import FactList, Page, PageFigure, Table


def page_record(page: Page) -> dict[str, Any]:
    """Answer, key numbers, tables, captions and the data of figures, by what they are called.

    Values of tables are kept in full; how to repeat the report, and when it was made, is left out.
    """
    record: dict[str, Any] = {
        "question": page.question,
        "answer": page.answer,
        "key numbers": {},
        "notes": page.notes,
        "not drawn": [list(pair) for pair in page.not_drawn],
        "skipped": [list(pair) for pair in page.skipped],
        "tables": {},
        "lists": {},
        "figures": {},
    }
    for item in page.key_numbers:
        _put(record["key numbers"], item.label, [item.value, item.note])
    for block in page.blocks:
        if isinstance(block, Table):
            _put(record["tables"], block.title, _table(block))
        elif isinstance(block, PageFigure):
            record["figures"][block.name] = {"caption": block.caption, "data": block.data}
        else:
            pairs = block.facts if isinstance(block, FactList) else block.reasons
            _put(record["lists"], block.title, {"caption": block.caption, "pairs": list(pairs)})
    return json_ready(record)


def _put(into: dict[str, Any], name: str, value: Any) -> None:
    """Under its name, with a number where another has it already."""
    number = 1
    while (key := name if number == 1 else f"{name} ({number})") in into:
        number += 1
    into[key] = value


def _table(table: Table) -> dict[str, Any]:
    names = numbered(column.label for column in table.columns)
    columns = {
        name: {"values": list(column.values), "texts": [cell.text for cell in column.cells()]}
        for name, column in zip(names, table.columns, strict=True)
    }
    return {"caption": table.caption, "columns": columns}
