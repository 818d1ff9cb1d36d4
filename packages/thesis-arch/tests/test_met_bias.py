"""What MET does to attention, against a loop over pairs."""

import math

import pytest
import torch

from sequences import bias_matrix, built_bias, loop_over_pairs, objects_of

MET_DIRECTION = {"bias_config__global_conditioned__mode": "met_direction"}
DIFFERENTIAL = {"attention__type": "differential"}


@torch.no_grad()
def test_met_direction_is_that_of_who_looks_first(spec, events):
    module, placed = built_bias(spec, events, "global", **MET_DIRECTION)
    bias = module.biases["global_conditioned"]
    momenta, ids, met, met_phi = objects_of(events, 5)

    def value(i, j):
        angles = [float(momenta.phi[k]) - met_phi for k in (i, j)]
        size = bias.inputs.standardise(torch.tensor([math.log1p(met)]))
        features = [f(angle) for angle in angles for f in (math.sin, math.cos)]
        return bias.gate.g.tanh() * bias.mlp(torch.cat([torch.tensor(features), size])[None])[0]

    found = bias_matrix(module, placed, 5)
    torch.testing.assert_close(found, loop_over_pairs(len(ids), value), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found, found.transpose(0, 1))


@torch.no_grad()
@pytest.mark.parametrize("options", [{}, DIFFERENTIAL], ids=["standard", "differential"])
def test_met_scales_the_sum_of_the_others(options, spec, events):
    module, placed = built_bias(spec, events, "lorentz_scalar+sm+global", **options)
    scaled = bias_matrix(module, placed, 5)
    size, _ = module.scale.inputs(events.globals[5:6])
    factor = (1 + module.scale.gate.g.tanh() * module.scale.mlp(size))[0]
    module.scale = None
    torch.testing.assert_close(
        scaled, bias_matrix(module, placed, 5) * factor.repeat(scaled.shape[-1] // 4)
    )


@torch.no_grad()
def test_met_scales_the_logits_where_it_stands_alone(spec, events):
    module, placed = built_bias(spec, events, "global")
    bias = module(placed.objects, placed.tokens, placed.blocks)
    assert bias.pairs is None
    assert bias.query_scale.shape == (len(events.mask), 4)
    assert bias.query_scale.std(0).min() > 0
    assert "pairs" not in vars(placed.objects)  # and nothing else is computed
