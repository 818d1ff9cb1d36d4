"""No parameter of a bias is dead: what is the same for all keys of a query cancels."""

import pytest
import torch

from sequences import built_bias
from small_models import changed

KINDS = {
    "lorentz": {"biases": "lorentz_scalar"},
    "lorentz, one for all heads": {
        "biases": "lorentz_scalar",
        "bias_config__lorentz_scalar__per_head": False,
    },
    "lorentz, kan": {
        "biases": "lorentz_scalar",
        "bias_config__lorentz_scalar__mlp_type": "kan",
    },
    "typepair": {"biases": "typepair"},
    "typepair, binary": {
        "biases": "typepair",
        "bias_config__typepair_kinematic__init_from_physics": "binary",
    },
    "typepair, frozen": {
        "biases": "typepair",
        "bias_config__typepair_kinematic__init_from_physics": "fixed_coupling",
        "bias_config__typepair_kinematic__freeze_table": True,
    },
    "typepair, no gate": {
        "biases": "typepair",
        "bias_config__typepair_kinematic__kinematic_gate": False,
    },
    "sm, binary": {"biases": "sm"},
    "sm, fixed": {"biases": "sm", "bias_config__sm_interaction__mode": "fixed_coupling"},
    "sm, running": {"biases": "sm", "bias_config__sm_interaction__mode": "running_coupling"},
    "MET scale": {"biases": "global"},
    "MET scale, kan": {"biases": "global", "bias_config__global_conditioned__mlp_type": "kan"},
    "MET scale of others": {"biases": "lorentz_scalar+global"},
    "MET direction": {
        "biases": "global",
        "bias_config__global_conditioned__mode": "met_direction",
    },
    "MET direction, kan": {
        "biases": "global",
        "bias_config__global_conditioned__mode": "met_direction",
        "bias_config__global_conditioned__mlp_type": "kan",
    },
    "all": {"biases": "lorentz_scalar+typepair+sm+global"},
}
ATTENTIONS = {
    "standard": {},
    "shared": {"attention__type": "differential"},
    "split": {"attention__type": "differential", "attention__diff_bias_mode": "split"},
}
CASES = [
    (kind, attention)
    for kind in KINDS
    for attention in ATTENTIONS
    if attention != "split" or "lorentz" in KINDS[kind]["biases"]
]


@pytest.mark.parametrize(("kind", "attention"), CASES)
@pytest.mark.parametrize("extra", [True, False], ids=["CLS and MET", "objects alone"])
def test_every_parameter_gets_a_gradient(extra, kind, attention, spec, events):
    precise = changed(
        events, tokens_cont=events.tokens_cont.double(), globals=events.globals.double()
    )
    options = {**KINDS[kind], **ATTENTIONS[attention]}
    module, placed = built_bias(spec, precise, extra=extra, **options)
    module.double()
    bias = module(placed.objects, placed.tokens, placed.blocks)
    _attended(bias, placed.blocks, n_maps=8 if attention != "standard" else 4).backward()
    # What cancels leaves rounding: some 1e-16 of the others.
    dead = [name for name, p in module.named_parameters() if p.grad.abs().max() < 1e-9]
    assert dead == []


def _attended(bias, blocks, n_maps):
    """Some function of what random attention gives under the bias."""
    draw = torch.Generator().manual_seed(3)
    added = bias.pairs if bias.pairs is not None else [0.0] * len(blocks.sizes)
    occupied = blocks.split_slots(blocks.occupied)
    events = blocks.order.split([n for n, _ in blocks.sizes])
    total = torch.zeros((), dtype=torch.float64)
    for (n, length), own, keys, here in zip(blocks.sizes, added, occupied, events, strict=True):
        shape = (n, n_maps, length, length)
        logits = torch.randn(shape, generator=draw, dtype=torch.float64)
        if bias.query_scale is not None:
            scale = bias.query_scale[here].repeat(1, n_maps // bias.query_scale.shape[1])
            logits = logits * scale[:, :, None, None]
        logits = (logits + own).masked_fill(~keys[:, None, :, None], float("-inf"))
        values = torch.randn((n, n_maps, length, 1), generator=draw, dtype=torch.float64)
        mixed = (logits.softmax(2) * values).sum(2)
        total = total + mixed[keys[:, None].expand_as(mixed)].square().sum()
    return total
