"""Sums of attention biases: what they share, what the data allow, what they depend on."""

import pytest
import torch

from sequences import built_bias, place
from small_models import changed, classifier_spec
from thesis_arch import DataSpec
from thesis_arch.physics.pairwise import PAIRWISE_FEATURES
from thesis_arch.transformer_classifier.attention_biases import AttentionBias

MET_DIRECTION = {"bias_config__global_conditioned__mode": "met_direction"}


@torch.no_grad()
def test_a_sum_is_the_sum_of_its_biases(spec, events):
    module, placed = built_bias(
        spec, events, "lorentz_scalar + typepair+sm+global", **MET_DIRECTION
    )
    total = module(placed.objects, placed.tokens, placed.blocks).pairs
    parts = []
    for name in list(module.biases):
        alone, _ = built_bias(spec, events, name, **MET_DIRECTION)
        alone.biases[name] = module.biases[name]
        parts.append(alone(placed.objects, placed.tokens, placed.blocks).pairs)
    assert len(parts) == 4
    for block, *summands in zip(total, *parts, strict=True):
        torch.testing.assert_close(block, sum(summands))


@pytest.mark.parametrize("biases", ["lorentz_scalar+typepair+sm+global", "global"])
def test_each_feature_is_computed_once(biases, spec, events, monkeypatch):
    calls = []
    module, _ = built_bias(spec, events, biases)
    for name in ("log_m2", "deltaR"):
        own = PAIRWISE_FEATURES[name]

        def counted(a, b, name=name, own=own):
            calls.append(name)
            return own(a, b)

        monkeypatch.setitem(PAIRWISE_FEATURES, name, counted)
    placed = place(events, spec)
    module(placed.objects, placed.tokens, placed.blocks)
    assert sorted(calls) == ([] if biases == "global" else ["deltaR", "log_m2"])


@torch.no_grad()
@pytest.mark.parametrize(
    "biases", ["lorentz_scalar", "typepair", "sm", "global", "lorentz_scalar+sm+global"]
)
@pytest.mark.parametrize("mode", ["met_direction", "global_scale"])
def test_biases_do_not_depend_on_the_choice_of_axes(mode, biases, spec, events):
    """Turned about the beam, MET along with the objects, and with the beam's ends exchanged."""
    module, placed = built_bias(
        spec,
        events,
        biases,
        bias_config__global_conditioned__mode=mode,
        bias_config__sm_interaction__mode="running_coupling",
        bias_config__lorentz_scalar__features=["log_m2", "dot", "log_kt", "z", "deltaR_ptw"],
    )
    cont, globals_ = events.tokens_cont.clone(), events.globals.clone()
    cont[..., 3] += 2.1
    cont[..., 2] *= -1
    globals_[:, 1] += 2.1
    turned = place(changed(events, tokens_cont=cont, globals=globals_), spec)
    before = module(placed.objects, placed.tokens, placed.blocks)
    after = module(turned.objects, turned.tokens, turned.blocks)
    pairs = zip(
        before.pairs or [before.query_scale], after.pairs or [after.query_scale], strict=True
    )
    for a, b in pairs:
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_what_enters_a_network_is_of_order_one(spec, events):
    module, placed = built_bias(
        spec,
        events,
        "lorentz_scalar+typepair+sm+global",
        bias_config__lorentz_scalar__features=["m2", "dot", "log_kt", "z", "deltaR_ptw"],
        bias_config__typepair_kinematic__kinematic_feature="m2",
        **MET_DIRECTION,
    )
    sizes = []
    for layer in module.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.register_forward_pre_hook(
                lambda layer, inputs: sizes.append(float(inputs[0].detach().square().mean().sqrt()))
            )
    module(placed.objects, placed.tokens, placed.blocks)
    assert len(sizes) == 6
    assert max(sizes) < 3


def test_without_energy_what_needs_it_is_left_out(events):
    spec = DataSpec(9, (1, 2, 3), ("ttH", "4t"))
    no_energy = changed(events, tokens_cont=events.tokens_cont[..., 1:])
    module, placed = built_bias(
        spec,
        no_energy,
        "typepair+lorentz_scalar+sm+global",
        bias_config__lorentz_scalar__features=["log_m2"],
    )
    assert module.biases["typepair_kinematic"].kinematics is None
    assert module.effective_axes() == {
        "attention_biases": "global_conditioned+sm_interaction+typepair_kinematic",
        "typepair_kinematic_gate": False,
    }
    for block in module(placed.objects, placed.tokens, placed.blocks).pairs:
        assert torch.isfinite(block).all()


def test_axes_name_what_acts(spec, events):
    module, _ = built_bias(spec, events, "sm+lorentz_scalar")
    assert module.effective_axes() == {
        "attention_biases": "lorentz_scalar+sm_interaction",
        "lorentz_features": ["log_m2", "deltaR"],
    }
    assert built_bias(spec, events, "none")[0].effective_axes() == {"attention_biases": "none"}


def test_biases_that_differential_attention_keeps_out_are_named(spec):
    config = classifier_spec(
        attention_biases="sm",
        attention__type="differential",
        attention__diff_bias_mode="none",
    ).model
    with pytest.warns(UserWarning, match=r"attention_biases=sm acts nowhere.*diff_bias_mode"):
        module = AttentionBias(config, spec)
    assert list(module.parameters()) == []


def test_met_is_needed():
    spec = DataSpec(9, (0, 1, 2, 3), ("ttH", "4t"), has_globals=False)
    with pytest.raises(
        ValueError, match=r"classifier\.model\.attention_biases.*data\.globals\.pres"
    ):
        AttentionBias(classifier_spec(attention_biases="global").model, spec)


@pytest.mark.parametrize(
    ("biases", "options"),
    [
        ("lorentz_scalar", {}),
        ("typepair", {}),
        ("sm", {"bias_config__sm_interaction__mode": "running_coupling"}),
        ("global", MET_DIRECTION),
    ],
)
def test_directions_are_needed(biases, options):
    spec = DataSpec(9, (0, 1), ("ttH", "4t"))
    with pytest.raises(ValueError, match=r"attention_biases: .*leaves out eta, phi"):
        AttentionBias(classifier_spec(attention_biases=biases, **options).model, spec)


def test_ids_alone_are_enough_for_tables(events):
    spec = DataSpec(9, (0, 1), ("ttH", "4t"))
    two = changed(events, tokens_cont=events.tokens_cont[..., :2])
    module, placed = built_bias(
        spec, two, "typepair+sm", bias_config__typepair_kinematic__kinematic_gate=False
    )
    assert module(placed.objects, placed.tokens, placed.blocks).pairs is not None
