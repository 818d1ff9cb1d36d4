"""Blocks that mix by pairwise features alone, against a dense formula."""

import pytest
import torch
from torch.nn import functional

from sequences import fitted, place
from small_models import changed, classifier_spec
from thesis_arch import DataSpec
from thesis_arch.blocks import Blocks
from thesis_arch.packing import with_spare_rows
from thesis_arch.physics.four_momentum import FourMomentum
from thesis_arch.physics.pairwise import PAIRWISE_FEATURES
from thesis_arch.transformer_classifier.mia import Interactions, MiaBlock

BRANCHES = {
    "standard": {},
    "shared": {"attention__type": "differential"},
    "split": {
        "attention__type": "differential",
        "attention__diff_bias_mode": "split",
        "attention_biases": "lorentz_scalar",
    },
}


def dense_embedding(module: Interactions, events, event: int, extra: int) -> torch.Tensor:
    """[S, S, C] of one event, pair by pair; `extra` tokens before and after the objects."""
    cont = events.tokens_cont[event, events.mask[event]]
    momenta = FourMomentum.of(cont[:, 1], cont[:, 2], cont[:, 3], cont[:, 0])
    n = len(cont)
    channels = module.config.mia_blocks.interaction_dim
    embedded = torch.zeros(n + 2 * extra, n + 2 * extra, channels)
    for i in range(n):
        for j in range(n):
            if i != j:
                ends = [momenta.at(torch.tensor([k])) for k in (i, j)]
                features = torch.stack([PAIRWISE_FEATURES[f](*ends) for f in module.features], -1)
                embedded[i + extra, j + extra] = module.embed(module.standardise(features))[0]
    return embedded


def dense_block(block: MiaBlock, x: torch.Tensor, embedded: torch.Tensor) -> torch.Tensor:
    """The block on the tokens of one event, [S, D]."""
    weights = embedded.softmax(1)  # [queries, keys, C]
    values = block.value(block.mixing_norm(x)).unflatten(-1, (-1, embedded.shape[-1]))
    x = x + block.out(torch.einsum("qkc,kdc->qdc", weights, values).flatten(1))
    return x + block.feed_forward(block.feed_forward_norm(x))


@torch.no_grad()
@pytest.mark.parametrize("extra", [True, False])
@pytest.mark.parametrize("interaction_dim", [5, 16, 24])  # 16 / 5 = 3 channels a head
def test_block_is_the_dense_formula(interaction_dim, extra, spec, events):
    config = classifier_spec(
        mia_blocks__enabled=True, mia_blocks__interaction_dim=interaction_dim
    ).model
    placed = place(events, spec, extra=extra)
    interactions, block = fitted(Interactions(config, spec), placed), MiaBlock(config).eval()
    mixing = interactions(placed.objects, placed.tokens, placed.blocks).mixing
    packing = placed.blocks.packing
    tokens = torch.randn(len(packing.index), 16)
    x = with_spare_rows(tokens)
    assert len(x) > len(tokens)
    result = block(x, mixing, placed.blocks)
    assert result.shape == x.shape
    start = 0
    for event, count in enumerate(packing.mask.sum(1).tolist()):
        embedded = dense_embedding(interactions, events, event, int(extra))
        here = slice(start, start + count)
        expected = dense_block(block, tokens[here], embedded)
        torch.testing.assert_close(result[here], expected, rtol=1e-4, atol=1e-5)
        start += count


@torch.no_grad()
@pytest.mark.parametrize("mode", BRANCHES)
def test_the_encoder_gets_one_gated_bias_for_each_softmax(mode, spec, events):
    config = classifier_spec(mia_blocks__enabled=True, **BRANCHES[mode]).model
    placed = place(events, spec)
    module = fitted(Interactions(config, spec), placed)
    bias = module(placed.objects, placed.tokens, placed.blocks).bias
    for event in (0, 11):
        embedded = dense_embedding(module, events, event, 1)
        expected = module.gate.g.tanh() * module.reduce(embedded)
        expected[(embedded == 0).all(-1)] = 0
        found = placed.matrix(bias, event)
        torch.testing.assert_close(found, expected.repeat(1, 1, config.branches))


def test_no_bias_where_biases_act_nowhere(spec, events):
    options = {"attention__type": "differential", "attention__diff_bias_mode": "none"}
    config = classifier_spec(mia_blocks__enabled=True, **options).model
    placed = place(events, spec)
    module = fitted(Interactions(config, spec), placed)
    assert module(placed.objects, placed.tokens, placed.blocks).bias is None
    assert not any(name.startswith(("reduce", "gate")) for name, _ in module.named_parameters())


@torch.no_grad()
def test_weights_add_up_to_one_and_ignore_padding(spec, events):
    config = classifier_spec(mia_blocks__enabled=True).model
    placed = place(events, spec)
    module = fitted(Interactions(config, spec), placed)
    mixing = module(placed.objects, placed.tokens, placed.blocks).mixing
    occupied = placed.blocks.split_slots(placed.blocks.occupied)
    for weights, there in zip(mixing, occupied, strict=True):
        torch.testing.assert_close(weights.sum(1), torch.ones_like(weights[:, 0]))
        assert (weights[~there] == 0).all()


@torch.no_grad()
def test_nobody_looks_ahead_where_attention_is_causal(spec, events):
    config = classifier_spec(mia_blocks__enabled=True, causal_attention=True).model
    placed = place(events, spec)
    module = fitted(Interactions(config, spec), placed)
    mixing = module(placed.objects, placed.tokens, placed.blocks).mixing
    for event in (0, 11):
        logits = dense_embedding(module, events, event, 1)  # [queries, keys, C]
        ahead = torch.ones(logits.shape[:2]).triu(1).bool()
        expected = logits.masked_fill(ahead[..., None], float("-inf")).softmax(1)
        by_channel = [weights.permute(0, 3, 1, 2) for weights in mixing]
        torch.testing.assert_close(placed.matrix(by_channel, event), expected)


@torch.no_grad()
def test_mixing_does_not_depend_on_the_choice_of_axes(spec, events):
    """Turned about the beam, and with the beam's ends exchanged."""
    config = classifier_spec(mia_blocks__enabled=True).model
    placed = place(events, spec)
    module = fitted(Interactions(config, spec), placed)
    cont = events.tokens_cont.clone()
    cont[..., 3] += 2.1
    cont[..., 2] *= -1
    turned = place(changed(events, tokens_cont=cont), spec)
    before, after = (module(p.objects, p.tokens, p.blocks) for p in (placed, turned))
    for a, b in zip([*before.mixing, *before.bias], [*after.mixing, *after.bias], strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_events_without_any_token_are_no_trouble(spec, events):
    config = classifier_spec(mia_blocks__enabled=True).model
    interactions = fitted(Interactions(config, spec), place(events, spec))
    block = MiaBlock(config)
    for n_empty in (3, len(events.mask)):
        mask = events.mask.clone()
        mask[:n_empty] = False
        placed = place(changed(events, mask=mask), spec, extra=False)
        x = torch.randn(len(placed.blocks.packing.index), 16, requires_grad=True)
        mixing = interactions(placed.objects, placed.tokens, placed.blocks).mixing
        block(x, mixing, placed.blocks).sum().backward()
        assert torch.isfinite(x.grad).all()
        for name, p in [*interactions.embed.named_parameters(), *block.named_parameters()]:
            assert p.grad is None or torch.isfinite(p.grad).all(), name


def test_one_block_of_all_events_gives_the_same(spec, events):
    """Devices without blocks by length."""
    config = classifier_spec(mia_blocks__enabled=True).model
    placed = place(events, spec)
    module, block = fitted(Interactions(config, spec), placed), MiaBlock(config).eval()
    packing = placed.blocks.packing
    n_events, n_slots = packing.mask.shape
    whole = Blocks(((n_events, n_slots),), torch.arange(n_events), packing)
    x = torch.randn(len(packing.index), 16)
    results = [
        block(x, module(placed.objects, placed.tokens, blocks).mixing, blocks)
        for blocks in (placed.blocks, whole)
    ]
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-6)


def test_without_energy_there_is_no_mass(events):
    spec = DataSpec(9, (1, 2, 3), ("ttH", "4t"))
    config = classifier_spec(mia_blocks__enabled=True).model
    module = Interactions(config, spec)
    placed = place(changed(events, tokens_cont=events.tokens_cont[..., 1:]), spec)
    output = fitted(module, placed)(placed.objects, placed.tokens, placed.blocks)
    assert module.features == ("log_kt", "z", "deltaR")
    assert all(torch.isfinite(weights).all() for weights in output.mixing)


def test_every_parameter_gets_a_gradient(spec, events):
    config = classifier_spec(mia_blocks__enabled=True).model
    placed = place(events, spec, extra=False)
    module, block = fitted(Interactions(config, spec), placed).double(), MiaBlock(config).double()
    cont = placed.objects.cont.double()
    objects = type(placed.objects)(
        cont, placed.objects.ids, placed.objects.globals, placed.objects.packing, spec
    )
    x = torch.randn(len(cont), 16, dtype=torch.float64)
    mixing = module(objects, placed.tokens, placed.blocks).mixing
    functional.gelu(block(x, mixing, placed.blocks)).square().sum().backward()
    parameters = [*module.embed.named_parameters(), *block.named_parameters()]
    # What cancels leaves rounding, some 1e-15 of the others.
    assert [name for name, p in parameters if p.grad.abs().max() < 1e-8] == []
