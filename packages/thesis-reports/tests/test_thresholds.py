"""Time to a threshold, against a loop over the rows."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thesis_facts.errors import ConfigError
from thesis_reports.config import Thresholds
from thesis_reports.thresholds import times_to_thresholds


def _epochs(values: dict[str, list[float]]) -> pd.DataFrame:
    rows = [
        {"run_dir": run, "epoch": epoch, "split": split, "epoch_time_s": 2.0 + epoch,
         "metric_acc": value, "val_loss": 1 - value}
        for run, history in values.items()
        for epoch, value in enumerate(history)
        for split in ("train", "val")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _slow_time(history: list[float], target: float) -> float:
    elapsed = 0.0
    for epoch, value in enumerate(history):
        elapsed += 2.0 + epoch
        if value >= target:
            return elapsed
    return np.nan


histories = st.lists(st.floats(0, 1), min_size=1, max_size=6)


@settings(max_examples=30)
@given(st.dictionaries(st.sampled_from("abc"), histories, min_size=1), st.floats(0, 1))
def test_time_counts_the_epochs_until_the_value_is_reached(values, target) -> None:
    times = times_to_thresholds(_epochs(values), Thresholds(val_acc=target))
    column = times.columns[0]
    for run, history in values.items():
        found = times[column].get(run, np.nan)
        assert found == pytest.approx(_slow_time(history, target), nan_ok=True)


def test_columns_say_what_was_reached() -> None:
    thresholds = Thresholds.model_validate({"val_loss": 0.3, "train_acc": 0.5, "acc": 0.9})
    times = times_to_thresholds(_epochs({"a": [0.5, 0.95]}), thresholds)
    assert list(times.columns) == [
        "time to val_loss ≤ 0.3 (s)",
        "time to train_acc ≥ 0.5 (s)",
        "time to val_acc ≥ 0.9 (s)",
    ]
    assert times.loc["a"].tolist() == [5.0, 2.0, 5.0]


def test_the_comparison_can_be_turned_round() -> None:
    thresholds = Thresholds.model_validate({"val_acc": 0.6, "comparison": "le"})
    times = times_to_thresholds(_epochs({"a": [0.9, 0.5]}), thresholds)
    assert times.iloc[0, 0] == 5.0


def test_an_unknown_metric_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match=r"thresholds\.val_ac.*thresholds\.val_acc"):
        times_to_thresholds(_epochs({"a": [0.9]}), Thresholds.model_validate({"val_ac": 0.6}))
