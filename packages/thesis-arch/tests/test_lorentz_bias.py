"""The attention bias against a loop over pairs."""

import torch

from small_models import classifier_spec
from thesis_arch.blocks import Blocks
from thesis_arch.packing import join
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
    n_objects = len(cont)
    extra = torch.zeros(len(events.mask), 1)
    sequence = join(torch.zeros(n_objects, 1), events.mask, before=[extra], after=[extra])
    blocks = Blocks.of(sequence.packing)
    biases = module(cont, events.mask, blocks, sequence.objects)

    lorentz = module.biases["lorentz_scalar"]
    objects = FourMomentum.of(*(events.tokens_cont[..., i] for i in (1, 2, 3, 0)))
    event = 7
    n = int(events.mask[event].sum())
    bias = _of_event(biases, blocks, event)
    for i in range(n):
        for j in range(n):
            expected = torch.zeros(4)
            if i != j:
                pair = [
                    FourMomentum(*(x[event, k] for x in vars(objects).values())) for k in (i, j)
                ]
                features = torch.stack([PAIRWISE_FEATURES[f](*pair) for f in module.features])
                expected = lorentz(module.standardise(features)[None])[0]
            torch.testing.assert_close(bias[:, i + 1, j + 1], expected)
    assert (bias[:, 0] == 0).all()  # what CLS looks at
    assert (bias[:, n + 1] == 0).all()  # and the token after the objects


def _of_event(biases, blocks, event):
    """[H, length, length] of one event."""
    place = int((blocks.order == event).nonzero())
    for bias in biases:
        if place < len(bias):
            return bias[place]
        place -= len(bias)
    raise AssertionError("no such event")


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
