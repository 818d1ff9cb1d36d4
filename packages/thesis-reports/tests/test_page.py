"""The page is one valid, accessible document in which nothing from outside is live."""

import math
import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from thesis_reports.page.content import (
    Column,
    FactList,
    Page,
    PageFigure,
    ReasonList,
    Table,
)
from thesis_reports.page.render import render_page

HOSTILE = '"><script>alert(1)</script><img src=//evil.example/x onerror=alert(2)>{{ 7*7 }}'
VOID = {"meta", "link", "img", "input", "br"}


class Reader(HTMLParser):
    """Elements in order, with an error for tags that don't match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attrs) -> None:
        self.elements.append((tag, {key: value or "" for key, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture
def page() -> Page:
    table = Table(
        HOSTILE,
        [
            Column("run", ["b", HOSTILE, "a"], hints=[HOSTILE] * 3),
            Column(HOSTILE, [0.9, math.nan, 0.8], lambda v: f"{v:.2f}", hint=HOSTILE),
        ],
        HOSTILE,
        highlighted=frozenset({0}),
        sorted_by=(HOSTILE, "descending"),
    )
    page = Page(HOSTILE, HOSTILE, datetime(2026, 3, 1, tzinfo=UTC), {HOSTILE: HOSTILE})
    page.question = page.answer = HOSTILE
    page.blocks = [
        table,
        FactList(HOSTILE, [(HOSTILE, HOSTILE)], HOSTILE),
        ReasonList(HOSTILE, [(HOSTILE, HOSTILE)], HOSTILE),
        PageFigure(
            HOSTILE, HOSTILE, HOSTILE, "x\n1\n", b"<svg/>", [("png", "training/figures/a b.png")]
        ),
    ]
    page.notes, page.commands = [HOSTILE], [(HOSTILE, HOSTILE)]
    page.skipped = page.not_drawn = page.files = [(HOSTILE, HOSTILE)]
    return page


def test_hostile_text_stays_text(page: Page) -> None:
    reader = Reader(render_page(page))
    assert len(reader.all("script")) == 1
    assert len(reader.all("img")) == 1
    assert not any(key.startswith("on") for _, attrs in reader.elements for key in attrs)
    assert HOSTILE in "".join(reader.text)


def test_nothing_is_fetched_from_anywhere(page: Page) -> None:
    html = render_page(page)
    for _, attributes in Reader(html).elements:
        for key in ("src", "href", "action", "data", "srcset"):
            assert not re.match(r"(?:[a-z]+:)?//", attributes.get(key, "")), attributes
    assert "url(" not in html
    assert "@import" not in html


def test_only_the_pages_own_script_may_run(page: Page) -> None:
    import base64
    import hashlib

    html = render_page(page)
    (policy,) = [attrs["content"] for attrs in Reader(html).all("meta") if "http-equiv" in attrs]
    script = html.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_the_table_says_how_it_is_sorted_and_by_what(page: Page) -> None:
    reader = Reader(render_page(page))
    headings = [attrs for attrs in reader.all("th") if attrs["scope"] == "col"]
    assert [attrs["aria-sort"] for attrs in headings] == ["none", "descending"]
    assert [attrs["class"] for attrs in headings if "class" in attrs] == ["numeric"]
    keys = [attrs["data-sort"] for attrs in reader.all("td")]
    assert keys == ["0.9", "", "0.8"]
    rows = [attrs for attrs in reader.all("th") if attrs["scope"] == "row"]
    assert [attrs["data-sort"] for attrs in rows] == ["b", HOSTILE, "a"]


def test_every_part_can_be_reached_and_named(page: Page) -> None:
    reader = Reader(render_page(page))
    ids = [attrs["id"] for _, attrs in reader.elements if "id" in attrs]
    assert len(ids) == len(set(ids))
    for _, attributes in reader.elements:
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in ids
    assert all(attrs["alt"] for attrs in reader.all("img"))
    assert reader.all("html")[0]["lang"] == "en"
    assert len(reader.all("h1")) == 1
    regions = [attrs for _, attrs in reader.elements if attrs.get("role") == "region"]
    assert all(attrs["tabindex"] == "0" for attrs in regions)


def test_links_beside_the_page_are_quoted(page: Page) -> None:
    links = [attrs["href"] for attrs in Reader(render_page(page)).all("a")]
    assert "training/figures/a%20b.png" in links


def test_long_tables_can_be_filtered() -> None:
    page = Page("id", "x", datetime(2026, 3, 1, tzinfo=UTC), {})
    page.blocks = [Table("t", [Column("run", [str(i) for i in range(n)])]) for n in (12, 13)]
    (filter_input,) = Reader(render_page(page)).all("input")
    assert filter_input["type"] == "search"


def test_numbers_are_set_with_their_uncertainty_and_subscripts() -> None:
    page = Page("id", "x", datetime(2026, 3, 1, tzinfo=UTC), {})
    page.answer = "1/ε_B is 27 ± 2 at ε_S = 0.5 & <b>"
    html = render_page(page)
    assert "1/ε<sub>B</sub> is 27\u00a0±\u00a02 at ε<sub>S</sub> = 0.5 &amp; &lt;b&gt;" in html


def test_infinite_values_sort_as_what_they_are() -> None:
    column = Column("1/ε_B", [3.0, float("inf"), float("-inf"), float("nan")])
    assert [cell.sort for cell in column.cells()] == ["3.0", "Infinity", "-Infinity", ""]
