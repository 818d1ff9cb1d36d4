import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thesis_data.treatment import arrange_tokens, balanced_subset

CLASSES = np.random.default_rng(0).choice(3, 500, p=[0.6, 0.35, 0.05])


@given(st.integers(1, 600), st.integers(0, 5))
def test_a_subset_is_balanced_and_no_larger_than_asked(limit, seed):
    chosen = balanced_subset(CLASSES, limit, seed)
    counts = np.bincount(CLASSES[chosen], minlength=3)
    available = np.bincount(CLASSES)
    shares = np.array([limit // 3 + (index < limit % 3) for index in range(3)])
    assert (counts == np.minimum(shares, available)).all()
    assert (np.diff(chosen) > 0).all()


def test_a_subset_depends_on_the_seed_alone():
    first, again, other = (balanced_subset(CLASSES, 60, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_larger_subset_contains_the_smaller_one():
    small, large = (balanced_subset(CLASSES, limit, 1) for limit in (30, 90))
    assert set(small) < set(large)


def _events(n_events: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Events with padding anywhere and rubbish in the padded slots."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 8, (n_events, 18)).astype(np.int8)
    return ids, rng.normal(50, 20, (n_events, 18, 4)).astype(np.float32)


def _slow_arrange(ids, objects, order):
    """One event after the other, with Python lists."""
    new_ids, new_objects = np.zeros_like(ids), np.zeros_like(objects)
    for event in range(len(ids)):
        slots = [slot for slot in range(ids.shape[1]) if ids[event, slot]]
        if order == "pt_ordered":
            slots.sort(key=lambda slot: -objects[event, slot, 1])
        new_ids[event, : len(slots)] = ids[event, slots]
        new_objects[event, : len(slots)] = objects[event, slots]
    return new_ids, new_objects


@pytest.mark.parametrize("order", ["input_order", "pt_ordered"])
def test_objects_are_arranged_as_one_by_one(order):
    ids, objects = _events(50, seed=1)
    arranged = arrange_tokens(ids, objects, np.arange(50), order, seed=0)
    for fast, slow in zip(arranged, _slow_arrange(ids, objects, order), strict=True):
        assert np.array_equal(fast, slow)


def _as_sets(ids, objects):
    pairs = zip(ids.tolist(), objects.tolist(), strict=True)
    return [
        sorted((i, *o) for i, o in zip(event_ids, event, strict=True) if i)
        for event_ids, event in pairs
    ]


@pytest.mark.parametrize("order", ["input_order", "pt_ordered", "shuffled"])
@given(seed=st.integers(0, 100))
def test_no_order_loses_an_object_or_keeps_padding_in_front(order, seed):
    ids, objects = _events(20, seed)
    new_ids, new_objects = arrange_tokens(ids, objects, np.arange(20), order, seed)
    assert _as_sets(new_ids, new_objects) == _as_sets(ids, objects)
    assert (np.diff((new_ids > 0).astype(int), axis=1) <= 0).all()
    assert (new_objects[new_ids == 0] == 0).all()


def test_shuffled_objects_depend_on_seed_and_row_alone():
    ids, objects = _events(40, seed=2)
    rows = np.arange(100, 140)
    whole = arrange_tokens(ids, objects, rows, "shuffled", seed=3)
    part = arrange_tokens(ids[7:9], objects[7:9], rows[7:9], "shuffled", seed=3)
    other = arrange_tokens(ids, objects, rows, "shuffled", seed=4)
    assert np.array_equal(whole[1][7:9], part[1])
    assert not np.array_equal(whole[1], other[1])


def test_every_place_is_equally_likely_after_a_shuffle():
    n_events = 6_000
    ids = np.tile(np.array([1, 2, 3, 0], dtype=np.int8), (n_events, 1))
    shuffled, _ = arrange_tokens(
        ids, np.zeros((n_events, 4, 4), np.float32), np.arange(n_events), "shuffled", 0
    )
    share = [(shuffled[:, place] == 1).mean() for place in range(4)]
    assert share == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0], abs=0.025)
