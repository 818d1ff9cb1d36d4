"""Runs that differ by their seed alone are one setting."""

import copy
from collections.abc import Mapping

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thesis_reports.aggregation import group_by_seed, summarise
from thesis_reports.naming import run_names, setting_label
from thesis_reports.ranking import metric_named

AUROC, LOSS = metric_named("auroc"), metric_named("loss")


def test_seeds_and_circumstances_do_not_make_a_setting(config_of) -> None:
    base = config_of(1)
    moved = copy.deepcopy(base)
    moved["env"]["output_root"] = "/elsewhere"
    moved["classifier"]["trainer"]["seed"] = 2
    moved["data"]["seed"] = 3
    moved |= {"run_dir": "x", "device": "cuda", "job_id": 4, "experiment": {"name": "other"}}
    (setting,) = group_by_seed({"a": base, "b": moved})
    assert setting.run_dirs == ("a", "b")
    assert setting.label == "all runs"


def test_settings_are_named_by_what_was_varied(config_of) -> None:
    configs = {"a": config_of(1, 32), "b": config_of(1, 64), "c": config_of(2, 64)}
    first, second = group_by_seed(configs)
    assert (first.label, first.run_dirs) == ("dim=32", ("a",))
    assert (second.values, second.run_dirs) == ({"dim": 64}, ("b", "c"))


def test_a_key_that_a_config_lacks_counts_as_varied(config_of) -> None:
    first, second = group_by_seed({"a": config_of(1), "b": config_of(1, extra=[1, 2])})
    assert (first.label, second.label) == ("extra=–", "extra=[1, 2]")


def test_of_different_loops_only_what_varies_within_one_is_named(config_of) -> None:
    """A loop brings a model and a trainer of its own, whose keys the others lack."""
    small, large = config_of(1, 32) | {"loop": "mlp"}, config_of(1, 64) | {"loop": "mlp"}
    trees = config_of(1) | {"loop": "bdt", "classifier": {"model": {"max_depth": 6}}}
    settings = group_by_seed({"a": small, "b": large, "c": trees})
    assert [s.label for s in settings] == [
        "loop=mlp, dim=32",
        "loop=mlp, dim=64",
        "loop=bdt, dim=–",
    ]
    assert [s.label for s in group_by_seed({"a": small, "c": trees})] == ["loop=mlp", "loop=bdt"]


def test_a_run_without_config_is_like_no_other_and_names_no_key(config_of) -> None:
    configs = {"x/a": config_of(1), "x/b": {}, "x/c": {}, "x/d": config_of(2)}
    settings = group_by_seed(configs)
    assert [s.run_dirs for s in settings] == [("x/a", "x/d"), ("x/b",), ("x/c",)]
    assert settings[1].label == "unknown config of b"
    assert settings[0].values == {}


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9)), min_size=1, max_size=12))
def test_groups_are_the_distinct_settings(points: list[tuple[int, int]]) -> None:
    configs = {
        f"run{i}": {"model": {"dim": dim}, "trainer": {"seed": seed}}
        for i, (dim, seed) in enumerate(points)
    }
    settings = group_by_seed(configs)
    assert len(settings) == len({dim for dim, _ in points})
    assert sorted(run for s in settings for run in s.run_dirs) == sorted(configs)


def _runs(values: Mapping[str, float | None], status: str = "complete") -> pd.DataFrame:
    return pd.DataFrame(
        {"run_dir": list(values), "status": status, AUROC.column: list(values.values())}
    )


def test_the_best_setting_has_the_best_mean_not_the_best_run(config_of) -> None:
    configs = {f"{dim}/{seed}": config_of(seed, dim) for dim in (32, 64) for seed in (1, 2)}
    values = {"32/1": 0.95, "32/2": 0.80, "64/1": 0.90, "64/2": 0.92}
    first, second = summarise(group_by_seed(configs), _runs(values), AUROC)
    assert first.setting.label == "dim=64"
    assert first.best_run == "64/2"
    assert first.metric.n == second.metric.n == 2
    assert first.metric.mean == pytest.approx(0.91)


def test_unfinished_runs_count_only_where_none_finished(config_of) -> None:
    settings = group_by_seed({"a": config_of(1, 32), "b": config_of(1, 64)})
    runs = _runs({"a": 0.8, "b": 0.9}, "incomplete")
    assert [r.best_run for r in summarise(settings, runs, AUROC)] == ["b", "a"]
    runs.loc[0, "status"] = "complete"
    assert [r.best_run for r in summarise(settings, runs, AUROC)] == ["a"]


def test_runs_without_the_metric_have_no_result(config_of) -> None:
    settings = group_by_seed({"a": config_of(1, 32), "b": config_of(1, 64)})
    assert [r.best_run for r in summarise(settings, _runs({"a": None, "b": 0.9}), AUROC)] == ["b"]
    assert summarise(settings, _runs({"a": 0.8, "b": 0.9}), LOSS) == []


def test_run_names_lose_their_time_stamp_where_they_stay_apart() -> None:
    names = run_names(["r/run_20260101-120000_x_job0", "r/run_20260101-120000_y", "r/job7"])
    assert names == ["x_job0", "y", "job7"]
    twice = ["r/run_20260101-120000_x", "r/run_20260102-120000_x"]
    assert run_names(twice) == ["run_20260101-120000_x", "run_20260102-120000_x"]


def test_values_in_a_label_read_as_on_the_command_line() -> None:
    values = {"lr": 1e-4, "met": True, "features": [0, 1], "gone": None}
    assert setting_label(values) == "lr=0.0001, met=true, features=[0, 1], gone=–"
