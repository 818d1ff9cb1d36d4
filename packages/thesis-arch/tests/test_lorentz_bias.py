"""The bias of pairwise features against a loop over pairs."""

import pytest
import torch

from sequences import fitted, place
from small_models import classifier_spec
from thesis_arch.physics.four_momentum import FourMomentum
from thesis_arch.physics.pairwise import PAIRWISE_FEATURES
from thesis_arch.transformer_classifier.attention_biases import AttentionBias

SPLIT = {"attention__type": "differential", "attention__diff_bias_mode": "split"}


@torch.no_grad()
@pytest.mark.parametrize("per_head", [True, False])
@pytest.mark.parametrize("options", [{}, {"attention__type": "differential"}, SPLIT], ids=str)
def test_bias_is_the_gated_mlp_of_each_pair(options, per_head, spec, events):
    config = classifier_spec(
        attention_biases="lorentz_scalar",
        bias_config__lorentz_scalar__per_head=per_head,
        **options,
    ).model
    placed = place(events, spec)
    module = fitted(AttentionBias(config, spec), placed)
    biases = module(placed.objects, placed.tokens, placed.blocks).pairs

    lorentz = module.biases["lorentz_scalar"]
    assert len(lorentz.mlps) == (2 if options is SPLIT else 1)
    momenta = FourMomentum.of(*(events.tokens_cont[..., i] for i in (1, 2, 3, 0)))
    event = 7
    n = int(events.mask[event].sum())
    bias = placed.matrix(biases, event)
    for i in range(n):
        for j in range(n):
            expected = torch.zeros(bias.shape[-1])
            if i != j:
                pair = [
                    FourMomentum(*(x[event, k] for x in vars(momenta).values())) for k in (i, j)
                ]
                features = torch.stack([PAIRWISE_FEATURES[f](*pair) for f in lorentz.features])
                features = lorentz.standardise(features) * lorentz.feature_gates.sigmoid()
                by_branch = [mlp(features[None])[0] * lorentz.gate.g.tanh() for mlp in lorentz.mlps]
                if options and (per_head or options is SPLIT):
                    by_branch = [b.expand(4) for b in by_branch] * (2 // len(by_branch))
                expected = torch.cat(by_branch)
            torch.testing.assert_close(bias[i + 1, j + 1], expected)
    assert (bias[0] == 0).all()  # what CLS looks at
    assert (bias[:, 0] == 0).all()  # who looks at CLS
    assert (bias[n + 1] == 0).all()  # and the same of the token after the objects
    assert (bias[:, n + 1] == 0).all()


@torch.no_grad()
def test_pair_statistics_are_those_of_valid_pairs(spec, events):
    config = classifier_spec(attention_biases="lorentz_scalar").model
    module = fitted(AttentionBias(config, spec), place(events, spec)).biases["lorentz_scalar"]
    values = []
    for cont, mask in zip(events.tokens_cont, events.mask, strict=True):
        p = FourMomentum.of(*(cont[mask][:, i] for i in (1, 2, 3, 0)))
        first, second = torch.triu_indices(int(mask.sum()), int(mask.sum()), 1)
        values.append(PAIRWISE_FEATURES["deltaR"](p.at(first), p.at(second)))
    delta_r = torch.cat(values).double()
    column = module.features.index("deltaR")
    torch.testing.assert_close(module.standardise.mean[column], delta_r.mean().float())
    torch.testing.assert_close(module.standardise.std[column], delta_r.std(correction=0).float())
