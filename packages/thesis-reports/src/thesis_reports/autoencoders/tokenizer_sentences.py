"""What was found of tokenizers, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from thesis_reports.autoencoders.tokenizers import Tokenizer
from thesis_reports.comparison import Comparison, chance_in
from thesis_reports.rounding import number, with_uncertainty
from thesis_reports.sentences import spread_text
from thesis_reports.statistics import spread


def what_is_kept(
    found: Sequence[Tokenizer],
    rows: Mapping[str, Comparison],
    vq: Tokenizer | None,
    against: Mapping[str, Comparison],
    judged_by: tuple[str, str],
) -> str:
    """The lowest error and its bits, and what a codebook pays for how many fewer.

    Parameters
    ----------
    found
        Lowest validation error first; see `thesis_reports.autoencoders.tokenizers.find_tokenizers`.
    rows
        Each minus the first, by label.
    vq, against
        The first that has a codebook, and each minus that.
    judged_by
        Name of the error, and the split that judges.
    """
    metric, split = judged_by
    if not found:
        return f"No autoencoder has a {metric} on the {split} split."
    best = found[0]
    text = f"{best.label} has the lowest {metric} on the validation split: "
    text += "" if split == "val" else f"on the {split} split "
    text += f"{spread_text(spread(best.test.values))}"
    text += f", for {_bits(best)} per event"
    if best.mean_bits > best.input_bits:
        text += f", more than the momenta themselves take ({number(best.input_bits, 3)})"
    text += "."
    equal = [row for row in rows.values() if not row.is_found]
    if equal:
        named = "; ".join(
            f"{row.name} by {with_uncertainty(row.difference, row.error)}" for row in equal[:4]
        )
        more = f" and {len(equal) - 4} more" if len(equal) > 4 else ""
        text += f" Not told from it by more than {chance_in(equal)}: {named}{more}."
    if vq is None:
        return f"{text} No run has a codebook."
    if vq is not best:
        row = rows[vq.label]
        paid = with_uncertainty(row.difference, row.error)
        verb = f"pays {paid} more for" if row.is_found and row.difference > 0 else "takes"
        text += f" With a codebook, {vq.label} {verb} {_bits(vq)}: {_how_many_fewer(vq, best)}."
    beaten = [
        row
        for one in found
        if (row := against.get(one.label)) is not None
        and row.is_found
        and row.difference > 0
        and one.mean_bits > vq.mean_bits
    ]
    if beaten:
        named = "; ".join(
            f"{row.name} by {with_uncertainty(row.difference, row.error)}" for row in beaten[:4]
        )
        more = f" and {len(beaten) - 4} more" if len(beaten) > 4 else ""
        text += f" {vq.label} is ahead of others that take more bits: {named}{more}."
    return text


def _bits(one: Tokenizer) -> str:
    if not np.isfinite(one.mean_bits):
        return "an unknown number of bits"
    return f"{number(one.mean_bits, 3)} bits"


def _how_many_fewer(vq: Tokenizer, best: Tokenizer) -> str:
    ratio = best.mean_bits / vq.mean_bits
    if not np.isfinite(ratio):
        return "how many fewer that is, is unknown"
    if ratio >= 1:
        return f"{number(ratio, 3)} times fewer"
    return f"{number(1 / ratio, 3)} times more"
