"""Norms under autocast."""

import torch

from thesis_arch.transformer_classifier.norms import NORMS


def test_rms_norm_divides_by_the_root_mean_square():
    x = torch.randn(3, 8, dtype=torch.float32)
    norm = NORMS["rmsnorm"](8)
    expected = x / x.double().square().mean(-1, keepdim=True).sqrt()
    torch.testing.assert_close(norm(x).double(), expected.double(), rtol=1e-5, atol=1e-6)


def test_norms_take_the_lower_precision_of_autocast():
    for norm in NORMS.values():
        x = torch.randn(3, 8)
        layer = norm(8)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            result = layer(x.bfloat16())
        torch.testing.assert_close(result.float(), layer(x), rtol=2e-2, atol=2e-2)
