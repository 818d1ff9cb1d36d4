"""How many bits an autoencoder keeps of an event.

Counted is what the decoder is given of each object, from which its momentum, its id and MET are
reconstructed: the number of its code with a codebook, and else numbers of 32 bits. Not counted are
the number of objects, which every decoder is told, and the model with its codebook, which is paid
for once and not by event. Codes are kept in the order of the objects, although their decoder may
take them as a set.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from thesis_reports.autoencoders.latent_spaces import LatentSpace

BITS_PER_NUMBER = 32  # as models compute; how many of them matter is not asked


def bits_per_object(latent: LatentSpace) -> float:
    """Bits that are kept of an object, every code at the same price; NaN where unknown.

    >>> bits_per_object(LatentSpace("vq", codebook_size=512))
    9.0
    >>> bits_per_object(LatentSpace("linear", numbers=2))
    64.0
    """
    if latent.codebook_size is not None:
        return math.log2(latent.codebook_size)
    if latent.numbers is not None:
        return float(BITS_PER_NUMBER * latent.numbers)
    return math.nan


def ideal_bits_per_object(latent: LatentSpace, perplexity: float) -> float:
    """Bits of an object for an ideal coder, which gives common codes short words.

    That is the entropy of the codes, log2 of their perplexity, if each object is coded by itself.
    NaN without a codebook: what an ideal coder makes of numbers is unknown.
    """
    if latent.codebook_size is None or not perplexity > 0:
        return math.nan
    return math.log2(perplexity)


def input_bits_per_object(config: Mapping[str, Any]) -> float:
    """Bits of the momentum of an object as data have it, without its id; NaN where unknown."""
    data = config.get("data")
    features = data.get("cont_features") if isinstance(data, Mapping) else None
    if not isinstance(features, list) or not features:
        return math.nan
    return float(BITS_PER_NUMBER * len(features))
