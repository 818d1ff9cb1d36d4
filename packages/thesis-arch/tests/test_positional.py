"""Positions of objects: their formulas, where they are added, and what they change."""

import math

import pytest
import torch
from torch.nn import functional

from small_models import changed, classifier_spec, random_events
from thesis_arch import DataSpec, TransformerClassifier
from thesis_arch.packing import Packing, join
from thesis_arch.transformer_classifier.positional.added import AddedPositions, masked_columns
from thesis_arch.transformer_classifier.positional.building import rotation_of
from thesis_arch.transformer_classifier.positional.rotary import Rotation
from thesis_arch.transformer_classifier.positional.sinusoidal import SinusoidalTable

COLUMNS = {"E": [0], "Pt": [1], "eta": [2], "phi": [3, 4], "id": [5, 6, 7]}


def test_rotation_multiplies_by_a_phase():
    x = torch.randn(5, 3, 6, dtype=torch.float64)
    positions = torch.tensor([0, 1, 2, 7, 17])
    turned = Rotation.of(positions, 6, base=100.0)(x)
    for i in range(3):
        angle = positions.double() * 100.0 ** (-2 * i / 6)
        phase = torch.polar(torch.ones_like(angle), angle)[:, None]
        expected = torch.complex(x[..., i], x[..., i + 3]) * phase
        result = torch.complex(turned[..., i], turned[..., i + 3])
        torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-6)


def test_products_of_turned_vectors_depend_on_the_difference_alone():
    query, key = torch.randn(2, 1, 8)
    products = []
    for shift in (0, 1, 9):
        turned = Rotation.of(torch.tensor([2 + shift, 5 + shift]), 8, 10_000.0)(
            torch.cat([query, key])
        )
        products.append(float(turned[0] @ turned[1]))
    assert products == pytest.approx([products[0]] * 3, rel=1e-4)


def test_sinusoidal_table_is_that_of_the_paper():
    for width in (6, 7):
        table = SinusoidalTable(4, width).table
        for position in range(4):
            for column in range(width):
                wave = math.sin if column % 2 == 0 else math.cos
                angle = position / 10_000 ** ((column - column % 2) / width)
                assert float(table[position, column]) == pytest.approx(wave(angle), abs=1e-6)


def test_only_masked_columns_are_added_to():
    added = AddedPositions("learned", 5, 8, masked_columns(["phi", "E"], COLUMNS))
    change = added(torch.zeros(2, 8), torch.tensor([4, 1]))
    assert [i for i in range(8) if bool((change[:, i] != 0).all())] == [0, 3, 4]
    torch.testing.assert_close(change[:, [0, 3, 4]], added.positions.table[[4, 1]])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["all", "id"], None),
        (["id"], [5, 6, 7]),
        (["continuous"], [0, 1, 2, 3, 4]),
        (["phi", "Pt", "phi"], [1, 3, 4]),
    ],
)
def test_masks_by_name(names, expected):
    assert masked_columns(names, COLUMNS) == expected


@pytest.mark.parametrize("tokenizer", ["raw", "identity"])
def test_a_mask_that_the_tokens_lack_is_refused_with_those_they_have(tokenizer):
    names = ["id"] if tokenizer == "raw" else ["E"]
    config = classifier_spec(
        tokenizer__name=tokenizer,
        positional="learned",
        positional_space="token",
        positional_dim_mask=names,
    )
    with pytest.raises(ValueError, match=r"positional_dim_mask: found .* tokens have all, "):
        TransformerClassifier(config, DataSpec(9, (1, 2, 3), ("ttH", "4t")))


POSITIONS = {
    "sinusoidal": {"positional": "sinusoidal"},
    "learned": {"positional": "learned"},
    "rotary": {"positional": "rotary"},
    "rotary, differential": {"positional": "rotary", "attention__type": "differential"},
    "in tokens": {"positional": "learned", "positional_space": "token"},
    "in ids": {
        "positional": "sinusoidal",
        "positional_space": "token",
        "positional_dim_mask": ["id"],
    },
    "causal": {"causal_attention": True},
}


@pytest.mark.parametrize("options", POSITIONS.values(), ids=POSITIONS)
def test_order_counts_but_gaps_between_objects_do_not(options, build):
    model = build(classifier_spec(heads=2, **options))
    events = random_events(8)
    flipped = changed(
        events,
        tokens_cont=events.tokens_cont.flip(1),
        tokens_id=events.tokens_id.flip(1),
        mask=events.mask.flip(1),
    )
    assert (model(flipped) - model(events)).abs().max() > 1e-5
    gaps = changed(  # a padded slot before each object
        events,
        tokens_cont=functional.pad(events.tokens_cont[:, :, None], (0, 0, 1, 0)).flatten(1, 2),
        tokens_id=functional.pad(events.tokens_id[:, :, None], (1, 0)).flatten(1),
        mask=functional.pad(events.mask[:, :, None], (1, 0)).flatten(1),
    )
    torch.testing.assert_close(model(gaps), model(events), rtol=1e-5, atol=1e-6)


def test_causal_attention_reads_the_event_off_the_last_token(build, events):
    """Changing the last object moves no object before it, but it does move the result."""
    model = build(classifier_spec(causal_attention=True, globals__include_met=False))
    sums = []
    hook = model.blocks[-1].register_forward_hook(lambda m, i, output: sums.append(output))
    last = events.mask & ~functional.pad(events.mask, (0, 1))[:, 1:]
    altered = changed(
        events,
        tokens_cont=torch.where(last[..., None], 1.3 * events.tokens_cont, events.tokens_cont),
    )
    logits, moved = model(events), model(altered)
    hook.remove()
    assert ((logits - moved).abs().amax(1) > 1e-5).all()
    counts = events.mask.sum(1) + 1  # CLS
    ends = counts.cumsum(0)
    for end, count in zip(ends.tolist(), counts.tolist(), strict=True):
        unseen = slice(end - count, end - 2)
        torch.testing.assert_close(sums[0][unseen], sums[1][unseen])


def test_tokens_of_the_event_stand_before_its_objects():
    """CLS and MET at place 0, the objects from 1 on."""
    model = classifier_spec(positional="rotary").model
    mask = torch.tensor([[True, True, False], [True, False, True]])
    extra = torch.zeros(2, 16)
    sequence = join(torch.zeros(4, 16), mask, [extra], [extra, extra])
    places = Packing.of(mask).pack(mask.cumsum(1) - 1)
    turned = rotation_of(model, sequence, places)
    expected = Rotation.of(torch.tensor([0, 1, 2, 0, 0] * 2), 4, 100.0)
    torch.testing.assert_close(turned.cos[:10], expected.cos)
    torch.testing.assert_close(turned.sin[:10], expected.sin)
