"""Several sweeps as one input, and points that were planned but have no run."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from thesis_facts import Point, SweepPlan, write_plan, write_pointer
from thesis_facts.errors import ConfigError

NAMES = ("exp_20260101-120000_one", "exp_20260102-120000_two")


@pytest.fixture
def sweeps(tmp_path: Path, write_run, config_of) -> list[Path]:
    """Two sweeps of three planned points each; of the second one point never began."""
    root, found = tmp_path / "outputs", []
    for number, name in enumerate(NAMES):
        sweep, points = root / "multiruns" / name, []
        for job, dim in enumerate((16, 32, 64)):
            run_dir = root / "runs" / f"run_{name[4:]}_job{job:03d}"
            overrides = (f"classifier.model.dim={dim}",)
            points.append(Point(job, str(run_dir), overrides))
            if number == 0 or dim != 64:
                write_run(run_dir, config_of(number, dim), overrides=overrides, n_epochs=2)
                write_pointer(sweep, job, run_dir, list(overrides))
        write_plan(sweep, SweepPlan(str(tmp_path), (), (), (), tuple(points)))
        found.append(sweep)
    return found


@pytest.fixture
def report(sweeps: list[Path], report_of: Callable[..., Path]) -> Path:
    return report_of({"inputs": {"sweep_dirs": [str(sweep) for sweep in sweeps]}})


def test_several_sweeps_are_one_input_and_runs_know_theirs(report: Path) -> None:
    runs = pd.read_csv(report / "training" / "summary.csv")
    counts = runs["sweep"].value_counts()
    assert {name: counts[name] for name in NAMES} == {NAMES[0]: 3, NAMES[1]: 2}
    settings = json.loads((report / "training" / "summary.json").read_text())["settings"]
    assert sorted(one["n"] for one in settings) == [1, 2, 2]  # seeds of both are taken together


def test_points_that_never_began_are_counted_and_named(report: Path) -> None:
    first, second = json.loads((report / "training" / "summary.json").read_text())["sweeps"]
    assert (first["n_planned"], first["states"]) == (3, {"complete": 3})
    assert (second["n_planned"], second["states"]) == (3, {"complete": 2, "missing": 1})
    assert second["missing"] == ["classifier.model.dim=64"]
    page = (report / "report.html").read_text()
    assert "Points without a run" in page
    assert "6 points were planned" in page


def test_a_column_of_the_sweep_selects_runs(sweeps, report_of) -> None:
    inputs = {"sweep_dirs": [str(sweep) for sweep in sweeps], "select": {"sweep": NAMES[1]}}
    runs = pd.read_csv(report_of({"inputs": inputs}) / "training" / "summary.csv")
    assert len(runs) == 2


def test_the_exported_table_is_the_same_for_pandas_and_polars(report: Path) -> None:
    path = report / "training" / "summary.parquet"
    from_csv, from_parquet = pd.read_csv(path.with_suffix(".csv")), pd.read_parquet(path)
    assert list(from_parquet.columns) == list(from_csv.columns)
    assert {"dim", "positional", "metric_auroc_best", "metric_auroc_test"} <= set(from_csv.columns)
    for name in ("dim", "metric_auroc_best", "total_time_s"):
        pd.testing.assert_series_equal(
            from_parquet[name].astype(float), from_csv[name].astype(float)
        )
    assert pl.read_parquet(path).height == len(from_csv)


def test_only_one_way_to_name_runs(sweeps, report_of) -> None:
    with pytest.raises(ConfigError, match="sweep_dir and sweep_dirs"):
        report_of({"inputs": {"sweep_dir": str(sweeps[0]), "sweep_dirs": [str(sweeps[1])]}})
