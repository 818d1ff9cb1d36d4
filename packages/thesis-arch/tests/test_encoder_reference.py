"""The packed encoder against torch's own dense layers with the same weights."""

import torch
from torch import nn

from small_models import classifier_spec
from thesis_arch.packing import Packing
from thesis_arch.transformer_classifier.attention.standard import StandardAttention
from thesis_arch.transformer_classifier.encoder_block import EncoderBlock


def _padding_bias(mask):
    return torch.zeros(len(mask), 1, 1, mask.shape[1]).masked_fill(
        ~mask[:, None, None], float("-inf")
    )


def _copy_attention(source: StandardAttention, target: nn.MultiheadAttention) -> None:
    target.in_proj_weight.copy_(source.qkv.weight)
    target.in_proj_bias.copy_(source.qkv.bias)
    target.out_proj.weight.copy_(source.out.weight)
    target.out_proj.bias.copy_(source.out.bias)


@torch.no_grad()
def test_attention_equals_multihead_attention(events):
    ours = StandardAttention(dim=16, heads=4, dropout=0.0)
    reference = nn.MultiheadAttention(16, 4, batch_first=True)
    _copy_attention(ours, reference)
    x = torch.randn(*events.mask.shape, 16)
    expected, _ = reference(x, x, x, key_padding_mask=~events.mask, need_weights=False)
    packing = Packing.of(events.mask)
    result = ours(packing.pack(x), packing, _padding_bias(events.mask))
    torch.testing.assert_close(result, packing.pack(expected), rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_attention_with_a_bias_equals_multihead_attention_with_a_float_mask(events):
    ours = StandardAttention(dim=16, heads=4, dropout=0.0)
    reference = nn.MultiheadAttention(16, 4, batch_first=True)
    _copy_attention(ours, reference)
    x = torch.randn(*events.mask.shape, 16)
    length = events.mask.shape[1]
    bias = torch.randn(len(x), 4, length, length) + _padding_bias(events.mask)
    expected, _ = reference(x, x, x, attn_mask=bias.flatten(0, 1), need_weights=False)
    packing = Packing.of(events.mask)
    result = ours(packing.pack(x), packing, bias)
    torch.testing.assert_close(result, packing.pack(expected), rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_block_equals_torchs_pre_norm_encoder_layer(events):
    ours = EncoderBlock(classifier_spec(dropout=0.0, attention__dropout=0.0).model)
    reference = nn.TransformerEncoderLayer(
        16, 4, 24, dropout=0.0, activation="gelu", norm_first=True, batch_first=True
    )
    _copy_attention(ours.attention, reference.self_attn)
    reference.norm1.load_state_dict(ours.attention_norm.state_dict())
    reference.norm2.load_state_dict(ours.feed_forward_norm.state_dict())
    reference.linear1.load_state_dict(ours.feed_forward.up.state_dict())
    reference.linear2.load_state_dict(ours.feed_forward.down.state_dict())
    x = torch.randn(*events.mask.shape, 16)
    packing = Packing.of(events.mask)
    result = ours(packing.pack(x), packing, _padding_bias(events.mask))
    expected = reference.train()(x, src_key_padding_mask=~events.mask)
    torch.testing.assert_close(result, packing.pack(expected), rtol=1e-4, atol=1e-5)
