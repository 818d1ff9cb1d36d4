"""The page in a real browser: Debian's Chromium, driven by playwright, without a network."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here: apt-get install chromium, or set CHROMIUM=PATH"
)

HOSTILE = "run_20260101-120000_<img src=x onerror=document.title='owned'>"
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Generator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def report(tmp_path: Path, write_run, config_of, report_of: Callable[..., Path]) -> Path:
    """Fourteen runs, enough for a filter; one of them with a name that wants to be code."""
    runs = tmp_path / "outputs" / "runs"
    for number in range(13):
        run_dir = runs / f"run_20260101-120000_dim{16 * (number + 1)}"
        write_run(run_dir, config_of(1, 16 * (number + 1)), n_epochs=2, with_scores=number == 0)
    write_run(runs / HOSTILE, config_of(2, 16), n_epochs=2, end="crashed")
    figures = ["losses", "settings"]
    outputs = {"which_figures": figures, "fig_format": ["png"]}
    return report_of({"inputs": {"run_dirs": str(runs / "*")}, "outputs": outputs})


@pytest.fixture
def visit(browser: Any) -> Generator[Callable[..., Any]]:
    """Open a file; whatever the page says on the console or asks of the network is kept."""
    pages = []

    def open_page(path: Path, **options: Any) -> Any:
        page = browser.new_page(**options)
        page.complaints, page.requests = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(path.as_uri())
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()


def _column(page: Any, heading: str) -> list[str]:
    """Texts of a column of the table of runs, in the order shown."""
    return page.evaluate(
        """heading => {
          const table = [...document.querySelectorAll("table.sortable")].find(
            t => [...t.tHead.rows[0].cells].some(c => c.innerText.trim() === heading));
          const index = [...table.tHead.rows[0].cells].findIndex(
            c => c.innerText.trim() === heading);
          return [...table.tBodies[0].rows].filter(r => !r.hidden && r.offsetParent)
            .map(r => r.cells[index].innerText.trim());
        }""",
        heading,
    )


def test_the_page_asks_for_nothing_and_complains_of_nothing(visit, report: Path) -> None:
    page = visit(report / "report.html")
    page.wait_for_load_state("networkidle")
    asked = [url for url in page.requests if not url.startswith("data:")]
    assert asked == [(report / "report.html").as_uri()]
    assert page.complaints == []
    assert "owned" not in page.title()
    images = page.evaluate("[...document.images].map(i => i.complete && i.naturalWidth > 0)")
    assert len(images) == 2
    assert all(images)


def test_a_click_sorts_numbers_by_value_and_a_second_one_turns_them(visit, report: Path) -> None:
    page = visit(report / "report.html")
    button = page.get_by_role("button", name="dim", exact=True)
    button.click()
    down = [int(text) for text in _column(page, "dim")]
    assert down == sorted(down, reverse=True)
    assert max(down) == 208  # text would put 96 first
    button.press("Enter")  # the keyboard does the same
    up = [int(text) for text in _column(page, "dim")]
    assert up == sorted(up)
    heading = page.get_by_role("columnheader", name="dim", exact=True)
    assert heading.get_attribute("aria-sort") == "ascending"


def test_missing_values_stay_last(visit, report: Path) -> None:
    page = visit(report / "report.html")
    button = page.get_by_role("button", name="time", exact=True)
    for _ in range(2):
        button.click()
        assert _column(page, "time")[-1] == "–"  # of the run that crashed


def test_words_filter_the_rows(visit, report: Path) -> None:
    page = visit(report / "report.html")
    page.get_by_label("Show rows with").fill("crashed")
    assert len(_column(page, "dim")) == 1
    assert page.locator(".filter output").inner_text() == "1 of 14"
    page.get_by_label("Show rows with").fill("")
    assert len(_column(page, "dim")) == 14


def test_the_command_can_be_taken(visit, report: Path) -> None:
    page = visit(report / "report.html")
    button = page.get_by_role("button", name="Copy the command: Make this report again:")
    button.click()
    page.wait_for_function("document.querySelector('.copy').textContent !== 'Copy'")
    assert button.inner_text() in ("Copied", "Selected")


@pytest.mark.parametrize("which", ["report", "index"])
def test_a_phone_scrolls_in_one_direction(visit, report: Path, which: str) -> None:
    path = report / "report.html" if which == "report" else report.parent / "index.html"
    page = visit(path, viewport=PHONE)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"]
    size = page.evaluate("parseFloat(getComputedStyle(document.querySelector('.answer')).fontSize)")
    assert size >= 16


def test_all_can_be_reached_by_keyboard_and_has_a_name(visit, report: Path) -> None:
    page = visit(report / "report.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    nameless = page.evaluate(
        """[...document.querySelectorAll("a, button, input, img, [tabindex]")].filter(e =>
          !(e.innerText || e.getAttribute("aria-label") || e.getAttribute("aria-labelledby")
            || e.alt || (e.labels && e.labels.length))).length"""
    )
    assert nameless == 0


def test_the_index_leads_to_each_report(visit, report: Path) -> None:
    page = visit(report.parent / "index.html")
    page.get_by_role("link", name="What ran, what failed, and what is best?").click()
    page.wait_for_load_state()
    assert page.url == (report / "report.html").as_uri()
    assert page.complaints == []
