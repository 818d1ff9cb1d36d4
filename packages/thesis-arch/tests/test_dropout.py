"""Dropout by random bytes."""

import pytest
import torch

from thesis_arch.dropout import ByteDropout


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("probability", [0.05, 0.1, 0.5])
def test_share_and_expectation(probability, dtype):
    torch.manual_seed(0)
    dropout = ByteDropout(probability)
    out = dropout(torch.ones(1000, 1001, dtype=dtype))
    assert out.dtype == dtype
    dropped = float((out == 0).double().mean())
    assert abs(dropped - dropout.dropped_levels / 256) < 0.002
    assert abs(dropped - probability) < 1 / 256
    assert abs(float(out.double().mean()) - 1) < 0.004


def test_every_byte_of_a_draw_drops_alike():
    """A draw of 63 bits would leave every eighth element half as likely to be large."""
    torch.manual_seed(0)
    dropped = ByteDropout(0.5)(torch.ones(800_000)).view(-1, 8) == 0
    share = dropped.double().mean(0)
    assert (share - 0.5).abs().max() < 0.01


def test_neighbours_are_independent():
    torch.manual_seed(0)
    kept = (ByteDropout(0.5)(torch.ones(400_001)) > 0).double()
    correlation = torch.corrcoef(torch.stack([kept[:-1], kept[1:]]))[0, 1]
    assert abs(float(correlation)) < 0.01


def test_nothing_is_dropped_in_evaluation():
    x = torch.randn(10, 3)
    assert ByteDropout(0.5).eval()(x) is x


def test_gradient_passes_where_the_value_did():
    torch.manual_seed(0)
    x = torch.ones(64, requires_grad=True)
    out = ByteDropout(0.5)(x)
    out.sum().backward()
    assert torch.equal(x.grad, out.detach())


def test_the_mask_follows_torchs_seed():
    outs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outs.append(ByteDropout(0.3)(torch.ones(1000)))
    assert torch.equal(outs[0], outs[1])
    assert not torch.equal(outs[0], outs[2])


@pytest.mark.parametrize("probability", [0.001, 0.999])
def test_extreme_probabilities_neither_switch_off_nor_drop_all(probability):
    torch.manual_seed(0)
    dropped = float((ByteDropout(probability)(torch.ones(1000, 1000)) == 0).double().mean())
    assert abs(dropped - probability) < 1 / 256
    assert 0 < dropped < 1
