"""Blocks of events of similar length hold the tokens of a packing."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from thesis_arch.blocks import Blocks
from thesis_arch.packing import Packing

masks = st.tuples(st.integers(1, 150), st.integers(1, 9), st.integers(0, 2**32)).map(
    lambda drawn: torch.rand(drawn[:2], generator=torch.Generator().manual_seed(drawn[2])) < 0.6
)


@given(masks)
def test_every_token_has_one_slot_and_a_slot_only_tokens_of_its_event(mask):
    blocks = Blocks.of(Packing.of(mask))
    tokens = torch.arange(int(mask.sum()))
    assert torch.equal(blocks.token[blocks.slot], tokens)
    assert torch.equal(blocks.occupied.nonzero()[:, 0], blocks.slot.sort().values)
    event_of_token = mask.nonzero()[:, 0]
    events = blocks.order.split([n for n, _ in blocks.sizes])
    for token, event in zip(blocks.split_slots(blocks.token), events, strict=True):
        filled = mask[event].any(1)  # an event without a token has nothing to repeat
        assert (event_of_token[token[filled]] == event[filled, None]).all()


@given(masks)
def test_blocks_waste_no_more_than_one_block_would(mask):
    blocks = Blocks.of(Packing.of(mask))
    assert sorted(blocks.order.tolist()) == list(range(len(mask)))
    assert sum(n for n, _ in blocks.sizes) == len(mask)
    assert blocks.n_slots <= len(mask) * max(int(mask.sum(1).max()), 1)


@given(masks)
def test_pairs_of_tokens_land_where_both_slots_are(mask):
    blocks = Blocks.of(Packing.of(mask))
    number = (mask.reshape(-1).cumsum(0) - 1).view_as(mask)
    event, i, j = (mask[:, :, None] & mask[:, None, :]).nonzero(as_tuple=True)
    first, second = number[event, i], number[event, j]
    values = torch.full((blocks.n_pairs, 2), -1)
    values[blocks.pair(first, second)] = torch.stack([first, second], dim=1)
    tokens = blocks.split_slots(blocks.token)
    for pairs, token in zip(blocks.split_pairs(values), tokens, strict=True):
        there = pairs[..., 0] >= 0
        rows = token[:, :, None].expand(pairs.shape[:3])
        columns = token[:, None, :].expand(pairs.shape[:3])
        assert torch.equal(pairs[..., 0][there], rows[there])
        assert torch.equal(pairs[..., 1][there], columns[there])
    assert int((values[:, 0] >= 0).sum()) == len(first)
