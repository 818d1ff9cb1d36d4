"""Numbers are rounded to what is known."""

import doctest
import math

import pytest

from thesis_reports import naming, reproduce, rounding, statistics
from thesis_reports.rounding import counted, duration, number, size, with_uncertainty


@pytest.mark.parametrize(
    ("value", "sigma", "text"),
    [
        (0.91084, 0.00534, "0.9108 ± 0.0053"),
        (27.13, 1.92, "27.1 ± 1.9"),
        (1234.5, 87.0, "1,234 ± 87"),
        (123456.0, 2345.0, "123,500 ± 2,300"),
        (-0.0012, 0.0006, "−0.00120 ± 0.00060"),
        (0.5, math.nan, "0.5000"),
        (0.5, 0.0, "0.5000"),
        (math.nan, 0.1, "–"),
        (None, None, "–"),
    ],
)
def test_a_value_has_as_many_digits_as_its_uncertainty(value, sigma, text) -> None:
    assert with_uncertainty(value, sigma) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.44071, "0.4407"), (-3.0, "−3"), (1e-7, "1.000e−7"), (math.inf, "–"), (12345.6, "12,346")],
)
def test_numbers_have_four_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_durations_sizes_and_counts_have_units() -> None:
    assert [duration(s) for s in (0.04, 59.97, 3599.6, 7260.0)] == [
        "0.0 s", "1 min 0 s", "1 h 0 min", "2 h 1 min",
    ]  # fmt: skip
    assert [size(n) for n in (999, 2048, 3 << 30, 5 << 40)] == [
        "999 B", "2.0 KiB", "3.0 GiB", "5.0 TiB",
    ]  # fmt: skip
    assert counted(1200, "directory", "directories") == "1,200 directories"


@pytest.mark.parametrize("module", [naming, reproduce, rounding, statistics])
def test_docstring_examples(module) -> None:
    found = doctest.testmod(module)
    assert found.attempted
    assert not found.failed
