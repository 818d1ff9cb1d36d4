"""What each tokenizer keeps of events, and its price in bits and in time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_reports.autoencoders.bits import (
    bits_per_object,
    ideal_bits_per_object,
    input_bits_per_object,
)
from thesis_reports.autoencoders.event_errors import EventErrors
from thesis_reports.autoencoders.latent_spaces import latent_space_of
from thesis_reports.comparison import Group
from thesis_reports.elapsed import training_seconds
from thesis_reports.groups import AxisGroup
from thesis_reports.statistics import Spread, spread


@dataclass(frozen=True, eq=False)
class Tokenizer:
    """A group of runs with one tokenizer.

    Attributes
    ----------
    label
        Of the group.
    run_dirs
        Those that were judged.
    test
        Errors of the split that judges.
    val
        Errors of the validation split, over all its judged runs.
    bits, ideal_bits, input_bits
        Per event: as kept, as an ideal coder would keep codes, and of the momenta themselves.
    has_codebook
        Whether codes are kept.
    perplexity, codes_used, throughput, seconds
        Codes of validation events at the best epoch, training events per second, and seconds of
        training without validation.
    """

    label: str
    run_dirs: tuple[str, ...]
    test: Group
    val: Spread
    bits: NDArray[np.float64]
    ideal_bits: Spread
    input_bits: float
    has_codebook: bool
    perplexity: Spread
    codes_used: Spread
    throughput: Spread
    seconds: Spread

    @property
    def mean_bits(self) -> float:
        """Per event, as kept; NaN where a run does not tell."""
        return float(self.bits.mean())


def find_tokenizers(
    groups: Sequence[AxisGroup],
    runs: pd.DataFrame,
    epochs: pd.DataFrame,
    configs: Mapping[str, Mapping[str, Any]],
    metric: str,
    judged: EventErrors,
    by_val: EventErrors,
) -> list[Tokenizer]:
    """The groups that have a judged run, lowest validation error first.

    Parameters
    ----------
    groups, runs, epochs, configs
        See `thesis_reports.groups` and `thesis_reports.selection.SelectedRuns`.
    metric
        The error.
    judged, by_val
        Errors on the split that judges, and on the validation split.
    """
    of_label = {group.name: group for group in judged.groups[metric]}
    table = runs.set_index("run_dir")
    seconds = training_seconds(epochs)
    found = []
    for group in groups:
        if group.label not in of_label:
            continue
        run_dirs = tuple(run for run in group.run_dirs if run in judged.of_run[metric])
        latents = {run: latent_space_of(configs[run]) for run in run_dirs}
        perplexity = _column(table, "metric_perplex_best", run_dirs)
        n_objects = np.array([judged.n_objects.get(run, math.nan) for run in run_dirs])
        kept = np.array([bits_per_object(latent) for latent in latents.values()])
        ideal = np.array(
            [
                ideal_bits_per_object(latent, value)
                for latent, value in zip(latents.values(), perplexity, strict=True)
            ]
        )
        of_input = np.array([input_bits_per_object(configs[run]) for run in run_dirs])
        found.append(
            Tokenizer(
                label=group.label,
                run_dirs=run_dirs,
                test=of_label[group.label],
                val=spread([by_val.of_run[metric].get(run, math.nan) for run in run_dirs]),
                bits=kept * n_objects,
                ideal_bits=spread(ideal * n_objects),
                input_bits=float((of_input * n_objects).mean()),
                has_codebook=any(one.kind == "vq" for one in latents.values()),
                perplexity=spread(perplexity),
                codes_used=spread(_column(table, "metric_codes_used_best", run_dirs)),
                throughput=spread(_column(table, "throughput_mean", run_dirs)),
                seconds=spread(seconds.reindex(list(run_dirs)).to_numpy(dtype=float)),
            )
        )
    # unknown validation errors come last, in the order of their names
    return sorted(found, key=lambda one: (np.isnan(one.val.mean), one.val.mean, one.label))


def _column(table: pd.DataFrame, name: str, run_dirs: Sequence[str]) -> NDArray[np.float64]:
    if name not in table:
        return np.full(len(run_dirs), np.nan)
    return table[name].reindex(list(run_dirs)).to_numpy(dtype=float)
