"""Whether kinds of tokens get more attention in events of the signal, at equal number of tokens.

Uniform attention gives 1/(number of tokens) to each. So a token that always gets the same share
stands higher, in units of it, where there are more tokens, and events of the signal have more.
What is left of the class beside the number of tokens is what is told.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from thesis_reports.comparison import Comparison, Group, compare_with
from thesis_reports.interpretability.attention_runs import SettingAttention
from thesis_reports.interpretability.attention_summary import LOOKED_AT, Array

_SMALLEST_PART = 1e-9  # of the variance of the class, that the number of tokens leaves open


@dataclass(frozen=True)
class SignalDifferences:
    """What each kind gets in events of the signal minus what it gets in all others.

    Attributes
    ----------
    rows
        At equal number of tokens.
    unadjusted
        Of the same kinds, differences of plain means.
    n_tokens
        Mean in events of the signal and in all others.
    """

    rows: Sequence[Comparison] = ()
    unadjusted: Sequence[Comparison] = ()
    n_tokens: tuple[float, float] = (math.nan, math.nan)

    def of(self, key: str) -> Comparison | None:
        """At equal number of tokens, of one kind."""
        return next((row for row in self.rows if row.name == key), None)

    def unadjusted_of(self, key: str) -> Comparison | None:
        """Difference of plain means of one kind."""
        return next((row for row in self.unadjusted if row.name == key), None)


def signal_differences(group: SettingAttention, signal: int) -> SignalDifferences:
    """Compare events of a class with all others, among events that have the kind.

    Seeds are paired: the difference is taken in each run. Runs that were looked at on different
    events can't be compared, and kinds whose events of one class always have other numbers of
    tokens than those of the other neither: no rows.
    """
    if not group.has_same_events:
        return SignalDifferences()
    attention = group.runs[0].attention
    is_signal, n_tokens = attention.label == signal, attention.n_tokens.astype(float)
    sides = is_signal, ~is_signal
    by_run = np.array([one.attention.received_by_event() for one in group.runs])  # [n, B, K]
    adjusted, plain = [], []
    for which, key in enumerate(LOOKED_AT):
        values = by_run[:, :, which]
        has_kind = np.asarray(np.isfinite(values).all(0))
        if min((has_kind & side).sum() for side in sides) < max(group.fewest_events, 2):
            continue
        of_tokens = _effect(key, values, is_signal, has_kind, n_tokens)
        of_class = _effect(key, values, is_signal, has_kind, None)
        if of_tokens is not None and of_class is not None:
            adjusted.append(of_tokens)
            plain.append(of_class)
    means = [float(n_tokens[side].mean()) if side.any() else math.nan for side in sides]
    # no difference, known exactly: what is left is the chance of the differences themselves
    none = Group("no difference", np.zeros(len(by_run)), np.zeros(len(is_signal)), 0.0)
    return SignalDifferences(
        compare_with(none, adjusted), compare_with(none, plain), (means[0], means[1])
    )


def _effect(
    name: str,
    values: Array,
    is_signal: NDArray[np.bool_],
    known: NDArray[np.bool_],
    n_tokens: Array | None,
) -> Group | None:
    """Coefficient of the class in a linear regression of each run, beside the number of tokens.

    Influences of events are those behind robust (HC1) errors (J. G. MacKinnon and H. White,
    J. Econometrics 29 (1985) 305): the scatter of a ratio grows with the number of tokens.

    Parameters
    ----------
    values : [n, B]
        Of runs and events.
    is_signal, known : [B]
        Class, and which events count.
    n_tokens : [B]
        None: not regressed on, which leaves the difference of two means.

    Returns
    -------
    group
        None where the other regressors tell the class.
    """
    n_events = int(known.sum())
    others = np.ones((n_events, 1))
    if n_tokens is not None:
        centred = n_tokens[known] - n_tokens[known].mean()
        others = np.column_stack([others, centred])

    def left_open(targets: Array) -> Array:
        """What the other regressors leave of targets [B, m]."""
        return targets - others @ np.linalg.lstsq(others, targets, rcond=None)[0]

    # the coefficient is that of what is left on what is left (Frisch, Waugh and Lovell)
    own = left_open(is_signal[known, None].astype(float))[:, 0]
    size, free = float(own @ own), n_events - np.linalg.matrix_rank(others) - 1
    if size < _SMALLEST_PART * n_events or free < 1:
        return None
    rest = left_open(values[:, known].T).T
    coefficients = rest @ own / size
    residuals = rest - coefficients[:, None] * own
    influences = np.zeros(values.shape)
    influences[:, known] = residuals * own / size * math.sqrt(n_events / free)
    return Group.of(name, zip(coefficients.tolist(), influences, strict=True))
