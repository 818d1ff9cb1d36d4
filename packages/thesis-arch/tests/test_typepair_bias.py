"""The bias from a table over pairs of ids against a loop over pairs."""

import math

import pytest
import torch

from sequences import bias_matrix, built_bias, loop_over_pairs, objects_of
from thesis_arch.physics.couplings import fixed_couplings
from thesis_arch.physics.pairwise import log_m2


@torch.no_grad()
@pytest.mark.parametrize("init", ["none", "binary", "fixed_coupling"])
@pytest.mark.parametrize("kinematic", [True, False])
def test_typepair_is_the_symmetric_table_times_the_gate(kinematic, init, spec, events):
    module, placed = built_bias(
        spec,
        events,
        "typepair",
        bias_config__typepair_kinematic__kinematic_gate=kinematic,
        bias_config__typepair_kinematic__init_from_physics=init,
    )
    bias = module.biases["typepair_kinematic"]
    bias.bias.normal_()
    bias.table.add_(0.1 * torch.randn(8, 8))
    momenta, ids, *_ = objects_of(events, 5)

    def value(i, j):
        entry = (bias.table[ids[i], ids[j]] + bias.table[ids[j], ids[i]]) / 2
        if kinematic:
            mass = log_m2(momenta.at(torch.tensor([i])), momenta.at(torch.tensor([j])))
            mlp = bias.kinematics.mlp
            hidden = torch.nn.functional.gelu(mlp.hidden(bias.kinematics.standardise(mass)))
            entry = entry * mlp.out(hidden)[0]
        return bias.gate.g.tanh() * (bias.weight * entry + bias.bias)

    torch.testing.assert_close(bias_matrix(module, placed, 5), loop_over_pairs(len(ids), value))


@torch.no_grad()
def test_a_table_from_physics_starts_as_it_is_in_every_head(spec, events):
    module, placed = built_bias(
        spec,
        events,
        "typepair",
        bias_config__typepair_kinematic__init_from_physics="fixed_coupling",
        bias_config__typepair_kinematic__kinematic_gate=False,
    )
    _, ids, *_ = objects_of(events, 5)
    table = math.tanh(0.1) * fixed_couplings("fixed_coupling", -5.0)
    expected = loop_over_pairs(len(ids), lambda i, j: table[ids[i], ids[j]].expand(4))
    torch.testing.assert_close(bias_matrix(module, placed, 5), expected)


def test_a_frozen_table_is_carried_but_not_trained(spec, events):
    module, _ = built_bias(
        spec, events, "typepair", bias_config__typepair_kinematic__freeze_table=True
    )
    assert "biases.typepair_kinematic.table" in module.state_dict()
    assert not any("table" in name for name, _ in module.named_parameters())
