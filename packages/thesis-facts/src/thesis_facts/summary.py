"""The numbers of each run that follow from its scalars: best, final, test, times."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from thesis_facts.scalars_table import RUN

_NEEDED = ("val_loss", "epoch_time_s", "throughput", "max_memory_mib")


def summarise(scalars: pl.DataFrame, best_epochs: Sequence[int | None]) -> pl.DataFrame:
    """Summarise the scalars of many runs.

    Parameters
    ----------
    scalars
        Rows of all runs, their run's position in ``run``.
    best_epochs
        Per run, the epoch of its best checkpoint where the run says so; elsewhere the one with
        the lowest validation loss counts.

    Returns
    -------
    DataFrame
        A row per run: ``epochs_run``, ``best_epoch``, ``loss.total_best``, ``loss.total_final``,
        ``metric_*_best``, ``metric_*_final``, ``metric_*_test``, ``mean_epoch_time_s`` (s),
        ``throughput_mean`` (samples/s), ``max_memory_mib_max`` (MiB). A metric that no run has
        gets no column.
    """
    metrics = [name for name in scalars.columns if name.startswith("metric_")]
    missing = [name for name in _NEEDED if name not in scalars.columns]
    scalars = scalars.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in missing)
    known = pl.Series("known", best_epochs, dtype=pl.Int64).gather(scalars[RUN])
    table = pl.DataFrame({RUN: range(len(best_epochs))}, schema={RUN: pl.Int32})
    test = scalars[(scalars["split"] == "test").arg_true()]
    trained = [name for name in metrics if scalars[name].count() > test[name].count()]
    for part in (
        _of_validation(scalars.with_columns(known), trained),
        test.group_by(RUN).agg(pl.col(name).last().alias(f"{name}_test") for name in metrics),
        _of_resources(scalars),
    ):
        table = table.join(part, on=RUN, how="left")
    empty = [name for name in table.columns if "metric_" in name and not table[name].count()]
    return table.sort(RUN).drop(RUN, *empty)


def _of_validation(scalars: pl.DataFrame, metrics: list[str]) -> pl.DataFrame:
    names = ["val_loss", *metrics]
    rows = scalars.lazy().filter(pl.col("split") == "val")
    rows = rows.select(RUN, "epoch", "known", *names).collect()
    is_known = pl.when(pl.col("epoch") == pl.col("known")).then(0.0)
    badness = pl.when(pl.col("known").is_null()).then(pl.col("val_loss")).otherwise(is_known)
    picked = rows.with_row_index("row").with_columns(badness.alias("badness"))
    picked = picked.group_by(RUN).agg(
        pl.col("row").get(pl.col("badness").arg_min()).alias("best"),
        pl.col("row").last().alias("final"),
    )
    columns = {name: name.replace("val_loss", "loss.total") for name in names}
    return rows.select(
        picked[RUN],
        pl.col("epoch").gather(picked["best"]).alias("best_epoch"),
        *(
            pl.col(name).gather(picked[which]).alias(f"{column}_{which}")
            for which in ("best", "final")
            for name, column in columns.items()
        ),
    )


def _of_resources(scalars: pl.DataFrame) -> pl.DataFrame:
    def mean(name: str) -> pl.Expr:
        # an epoch is timed once; which of its rows holds that differs between systems
        of = [pl.col(name).filter(pl.col("split") == split).mean() for split in ("train", "val")]
        return pl.coalesce(of)

    return scalars.group_by(RUN).agg(
        pl.col("epoch").filter(pl.col("split") != "test").n_unique().alias("epochs_run"),
        mean("epoch_time_s").alias("mean_epoch_time_s"),
        mean("throughput").alias("throughput_mean"),
        pl.col("max_memory_mib").max().alias("max_memory_mib_max"),
    )
