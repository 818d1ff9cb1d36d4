"""What the pages of the guide hold: blocks of code, commands, files, links."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


class CommandError(Exception):
    """A command of the guide does not do what the guide says."""


@dataclass(frozen=True)
class Command:
    """One command of a page, as it is printed there."""

    page: Path
    line: int
    text: str

    @property
    def place(self) -> str:
        """Where it stands, as editors write it."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def fences(page: Path) -> Iterator[tuple[str, int, list[str]]]:
    """Language, number of the first line, and lines of each block of code."""
    opened: tuple[str, str, int] | None = None
    block: list[str] = []
    for number, line in enumerate(page.read_text().splitlines(), start=1):
        fence = re.match(r"( *)```(.*)$", line)
        if opened is None and fence is not None:
            opened, block = (fence[1], fence[2].strip(), number + 1), []
        elif opened is not None and fence is not None:
            yield opened[1], opened[2], block
            opened = None
        elif opened is not None:
            block.append(line.removeprefix(opened[0]))


def commands(page: Path) -> list[Command]:
    """What stands behind a `$` in the console blocks of a page; the rest is what commands say."""
    found: list[Command] = []
    for language, start, lines in fences(page):
        if language != "console":
            continue
        text, begun = "", 0
        for number, line in enumerate(lines, start=start):
            if not text and not line.startswith("$ "):
                continue
            begun = begun if text else number
            text += (line if text else line.removeprefix("$ ")) + "\n"
            if not line.endswith("\\"):
                found.append(Command(page, begun, text.strip()))
                text = ""
    return found


def scripts(page: Path) -> list[Command]:
    """The blocks of Python, as a shell takes them."""
    return [
        Command(page, start, "\n".join(["python - <<'END'", *lines, "END"]))
        for language, start, lines in fences(page)
        if language == "python"
    ]


def files(page: Path) -> Iterator[tuple[str, str]]:
    """Name and content of each file that a page shows: the line above its block names it."""
    lines = page.read_text().splitlines()
    for _, start, block in fences(page):
        above = next((line for line in reversed(lines[: start - 2]) if line.strip()), "")
        named = re.search(r"`([\w./-]+\.(?:yaml|py))`:$", above)
        if named is not None:
            yield named[1], "\n".join(block) + "\n"


def filled(text: str, folder: Path, environment: Mapping[str, str]) -> str:
    """The command with what earlier ones made in the place of each path with `…`.

    Of several, the newest; a `…` that stands alone is for more words, which are not needed.
    """

    def newest(match: re.Match[str]) -> str:
        pattern = match[0].replace("…", "*")
        for name, value in environment.items():
            pattern = pattern.replace(f"${name}/", f"{value}/")
        pattern = os.path.relpath(pattern, folder) if os.path.isabs(pattern) else pattern
        found = sorted(folder.glob(pattern), key=lambda path: path.stat().st_mtime)
        if not found:
            raise CommandError(f"{text}\nnothing is called {match[0]}")
        return os.path.relpath(found[-1], folder)

    return re.sub(r"[$\w./-]*[\w./-]…[\w./-]*", newest, text).replace(" …", "")


def links(page: Path) -> list[str]:
    """Where the links and pictures of a page lead."""
    return re.findall(r"\]\(([^)\s]+)\)", page.read_text())


def anchors(page: Path) -> set[str]:
    """Of the headings of a page, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}
