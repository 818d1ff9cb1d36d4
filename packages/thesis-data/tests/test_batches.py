import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from batch_equality import assert_equal, tensors_of
from thesis_data.batches import eval_batches, index_batches, steps_per_epoch, train_batches
from thesis_data.config import AugmentConfig
from thesis_data.events import EventBatch, EventSplit

BOTH = AugmentConfig(phi_rotation=True, eta_flip=True)
N_EVENTS = 101


def make_split(n_events: int = N_EVENTS, padding: float = 0.0) -> EventSplit:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(0, 19, (n_events, 1), generator=generator)
    lengths[:4] = 1
    ids = torch.randint(1, 8, (n_events, 18), generator=generator)
    ids[torch.arange(18) >= lengths] = 0
    tokens = torch.rand(n_events, 18, 4, generator=generator)
    tokens[ids == 0] = padding
    return EventSplit(
        tokens_cont=tokens,
        tokens_id=ids.to(torch.int8),
        globals=torch.rand(n_events, 2, generator=generator),
        label=torch.arange(n_events) % 2,
        weight=torch.rand(n_events, generator=generator),
        process=(1 + torch.arange(n_events) % 5).to(torch.int8),
        row=torch.arange(n_events) + 1000,
        cont_features=(0, 1, 2, 3),
        name="train",
    )


SPLIT = make_split()
TENSORS = [name for name, v in vars(SPLIT.select(torch.arange(1))).items() if hasattr(v, "dtype")]


def test_a_batch_has_the_types_that_models_expect():
    batch = next(eval_batches(SPLIT, 16))
    assert batch.tokens_cont.dtype == batch.globals.dtype == torch.float32
    assert batch.tokens_id.dtype == batch.label.dtype == batch.process.dtype == torch.int64
    assert batch.mask.dtype == torch.bool
    assert all(value.is_contiguous() for value in tensors_of(batch))
    assert len(batch) == 16


@given(batch_size=st.integers(1, 120), seed=st.integers(0, 9), epoch=st.integers(0, 9))
def test_an_epoch_holds_every_event_once(batch_size, seed, epoch):
    batches = list(train_batches(SPLIT, batch_size, seed=seed, epoch=epoch))
    seen = torch.cat([batch.index for batch in batches])
    assert torch.equal(seen.sort().values, torch.arange(N_EVENTS))
    assert {len(batch) for batch in batches[:-1]} <= {batch_size}


@given(start=st.integers(0, 8), seed=st.integers(0, 3), epoch=st.integers(0, 3))
def test_starting_inside_an_epoch_gives_the_same_batches(start, seed, epoch):
    def iterate(start_step):
        return train_batches(SPLIT, 16, seed=seed, epoch=epoch, start_step=start_step, augment=BOTH)

    whole = list(iterate(0))[start:]
    rest = list(iterate(start))
    assert len(whole) == len(rest)
    for first, second in zip(whole, rest, strict=True):
        assert_equal(first, second)


@given(
    n_events=st.integers(1, N_EVENTS),
    batch_size=st.integers(1, 120),
    n_ranks=st.integers(1, 5),
    start=st.integers(0, 3),
)
def test_ranks_share_the_batches_of_a_process_that_trains_alone(
    n_events, batch_size, n_ranks, start
):
    split = SPLIT.take(torch.arange(n_events))
    options = {"seed": 1, "epoch": 2, "start_step": start, "augment": BOTH, "trim": False}
    alone = list(train_batches(split, batch_size, **options))
    shards = [
        list(train_batches(split, batch_size, shard=(rank, n_ranks), **options))
        for rank in range(n_ranks)
    ]
    assert len(alone) == max(steps_per_epoch(split, batch_size) - start, 0)
    for rank, parts in enumerate(shards):
        for whole, part in zip(alone, parts, strict=True):
            for name, value in vars(whole).items():
                expected = value[rank::n_ranks] if isinstance(value, torch.Tensor) else value
                same = getattr(part, name)
                assert torch.equal(same, expected) if name in TENSORS else same == expected


@given(batch_size=st.integers(1, 120), n_ranks=st.integers(1, 7))
def test_ranks_evaluate_stretches_that_follow_one_another(batch_size, n_ranks):
    ranks = [eval_batches(SPLIT, batch_size, shard=(r, n_ranks)) for r in range(n_ranks)]
    batches = [batch for rank in ranks for batch in rank]
    assert torch.equal(torch.cat([batch.index for batch in batches]), torch.arange(N_EVENTS))
    assert max(map(len, batches)) <= -(-batch_size // n_ranks)


@pytest.mark.parametrize("augment", [None, BOTH])
def test_a_part_without_events_is_a_batch_like_any_other(augment):
    split = SPLIT.take(torch.arange(9))
    *_, last = train_batches(split, 4, seed=0, epoch=0, augment=augment, shard=(1, 2))
    assert len(last) == 0
    assert last.tokens_cont.shape == (0, 1, 4)
    assert last.mask.shape == last.tokens_id.shape == (0, 1)
    assert last.globals.shape == (0, 2)
    assert last.non_finite() is None
    assert len(SPLIT.select(torch.empty(0, dtype=torch.long))) == 0


def test_other_seeds_and_epochs_have_other_orders():
    def order(seed, epoch):
        return next(index_batches(N_EVENTS, N_EVENTS, seed=seed, epoch=epoch)).tolist()

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


def test_evaluation_keeps_the_order_of_the_split():
    batches = list(eval_batches(SPLIT, 32))
    assert torch.equal(torch.cat([batch.index for batch in batches]), torch.arange(N_EVENTS))


def test_every_field_of_a_batch_is_of_its_events():
    batch = next(train_batches(SPLIT, 32, seed=0, epoch=0, trim=False))
    index = batch.index
    assert torch.equal(batch.tokens_cont, SPLIT.tokens_cont[index])
    assert torch.equal(batch.tokens_id, SPLIT.tokens_id[index].long())
    assert torch.equal(batch.mask, SPLIT.mask[index])
    assert torch.equal(batch.globals, SPLIT.globals[index])
    assert torch.equal(batch.label, SPLIT.label[index])
    assert torch.equal(batch.process, SPLIT.process[index].long())
    assert batch.weight is not None
    assert torch.equal(batch.weight, SPLIT.weight[index])


@given(st.lists(st.integers(0, N_EVENTS - 1), min_size=1, max_size=20))
def test_trimming_cuts_padding_and_nothing_else(events):
    index = torch.tensor(events)
    whole, trimmed = SPLIT.select(index), SPLIT.select(index, trim=True)
    length = trimmed.mask.shape[1]
    assert length == max(int(whole.mask.sum(1).max()), 1)
    assert not whole.mask[:, length:].any()
    assert torch.equal(trimmed.tokens_cont, whole.tokens_cont[:, :length])
    assert torch.equal(trimmed.tokens_id, whole.tokens_id[:, :length])
    assert torch.equal(trimmed.mask, whole.mask[:, :length])


def test_padded_values_never_change_the_objects_of_a_batch():
    dirty = make_split(padding=1e6)
    options = {"seed": 3, "epoch": 1, "augment": BOTH}
    pairs = zip(
        train_batches(SPLIT, 16, **options), train_batches(dirty, 16, **options), strict=True
    )
    for clean_batch, dirty_batch in pairs:
        assert torch.equal(clean_batch.mask, dirty_batch.mask)
        valid = clean_batch.mask
        assert torch.equal(clean_batch.tokens_cont[valid], dirty_batch.tokens_cont[valid])
        assert torch.equal(clean_batch.globals, dirty_batch.globals)


def test_symmetries_are_drawn_anew_each_epoch_and_only_when_asked_for():
    def first_phi(epoch, augment):
        batches = train_batches(SPLIT, N_EVENTS, seed=0, epoch=epoch, augment=augment)
        batch = next(batches)
        return batch.globals[batch.index.argsort(), 1]

    assert torch.equal(first_phi(0, BOTH), first_phi(0, BOTH))
    assert not torch.equal(first_phi(0, BOTH), first_phi(1, BOTH))
    assert torch.equal(first_phi(0, AugmentConfig()), SPLIT.globals[:, 1])
    assert torch.equal(first_phi(0, None), SPLIT.globals[:, 1])


@pytest.mark.parametrize("weight", [None, torch.ones(3)])
def test_a_batch_moves_as_a_whole(weight):
    batch = SPLIT.select(torch.arange(3))
    batch = EventBatch(**{**vars(batch), "weight": weight})
    moved = batch.to("meta")
    assert {value.device.type for value in tensors_of(moved)} == {"meta"}
    assert (moved.weight is None) == (weight is None)


def test_classes_are_counted():
    assert SPLIT.class_counts(3).tolist() == [51, 50, 0]
    unlabelled = replace(SPLIT, label=torch.full((N_EVENTS,), -1))
    assert unlabelled.class_counts(2).tolist() == [0, 0]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize(
    ("column", "place", "words"),
    [
        ("tokens_cont", (3, 1, 0), "phi of object 1 in event 7 (row 1007 of the train split)"),
        ("tokens_cont", (3, 0, 1), "pt of object 0 in event 7 (row 1007 of the train split)"),
        ("globals", (2, 0), "MET of event 6 (row 1006 of the train split)"),
        ("globals", (2, 1), "METphi of event 6 (row 1006 of the train split)"),
        ("weight", (1,), "weight of event 5 (row 1005 of the train split)"),
    ],
)
def test_the_first_value_that_is_not_finite_is_named(value, column, place, words):
    split = replace(
        SPLIT,
        tokens_id=torch.ones_like(SPLIT.tokens_id),
        tokens_cont=SPLIT.tokens_cont[..., [3, 1]],
        cont_features=(3, 1),
    )
    batch = split.select(torch.arange(4, 12))
    assert batch.non_finite() is None
    getattr(batch, column)[place] = value
    getattr(batch, column)[-1] = value  # a later one
    assert batch.non_finite() == words


def test_padded_slots_may_hold_anything():
    batch = make_split(padding=math.nan).select(torch.arange(N_EVENTS))
    assert batch.non_finite() is None
    assert replace(batch, weight=None).non_finite() is None
