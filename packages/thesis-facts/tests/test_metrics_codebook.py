"""How much of a codebook is used, against its definition."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thesis_facts.metrics.codebook import codes_used, perplexity

CODES = hnp.arrays(np.int16, st.integers(1, 60), elements=st.integers(0, 511))


@given(CODES)
def test_perplexity_is_the_exponential_of_the_entropy(codes):
    shares = [np.mean(codes == code) for code in set(codes.tolist())]
    entropy = -math.fsum(share * math.log(share) for share in shares)
    assert perplexity(codes) == pytest.approx(math.exp(entropy))
    assert 1 <= perplexity(codes) <= codes_used(codes) * (1 + 1e-9)


@given(CODES, st.integers(0, 100))
def test_names_of_codes_do_not_matter(codes, shift):
    moved = codes.astype(np.int64) + shift
    assert perplexity(moved) == pytest.approx(perplexity(codes))
    assert codes_used(moved) == codes_used(codes)


def test_no_code_at_all():
    assert perplexity([]) == 0
    assert codes_used([]) == 0
