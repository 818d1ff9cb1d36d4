"""The packed encoder against torch's own dense layers with the same weights."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from small_models import classifier_spec
from thesis_arch.blocks import Blocks
from thesis_arch.dropout import ByteDropout
from thesis_arch.packing import Packing, with_spare_rows
from thesis_arch.transformer_classifier.attention.layout import AttentionLayout
from thesis_arch.transformer_classifier.attention.packed import attend_packed
from thesis_arch.transformer_classifier.attention.scaled_dot_product import attention_maps
from thesis_arch.transformer_classifier.attention.standard import StandardAttention
from thesis_arch.transformer_classifier.encoder_block import EncoderBlock


@pytest.fixture(params=["packed", "padded"])
def layout_of(request):
    """`layout_of(mask, heads, physics)`: for CPUs, and as other devices have it."""

    def make(mask, heads=4, physics=(), **options):
        layout = AttentionLayout.of(Blocks.of(Packing.of(mask)), heads, physics, **options)
        return layout if request.param == "packed" else replace(layout, rows=None)

    return make


def _attention() -> StandardAttention:
    return StandardAttention(classifier_spec(attention__dropout=0.0).model, layer=0)


@torch.no_grad()
def _copy_attention(source: StandardAttention, target: nn.MultiheadAttention) -> None:
    target.in_proj_weight.copy_(source.qkv.weight)
    target.in_proj_bias.copy_(source.qkv.bias)
    target.out_proj.weight.copy_(source.out.weight)
    target.out_proj.bias.copy_(source.out.bias)


def _gradients(module, output, x):
    (output * torch.arange(output.numel()).view_as(output).sin()).sum().backward()
    return [x.grad, *(p.grad for p in module.parameters())]


def test_attention_and_its_gradient_equal_multihead_attention(events, layout_of):
    ours = _attention()
    reference = nn.MultiheadAttention(16, 4, batch_first=True)
    _copy_attention(ours, reference)
    packing = Packing.of(events.mask)
    x = torch.randn(*events.mask.shape, 16, requires_grad=True)
    expected, _ = reference(x, x, x, key_padding_mask=~events.mask, need_weights=False)
    expected = packing.pack(expected)
    y = packing.pack(x).detach().requires_grad_()
    result = ours(y, layout_of(events.mask))
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-6)
    theirs, mine = _gradients(reference, expected, x), _gradients(ours, result, y)
    for ours_grad, grad in zip(mine, [packing.pack(theirs[0]), *theirs[1:]], strict=True):
        torch.testing.assert_close(ours_grad, grad, rtol=1e-4, atol=1e-5)


def _blocks_of(dense, blocks):
    """[B, H, T, T] queries before keys, objects first -> biases of the blocks."""
    events = blocks.order.split([n for n, _ in blocks.sizes])
    parts = zip(events, blocks.sizes, strict=True)
    return [dense[e, :, :length, :length].transpose(2, 3) for e, (_, length) in parts]


@pytest.mark.parametrize("n_heads", [1, 4])
def test_attention_with_a_bias_equals_multihead_attention_with_a_float_mask(
    n_heads, events, layout_of
):
    ours = _attention()
    reference = nn.MultiheadAttention(16, 4, batch_first=True)
    _copy_attention(ours, reference)
    length = events.mask.shape[1]
    bias = torch.randn(len(events.mask), n_heads, length, length, requires_grad=True)
    padding = torch.zeros(len(bias), 1, 1, length)
    padding = padding.masked_fill(~events.mask[:, None, None], float("-inf"))
    packing = Packing.of(events.mask)
    x = torch.randn(*events.mask.shape, 16)
    mask = (bias + padding).expand(-1, 4, -1, -1).flatten(0, 1)
    expected, _ = reference(x, x, x, attn_mask=mask, need_weights=False)
    mine = bias.detach().requires_grad_()
    layout = layout_of(events.mask, 4, _blocks_of(mine, Blocks.of(packing)))
    result = ours(packing.pack(x), layout)
    torch.testing.assert_close(result, packing.pack(expected), rtol=1e-5, atol=1e-6)
    packing.pack(expected).square().sum().backward()
    result.square().sum().backward()
    valid = (events.mask[:, :, None] & events.mask[:, None, :])[:, None].expand_as(bias)
    torch.testing.assert_close(mine.grad[valid], bias.grad[valid], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("probability", [0.0, 0.4])
def test_the_gradient_of_attention_is_that_of_its_value(probability, events):
    """In double precision, through the very draws of dropout; of queries, keys, values, biases."""
    blocks = Blocks.of(Packing.of(events.mask[:3, :4]))
    layout = AttentionLayout.of(blocks, 2)
    dropout = ByteDropout(probability)
    n_spare = 2
    qkv = torch.randn(
        len(blocks.packing.index) + n_spare, 12, dtype=torch.float64, requires_grad=True
    )
    physics = [
        torch.randn(n, 2, length, length, dtype=torch.float64, requires_grad=True)
        for n, length in blocks.sizes
    ]

    def mixed(values, *biases):
        torch.manual_seed(5)
        padded = [own + added for own, added in zip(layout.biases, biases, strict=True)]
        return attend_packed(values, layout.rows, padded, 2, dropout)

    assert torch.autograd.gradcheck(mixed, (qkv, *physics))


@torch.no_grad()
def test_dropout_of_weights_keeps_the_expectation(events):
    layout = AttentionLayout.of(Blocks.of(Packing.of(events.mask)), 4)
    qkv = torch.randn(len(layout.blocks.packing.index), 48)
    expected = attend_packed(qkv, layout.rows, layout.biases, 4, ByteDropout(0.0))
    dropout = ByteDropout(0.3)
    draws = torch.stack(
        [attend_packed(qkv, layout.rows, layout.biases, 4, dropout) for _ in range(2000)]
    )
    spread = draws.std(0) / len(draws) ** 0.5
    assert ((draws.mean(0) - expected).abs() < 6 * spread + 1e-6).all()


@torch.no_grad()
def test_causal_attention_equals_multihead_attention_with_a_causal_mask(events, layout_of):
    ours, reference = _attention(), nn.MultiheadAttention(16, 4, batch_first=True)
    _copy_attention(ours, reference)
    length = events.mask.shape[1]
    later = torch.ones(length, length, dtype=torch.bool).triu(1)
    x = torch.randn(*events.mask.shape, 16)
    expected, _ = reference(
        x, x, x, key_padding_mask=~events.mask, attn_mask=later, need_weights=False
    )
    packing = Packing.of(events.mask)
    result = ours(packing.pack(x), layout_of(events.mask, causal=True))
    torch.testing.assert_close(result, packing.pack(expected), rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_attention_maps_equal_multihead_attentions_weights(events, layout_of):
    ours, reference = _attention(), nn.MultiheadAttention(16, 4, batch_first=True)
    _copy_attention(ours, reference)
    x = torch.randn(*events.mask.shape, 16)
    _, expected = reference(x, x, x, key_padding_mask=~events.mask, average_attn_weights=False)
    layout = layout_of(events.mask)
    qkv = ours.queries_keys_values(layout.blocks.packing.pack(x), layout)
    blocks = layout.blocks
    in_order = blocks.order.split([n for n, _ in blocks.sizes])
    maps = attention_maps(qkv, layout, 4)
    for own, chosen, (_, length) in zip(maps, in_order, blocks.sizes, strict=True):
        queries = events.mask[chosen, None, :length, None]
        theirs = expected[chosen, :, :length, :length]
        torch.testing.assert_close(own * queries, theirs * queries, rtol=1e-5, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize("policy", ["pre", "post"])
def test_block_equals_torchs_encoder_layer(policy, events, layout_of):
    config = classifier_spec(dropout=0.0, attention__dropout=0.0, norm__policy=policy).model
    ours = EncoderBlock(config, layer=0)
    reference = nn.TransformerEncoderLayer(
        16, 4, 24, dropout=0.0, activation="gelu", norm_first=policy == "pre", batch_first=True
    )
    _copy_attention(ours.attention, reference.self_attn)
    reference.norm1.load_state_dict(ours.attention_norm.state_dict())
    reference.norm2.load_state_dict(ours.feed_forward_norm.state_dict())
    reference.linear1.load_state_dict(ours.feed_forward.up.state_dict())
    reference.linear2.load_state_dict(ours.feed_forward.down.state_dict())
    x = torch.randn(*events.mask.shape, 16)
    packing = Packing.of(events.mask)
    layout, tokens = layout_of(events.mask), packing.pack(x)
    rows = tokens if layout.rows is None else with_spare_rows(tokens)  # on CPUs alone
    result = ours(rows, layout)[: len(tokens)]
    expected = reference.train()(x, src_key_padding_mask=~events.mask)
    torch.testing.assert_close(result, packing.pack(expected), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_normformer_norms_each_result_and_scales_each_head(events, layout_of):
    """Against the pre-norm block's parts put together by hand."""
    options = {"dropout": 0.0, "attention__dropout": 0.0, "norm__policy": "normformer"}
    block = EncoderBlock(classifier_spec(**options).model, layer=0)
    for norm in (block.result_norm, block.feed_forward_norm):
        norm.weight.uniform_(0.5, 2)
    block.attention.per_head.scales.copy_(torch.tensor([0.5, 1.0, 2.0, -1.0]))
    layout = layout_of(events.mask)
    x = torch.randn(len(layout.blocks.packing.index), 16)
    plain = _attention()
    plain.load_state_dict(block.attention.state_dict(), strict=False)
    plain.out = nn.Identity()
    by_head = plain(block.attention_norm(x), layout).view(-1, 4, 4)
    scaled = (by_head * block.attention.per_head.scales[:, None]).flatten(1)
    y = x + block.result_norm(block.attention.out(scaled))
    expected = y + block.feed_forward(block.feed_forward_norm(y), layout.blocks.packing)
    torch.testing.assert_close(block(x, layout), expected)
