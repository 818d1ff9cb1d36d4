"""One row per run: what it was, how it went, what came out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from thesis_facts.axes import AXES
from thesis_facts.overrides import short_names
from thesis_facts.run_facts import RunFacts

_META = (
    "level",
    "goal",
    "dataset_name",
    "model_family",
    "class_def_str",
    "process_groups_key",
    "row_key",
    "n_classes",
    "feature_mode",
    "meta_hash",
    "meta_source",
    "meta_confidence",
    "needs_review",
)
_TREATMENT = (
    "token_order",
    "tokenization",
    "pid_encoding",
    "id_embed_dim",
    "met_rep",
    "globals_included",
    "feature_set_version",
    "normalization",
)
_NUMBERS = ("seed", "n_classes", "datatreatment.id_embed_dim", "total_time_s")


def runs_table(runs: Sequence[RunFacts], summary: pl.DataFrame) -> pl.DataFrame:
    """Table of runs.

    Parameters
    ----------
    runs
        Facts of the runs.
    summary
        What their scalars say, a row per run.

    Returns
    -------
    DataFrame
        A row per run: ``run_dir, run_id, status``, the overrides under short names, the axes,
        the meta fields (with ``datatreatment.*``), the summary, time, code and configuration.
        An axis or override that no run has gets no column. Lists are text, as on the command
        line, so that they can be grouped by.
    """
    present = {"seed"}.union(*(run.axes for run in runs))
    axes = [name for name in AXES if name in present]
    treatment = {f"datatreatment.{name}": name for name in _TREATMENT}
    columns = {
        "run_dir": [run.run_dir for run in runs],
        "run_id": [run.circumstances.get("run_id") for run in runs],
        "status": [run.outline.status for run in runs],
        **{name: [run.axes.get(name) for run in runs] for name in axes},
        "seed": [run.seed for run in runs],
        **{name: [run.meta.get(name) for run in runs] for name in _META},
        **{
            column: [(run.meta.get("datatreatment") or {}).get(name) for run in runs]
            for column, name in treatment.items()
        },
    }
    results = _results(runs, summary["best_epoch"].to_list())
    taken = {*AXES, *columns, *results, *summary.columns, "name"}  # the run's own, in reports
    overrides = _overrides(runs, taken)
    order = ["run_dir", "run_id", "status", *overrides, *columns, *summary.columns, *results]
    series = {
        name: _series(name, values) for name, values in (columns | overrides | results).items()
    }
    table = pl.DataFrame(list(series.values())).hstack(summary)
    return table.select(list(dict.fromkeys(order)))


def as_text(value: Any) -> str:
    """Value as it would stand on the command line."""
    if isinstance(value, list):
        return f"[{','.join(as_text(item) for item in value)}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def _results(runs: Sequence[RunFacts], best_epochs: list[int | None]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        "total_time_s": [(run.outline.end or {}).get("total_time_s") for run in runs],
        "started": [run.circumstances.get("timestamp") for run in runs],
        "git_commit": [run.git_commit for run in runs],
        "git_dirty": [run.circumstances.get("git_dirty") for run in runs],
        "config_sha1": [run.config_sha1 for run in runs],
        "error": [run.outline.error for run in runs],
    }
    terms = [run.loss_terms(epoch) for run, epoch in zip(runs, best_epochs, strict=True)]
    for term in dict.fromkeys(term for of_run in terms for term in of_run):
        columns[f"loss.{term}_best"] = [of_run.get(term) for of_run in terms]
    return columns


def _overrides(runs: Sequence[RunFacts], taken: set[str]) -> dict[str, list[Any]]:
    names = short_names({key for run in runs for key in run.overrides}, taken)
    return {name: [run.overrides.get(key) for run in runs] for key, name in names.items()}


def _series(name: str, values: list[Any]) -> pl.Series:
    """Column of one type; a mixture, and what is no plain value, becomes text."""
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds:
        return pl.Series(name, values, dtype=pl.Float64 if name in _NUMBERS else pl.String)
    if kinds == {int, float} or (len(kinds) == 1 and kinds <= {str, int, float, bool}):
        kind = pl.Float64 if kinds == {int, float} else None
        try:
            return pl.Series(name, values, dtype=kind, strict=kind is None)
        except (OverflowError, pl.exceptions.PolarsError):  # an integer beyond 64 bits
            pass
    texts = [None if value is None else as_text(value) for value in values]
    return pl.Series(name, texts, dtype=pl.String)
