"""Packed and padded layouts hold the same tokens."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from thesis_arch.packing import Packing, join

masks = st.integers(1, 5).flatmap(
    lambda n: st.lists(st.lists(st.booleans(), min_size=n, max_size=n), min_size=1, max_size=6)
)


@given(masks)
def test_unpack_then_pack_is_the_identity(rows):
    mask = torch.tensor(rows)
    packing = Packing.of(mask)
    packed = torch.randn(int(mask.sum()), 3)
    padded = packing.unpack(packed)
    assert torch.equal(packing.pack(padded), packed)
    assert (padded[~mask] == 0).all()
    assert torch.equal(padded[mask], packed)


@given(masks, st.integers(0, 2), st.integers(0, 2))
def test_join_puts_extra_tokens_around_the_objects(rows, n_before, n_after):
    mask = torch.tensor(rows)
    objects = torch.randn(int(mask.sum()), 2)
    before = [torch.full((len(mask), 2), 10.0 + k) for k in range(n_before)]
    after = [torch.full((len(mask), 2), 20.0 + k) for k in range(n_after)]
    sequence = join(objects, mask, before, after)
    padded = sequence.packing.unpack(sequence.tokens)
    assert torch.equal(sequence.tokens[sequence.objects], objects)
    stop = n_before + mask.shape[1]
    assert torch.equal(padded[:, n_before:stop], Packing.of(mask).unpack(objects))
    for k in range(n_before):
        assert (padded[:, k] == 10.0 + k).all()
    for k in range(n_after):
        assert (padded[:, stop + k] == 20.0 + k).all()
