"""Filters on any column of the runs table."""

import pandas as pd
import pytest

from thesis_facts.errors import ConfigError
from thesis_reports.selection import select

RUNS = pd.DataFrame(
    {
        "run_dir": ["a", "b", "c", "d"],
        "dim": [32.0, 64.0, 64.0, None],
        "positional": ["none", "rotary", "none", None],
        "include_met": [True, False, True, False],
        "features": ["[0,1]", "[0,1,2]", "[0,1]", None],
        "loss.total_best": [0.1, 0.2, 0.3, 0.4],
    }
)


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ({}, "abcd"),
        ({"dim": 64}, "bc"),
        ({"dim": [32, 64]}, "abc"),
        ({"dim": "64.0"}, "bc"),
        ({"positional": "none"}, "ac"),
        ({"positional": None}, "d"),
        ({"positional": "none", "dim": 32}, "a"),
        ({"include_met": True}, "ac"),
        ({"include_met": "false"}, "bd"),
        ({"features": [0, 1]}, "ac"),
        ({"features": "[0,1,2]"}, "b"),
        ({"loss": {"total_best": [0.1, 0.4]}}, "ad"),
    ],
)
def test_rows_with_a_wanted_value_are_kept(wanted: dict, kept: str) -> None:
    assert "".join(select(RUNS, wanted)["run_dir"]) == kept


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"dimm": 64}, [r"inputs\.select\.dimm", "did you mean dim"]),
        ({"dim": 128}, [r"inputs\.select\.dim: found 128", "32.0", "64.0"]),
        ({"loss": {"total_bst": 1}}, [r"loss\.total_best"]),
    ],
)
def test_a_filter_that_fits_nothing_says_what_would(wanted: dict, words: list[str]) -> None:
    for word in words:
        with pytest.raises(ConfigError, match=word):
            select(RUNS, wanted)
