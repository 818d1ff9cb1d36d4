"""The exported table holds whatever a table of runs may hold."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from thesis_reports.export import write_tables


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [2**70, 1]}, dtype=object),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame([[1.5, None]], columns=[0, 1]),
        pd.DataFrame({"a": [[1, 2], None], "b": [True, "x"], "c": [None, None]}),
        pd.DataFrame({"a": pd.Series(dtype=float)}),
    ],
    ids=["huge", "twice", "numbers", "mixed", "empty"],
)
def test_any_frame_can_be_written_and_read(frame: pd.DataFrame, tmp_path: Path) -> None:
    write_tables(tmp_path / "summary.v1", frame)
    read = pd.read_parquet(tmp_path / "summary.v1.parquet")
    assert len(read) == len(frame)
    assert len(set(read.columns)) == frame.shape[1]
    assert len(pd.read_csv(tmp_path / "summary.v1.csv")) == len(frame)


def test_numbers_stay_numbers(tmp_path: Path) -> None:
    frame = pd.DataFrame({"n": [1, 2], "x": [0.5, None], "name": ["a", None]})
    write_tables(tmp_path / "summary", frame)
    read = pd.read_parquet(tmp_path / "summary.parquet")
    assert read["n"].dtype.kind == "i"
    assert read["x"].dtype.kind == "f"
    assert read["name"].isna().tolist() == [False, True]
