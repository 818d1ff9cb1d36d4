"""Tables and values as plain text for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any


def text_table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns of one width each; numbers to the right, the rest to the left."""
    cells = [[shown(value) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    right = [
        any(is_number(row[i]) for row in rows)
        and all(is_number(row[i]) or row[i] is None for row in rows)
        for i in range(len(header))
    ]
    lines = []
    for line in [header, *cells]:
        padded = [
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)


def shown(value: Any) -> str:
    """Value for reading: four digits, a dash where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shown, value)) or "none"
    return printable(str(value))


def printable(text: str) -> str:
    """Text that a terminal shows and never obeys: what is no character to be seen becomes ``?``.

    Examples
    --------
    >>> printable("run_\\x1b[2J_a")
    'run_?[2J_a'
    """
    return "".join(character if character.isprintable() else "?" for character in text)


def estimated(value: float | None, uncertainty: float | None) -> str:
    """A number beside one standard deviation, both rounded to two digits of the latter.

    Examples
    --------
    >>> estimated(0.910842, 0.00534), estimated(44.882, 8.056), estimated(1234.5, 321.0)
    ('0.9108 ± 0.0053', '44.9 ± 8.1', '1230 ± 320')
    >>> estimated(2.0, None), estimated(None, None)
    ('2', '-')
    """
    if value is None or uncertainty is None or not 0 < uncertainty < math.inf:
        return shown(value)
    digits = 1 - math.floor(math.log10(uncertainty))
    value, uncertainty = round(value, digits), round(uncertainty, digits)
    return f"{value:.{max(digits, 0)}f} ± {uncertainty:.{max(digits, 0)}f}"


def is_number(value: Any) -> bool:
    """Whether a cell is a number, which lines up at its right end."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)
