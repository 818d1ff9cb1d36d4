"""The attention bias against a loop over pairs."""

import torch

from small_models import classifier_spec
from thesis_arch.packing import Packing
from thesis_arch.physics.four_momentum import FourMomentum
from thesis_arch.physics.pairwise import PAIRWISE_FEATURES
from thesis_arch.transformer_classifier.attention_biases import AttentionBias


@torch.no_grad()
def test_bias_is_the_gated_mlp_of_each_pair(spec, events):
    config = classifier_spec(attention_biases="lorentz_scalar").model
    module = AttentionBias(config, spec)
    cont = events.tokens_cont[events.mask]
    module.observe(cont, events.mask)
    module.finish()
    extra = torch.ones(len(events.mask), 1, dtype=torch.bool)
    packing = Packing.of(torch.cat([extra, events.mask, extra], dim=1))
    bias = module(cont, events.mask, packing, first_object=1)

    lorentz = module.biases["lorentz_scalar"]
    objects = FourMomentum.of(*(events.tokens_cont[..., i] for i in (1, 2, 3, 0)))
    event = 7
    n = int(events.mask[event].sum())
    for i in range(n):
        for j in range(n):
            expected = torch.zeros(4)
            if i != j:
                pair = [
                    FourMomentum(*(x[event, k] for x in vars(objects).values())) for k in (i, j)
                ]
                features = torch.stack([PAIRWISE_FEATURES[f](*pair) for f in module.features])
                expected = lorentz(module.standardise(features)[None])[0]
            torch.testing.assert_close(bias[event, :, i + 1, j + 1], expected)
    assert (bias[event, :, 0, : n + 1] == 0).all()  # CLS looks at all without bias
    assert (bias[event, :, :, n + 1 : -1] == float("-inf")).all()  # padding is never looked at
    assert (bias[event, :, : n + 1, -1] == 0).all()  # the token after the objects is


@torch.no_grad()
def test_pair_statistics_are_those_of_valid_pairs(spec, events):
    config = classifier_spec(attention_biases="lorentz_scalar").model
    module = AttentionBias(config, spec)
    module.observe(events.tokens_cont[events.mask], events.mask)
    module.finish()
    values = []
    for cont, mask in zip(events.tokens_cont, events.mask, strict=True):
        p = FourMomentum.of(*(cont[mask][:, i] for i in (1, 2, 3, 0)))
        first, second = torch.triu_indices(int(mask.sum()), int(mask.sum()), 1)
        values.append(PAIRWISE_FEATURES["deltaR"](p.at(first), p.at(second)))
    delta_r = torch.cat(values).double()
    column = module.features.index("deltaR")
    torch.testing.assert_close(module.standardise.mean[column], delta_r.mean().float())
    torch.testing.assert_close(module.standardise.std[column], delta_r.std(correction=0).float())
