"""What corruption does to events, and what it leaves alone."""

import math
from dataclasses import replace

import pytest
import torch

from thesis_data.batches import eval_batches
from thesis_data.config import DataConfig
from thesis_data.corruption import CORRUPTIONS, corruption
from thesis_data.loading import load_events
from thesis_facts.errors import DataError


@pytest.fixture
def split(write, datasets):
    return load_events(DataConfig(path=str(write(datasets()))), ("train",)).train


@pytest.fixture
def batch(split):
    return next(iter(eval_batches(split, 240)))


def corrupt(batch, name, strength):
    return corruption(name, strength, n_tokens=18)(batch)


def test_smearing_moves_energies_together_and_no_direction(batch):
    found = corrupt(batch, "smearing", 0.2)
    factor = (found.tokens_cont[..., :2] / batch.tokens_cont[..., :2])[batch.mask]
    torch.testing.assert_close(factor[:, 0], factor[:, 1])
    assert float(factor[:, 0].log().std()) == pytest.approx(0.2, rel=0.1)
    assert torch.equal(found.tokens_cont[..., 2:], batch.tokens_cont[..., 2:])


def test_swapped_ids_are_those_of_the_event(batch):
    found = corrupt(batch, "swapped_ids", 1.0)
    assert (found.tokens_id != batch.tokens_id).any()
    assert torch.equal(found.tokens_id > 0, batch.mask)
    for before, after in zip(batch.tokens_id, found.tokens_id, strict=True):
        assert set(after.tolist()) <= set(before.tolist())


def test_met_alone_is_scaled(batch):
    found = corrupt(batch, "met_scale", 1.5)
    torch.testing.assert_close(found.globals[:, 0], 1.5 * batch.globals[:, 0])
    assert torch.equal(found.globals[:, 1], batch.globals[:, 1])
    assert torch.equal(found.tokens_cont, batch.tokens_cont)


@pytest.mark.parametrize("name", sorted(set(CORRUPTIONS) - {"met_shuffled"}))
def test_what_happens_to_an_event_does_not_depend_on_its_batch(name, batch, split):
    whole = corrupt(batch, name, 0.5)
    few = corrupt(split.select(torch.arange(20, 30), trim=True), name, 0.5)
    assert torch.equal(few.globals, whole.globals[20:30])
    length = few.mask.shape[1]
    assert torch.equal(few.tokens_cont, whole.tokens_cont[20:30, :length])
    assert torch.equal(few.tokens_id, whole.tokens_id[20:30, :length])


def test_dropped_objects_are_gone_and_padding_stays_last(batch):
    found = corrupt(batch, "dropped_objects", 0.3)
    lost = 1 - float(found.mask.sum() / batch.mask.sum())
    assert lost == pytest.approx(0.3 * (1 - len(batch) / float(batch.mask.sum())), abs=0.04)
    lengths = found.mask.sum(1, keepdim=True)
    assert lengths.min() >= 1
    assert torch.equal(found.mask, torch.arange(found.mask.shape[1]) < lengths)
    assert torch.equal(found.tokens_id > 0, found.mask)
    for before, after, mask in zip(batch.tokens_cont, found.tokens_cont, found.mask, strict=True):
        rows = {tuple(row) for row in before.tolist()}
        assert {tuple(row) for row in after[mask].tolist()} <= rows


def test_met_is_turned_by_no_more_than_the_angle_and_keeps_its_size(batch):
    found = corrupt(batch, "met_direction", 0.3)
    turned = found.globals[:, 1] - batch.globals[:, 1]
    turned = (turned + math.pi) % (2 * math.pi) - math.pi
    assert 0.2 < float(turned.abs().max()) <= 0.3 + 1e-5
    assert torch.equal(found.globals[:, 0], batch.globals[:, 0])
    assert float(found.globals[:, 1].abs().max()) <= math.pi + 1e-6


def test_shuffled_met_is_that_of_other_events_size_and_angle_together(batch):
    found = corrupt(batch, "met_shuffled", 1.0)
    assert torch.equal(found.globals, batch.globals.roll(1, 0))
    assert torch.equal(found.tokens_cont, batch.tokens_cont)


def test_no_draw_reaches_an_end_of_its_range(batch):
    # row 173369 had a draw that was rounded up to 1, and an object beyond the last one
    rows = torch.full((len(batch),), 173_369)
    found = corrupt(replace(batch, row=rows), "swapped_ids", 1.0)
    assert torch.equal(found.tokens_id > 0, batch.mask)
    found = corrupt(replace(batch, row=torch.full((len(batch),), 3_998_025)), "smearing", 0.2)
    assert found.tokens_cont.isfinite().all()


@pytest.mark.parametrize("name", ["met_scale", "met_direction", "met_shuffled", "smearing"])
def test_what_events_lack_can_not_be_corrupted(name, batch):
    poor = replace(batch, globals=batch.globals[:, :0], cont_features=(2, 3))
    with pytest.raises(DataError, match="these events have no"):
        corrupt(poor, name, 0.5)
