"""Turn the content of a page into HTML; everything that comes from outside is escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from thesis_reports.page.content import FactList, Page, PageFigure, ReasonList, Table

_KINDS = {Table: "table", FactList: "facts", ReasonList: "reasons", PageFigure: "figures"}


def render_page(page: Page) -> str:
    """One HTML document that needs nothing beside it: styles, script and figures are inside."""
    return _render("page.html.j2", page=page, groups=list(_groups(page.blocks)))


def render_index(entries: Sequence[Mapping[str, Any]]) -> str:
    """One HTML document that lists reports; see `thesis_reports.page.index`."""
    return _render("index.html.j2", entries=entries)


def _render(template: str, **content: Any) -> str:
    loader = PackageLoader("thesis_reports", "page")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = _data_uri
    script = loader.get_source(environment, "page.js")[0]
    return environment.get_template(template).render(
        style=loader.get_source(environment, "page.css")[0],
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        **content,
    )


def _groups(blocks: Sequence[Any]) -> Iterator[tuple[str, list[Any]]]:
    """Blocks in order, neighbouring figures together so that they share a grid."""
    for kind, members in groupby(blocks, key=lambda block: _KINDS[type(block)]):
        if kind == "figures":
            yield kind, list(members)
        else:
            yield from ((kind, [block]) for block in members)


def _data_uri(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
