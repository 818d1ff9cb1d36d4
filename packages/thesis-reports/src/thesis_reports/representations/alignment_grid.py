"""CKA between all pairs of runs, and what is said of settings by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from thesis_reports.representations.kernel_alignment import Alignment, alignment
from thesis_reports.representations.probe_groups import SettingProbes
from thesis_reports.representations.survey import SurveyedRun
from thesis_reports.statistics import Spread, spread

Pairs = Mapping[tuple[str, str], Alignment]
Fields = Mapping[tuple[str, str], Spread]


@dataclass(frozen=True)
class AlignmentSummary:
    """CKA in four numbers.

    Attributes
    ----------
    within, across
        Mean between runs of one setting, and between runs of two; NaN where there are none.
    least
        The two settings that are least alike, with their CKA.
    event_error
        Median over pairs of runs.
    """

    within: float
    across: float
    least: tuple[str, str, Spread] | None
    event_error: float


def align_pairs(runs: Sequence[SurveyedRun]) -> dict[tuple[str, str], Alignment]:
    """CKA of each two runs, by their directories."""
    return {
        (a.run_dir, b.run_dir): alignment(a.aligned, b.aligned) for a, b in combinations(runs, 2)
    }


def align_settings(
    probed: Sequence[SettingProbes], labels: Sequence[str], pairs: Pairs
) -> dict[tuple[str, str], Spread]:
    """CKA of each two settings over pairs of different runs, by labels; where it is defined."""
    fields = {}
    for first, a in zip(labels, probed, strict=True):
        for second, b in zip(labels, probed, strict=True):
            values = [
                (pairs.get((x.run_dir, y.run_dir)) or pairs[y.run_dir, x.run_dir]).value
                for x in a.runs
                for y in b.runs
                if x is not y and not (a is b and x.run_dir > y.run_dir)  # each pair once
            ]
            if np.isfinite(values).any():
                fields[first, second] = spread(values)
    return fields


def summarise_alignment(fields: Fields, pairs: Pairs) -> AlignmentSummary:
    """What is within settings, what between them."""
    within = [one.mean for (a, b), one in fields.items() if a == b]
    across = {pair: one for pair, one in fields.items() if pair[0] != pair[1]}
    errors = [one.error for one in pairs.values() if np.isfinite(one.error)]
    least = min(across.items(), key=lambda item: item[1].mean) if across else None
    return AlignmentSummary(
        float(np.mean(within)) if within else np.nan,
        float(np.mean([one.mean for one in across.values()])) if across else np.nan,
        (*least[0], least[1]) if least else None,
        float(np.median(errors)) if errors else np.nan,
    )
