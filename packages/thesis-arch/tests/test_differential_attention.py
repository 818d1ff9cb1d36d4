"""Differential attention against its formula, event by event and head by head."""

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from small_models import changed, classifier_spec, random_events
from thesis_arch.blocks import Blocks
from thesis_arch.packing import Packing
from thesis_arch.transformer_classifier.attention.differential import DifferentialAttention
from thesis_arch.transformer_classifier.attention.layout import AttentionLayout

HEADS, CHANNELS = 2, 8


def _attention(layer=0, **options):
    options = {"heads": HEADS, "attention__dropout": 0.0} | options
    torch.manual_seed(3)
    config = classifier_spec(attention__type="differential", **options).model
    return DifferentialAttention(config, layer)


def _formula(module, x, layer, biases=(0.0, 0.0), norm=None):
    """[n, D] of one event; bias [heads, queries, keys] of each branch."""
    query, key, value = module.qkv(x).chunk(3, dim=1)
    heads = []
    initial = 0.8 - 0.6 * math.exp(-0.3 * layer)
    q, k = module.lambda_queries, module.lambda_keys
    lambda_ = math.exp(float(q[0] @ k[0])) - math.exp(float(q[1] @ k[1])) + initial
    for head in range(HEADS):
        mine = slice(head * CHANNELS, (head + 1) * CHANNELS)
        maps = []
        for branch in range(2):
            half = CHANNELS // 2
            part = slice(head * CHANNELS + branch * half, head * CHANNELS + (branch + 1) * half)
            logits = query[:, part] @ key[:, part].T / math.sqrt(half)
            bias = biases[branch]
            maps.append((logits + (bias if isinstance(bias, float) else bias[head])).softmax(-1))
        result = (maps[0] - lambda_ * maps[1]) @ value[:, mine]
        heads.append(result if norm is None else norm(result))
    return module.out(torch.cat(heads, dim=1) * (1 - initial))


@torch.no_grad()
@pytest.mark.parametrize("norm", ["none", "layernorm", "rmsnorm"])
@pytest.mark.parametrize("kernel", ["packed", "padded"])
@pytest.mark.parametrize("layer", [0, 3])
def test_equals_the_formula(norm, kernel, layer):
    module = _attention(layer, attention__norm=norm)
    reference = {
        "none": None, "layernorm": nn.LayerNorm(CHANNELS), "rmsnorm": nn.RMSNorm(CHANNELS)
    }[norm]  # fmt: skip
    if reference is not None:
        module.per_head.norm.weight.uniform_(0.5, 2)
        reference.load_state_dict(module.per_head.norm.state_dict())
    mask = random_events(6).mask
    packing = Packing.of(mask)
    layout = AttentionLayout.of(Blocks.of(packing), module.n_maps)
    layout = layout if kernel == "packed" else replace(layout, rows=None)
    x = torch.randn(len(packing.index), 16)
    events = x.split(mask.sum(1).tolist())
    expected = torch.cat([_formula(module, event, layer, norm=reference) for event in events])
    torch.testing.assert_close(module(x, layout), expected, rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_each_branch_has_its_bias():
    module = _attention()
    mask = torch.ones(1, 5, dtype=torch.bool)
    bias = torch.randn(2, HEADS, 5, 5)
    by_map = bias.flatten(0, 1)[None].transpose(2, 3)  # keys before queries
    layout = AttentionLayout.of(Blocks.of(Packing.of(mask)), module.n_maps, [by_map])
    x = torch.randn(5, 16)
    torch.testing.assert_close(module(x, layout), _formula(module, x, 0, biases=bias))


def test_lambda_starts_near_its_initial_value():
    for layer in range(4):
        module = _attention(layer)
        assert abs(float(module.lambda_.detach()) - (0.8 - 0.6 * math.exp(-0.3 * layer))) < 0.3


def test_maps_that_are_equal_cancel_up_to_lambda(build):
    """With both softmaxes alike, the result is (1 - λ) (1 - λ0) times standard attention."""
    module = _attention()
    with torch.no_grad():
        weight, bias = module.qkv.weight, module.qkv.bias
        for first in range(0, 32, CHANNELS):  # queries and keys of each head
            half = CHANNELS // 2
            for values in (weight, bias):
                values[first + half : first + CHANNELS] = values[first : first + half]
        x = torch.randn(4, 16)
        query, key, value = module.qkv(x).view(4, 3, HEADS, CHANNELS).unbind(1)
        logits = torch.einsum("qhc,khc->hqk", query[..., :4], key[..., :4]) / 2
        plain = torch.einsum("hqk,khc->qhc", logits.softmax(-1), value).flatten(1)
        expected = module.out(plain * (1 - module.lambda_) * (1 - 0.2))
        layout = AttentionLayout.of(
            Blocks.of(Packing.of(torch.ones(1, 4, dtype=torch.bool))), module.n_maps
        )
        torch.testing.assert_close(module(x, layout), expected, rtol=1e-5, atol=1e-6)


def test_events_without_padding_keep_their_scores_with_padding(build):
    model = build(classifier_spec(attention__type="differential", heads=HEADS))
    events = random_events(8)
    longer = changed(
        events,
        tokens_cont=torch.nn.functional.pad(events.tokens_cont, (0, 0, 0, 2), value=float("nan")),
        tokens_id=torch.nn.functional.pad(events.tokens_id, (0, 2)),
        mask=torch.nn.functional.pad(events.mask, (0, 2)),
    )
    torch.testing.assert_close(model(longer), model(events), rtol=1e-5, atol=1e-6)
