"""The bias from Standard Model couplings against a loop over pairs."""

import math

import pytest
import torch

from sequences import bias_matrix, built_bias, loop_over_pairs, objects_of
from thesis_arch.physics.couplings import fixed_couplings


@torch.no_grad()
@pytest.mark.parametrize("mode", ["binary", "fixed_coupling"])
def test_sm_prior_is_the_table_of_couplings(mode, spec, events):
    module, placed = built_bias(spec, events, "sm", bias_config__sm_interaction__mode=mode)
    module.biases["sm_interaction"].log_scale.copy_(torch.tensor([0.0, 1.0, -1.0, 0.5]))
    _, ids, *_ = objects_of(events, 5)
    table, scale = fixed_couplings(mode, -100.0), torch.tensor([0.0, 1.0, -1.0, 0.5]).exp()
    expected = loop_over_pairs(
        len(ids), lambda i, j: math.tanh(0.1) * table[ids[i], ids[j]] * scale
    )
    torch.testing.assert_close(bias_matrix(module, placed, 5), expected)


@torch.no_grad()
def test_sm_prior_runs_with_the_mean_pt(spec, events):
    module, placed = built_bias(
        spec, events, "sm", bias_config__sm_interaction__mode="running_coupling"
    )
    momenta, ids, *_ = objects_of(events, 5)

    def value(i, j):
        scale = float(momenta.pt[i] + momenta.pt[j]) / 2
        log = math.log(scale**2 / 91.1876**2)
        below = scale < 172.57
        strong = 0.118 / (1 + 0.118 * (23 if below else 21) / (12 * math.pi) * log)
        electric = 1 / (127.5 - (20 / 3 if below else 8) / (3 * math.pi) * log)
        g_s, g_e = math.sqrt(4 * math.pi * strong), math.sqrt(4 * math.pi * electric)
        a, b = sorted((ids[i], ids[j]))
        coupling = -100.0
        if b <= 2:
            coupling = g_s
        elif (a, b) in ((3, 4), (5, 6)):
            coupling = 0.758 * g_e / math.sqrt(4 * math.pi / 127.5)
        elif b == 7 and a < 7:
            coupling = g_e / {1: 2, 2: 3}.get(a, 1)
        return torch.tensor(math.tanh(0.1) * coupling).expand(4)

    expected = loop_over_pairs(len(ids), value)
    torch.testing.assert_close(bias_matrix(module, placed, 5), expected, rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_mask_stays_a_mask_in_every_head(spec, events):
    """Whatever scales and gate learn."""
    module, placed = built_bias(spec, events, "sm")
    module.biases["sm_interaction"].gate.g.fill_(-0.4)
    module.biases["sm_interaction"].log_scale.normal_(std=5)
    values = module.biases["sm_interaction"](placed.objects)
    prior = module.biases["sm_interaction"].prior(placed.objects)
    assert (values[0, prior < 0] < 0).all()
    assert (values[0, prior > 0] > 0).all()
