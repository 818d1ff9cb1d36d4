import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thesis_data.random import keyed_generator, keyed_seed, keyed_words

KEYS = st.lists(st.one_of(st.integers(0, 10**6), st.text(max_size=5)), max_size=3)


def test_seeds_are_the_same_in_every_version_and_on_every_machine():
    assert keyed_seed(42, "order", 3) == 3620097557802709740
    assert keyed_seed(42) == 4410206093815208491


@given(KEYS, KEYS)
def test_other_keys_give_other_seeds(first, second):
    assert (keyed_seed(1, *first) == keyed_seed(1, *second)) == (first == second)


def test_numpy_integers_are_keys_like_any_other():
    assert keyed_seed(np.int64(1), np.int32(2)) == keyed_seed(1, 2)
    assert keyed_seed(1, 2) != keyed_seed(1, "2")


def test_generators_with_one_key_draw_the_same():
    first, second = (torch.rand(5, generator=keyed_generator(1, "a")) for _ in range(2))
    assert torch.equal(first, second)


def test_words_of_an_event_do_not_depend_on_the_other_events():
    rows = np.array([5, 2, 900])
    words = keyed_words(7, rows, 18)
    assert np.array_equal(words[1:2], keyed_words(7, rows[1:2], 18))
    assert not np.array_equal(words, keyed_words(8, rows, 18))


@pytest.mark.parametrize("bit", [0, 17, 63])
def test_every_bit_of_a_word_is_a_fair_coin(bit):
    words = keyed_words(0, np.arange(2_000), 18)
    assert abs(((words >> np.uint64(bit)) & np.uint64(1)).mean() - 0.5) < 0.015
