"""What every transformer classifier promises, whatever its options."""

from copy import deepcopy

import pytest
import torch

from small_models import changed, classifier_spec, random_events
from thesis_arch import DataSpec, TransformerClassifier, load_model, model_payload


def test_padding_never_changes_logits(variant, build, events):
    model = build(variant)
    expected = model(events)
    poisoned = events.tokens_cont.masked_fill(~events.mask[..., None], float("nan"))
    longer = changed(
        events,
        tokens_cont=torch.cat([poisoned, torch.full_like(poisoned[:, :3], 1e30)], dim=1),
        tokens_id=torch.cat([events.tokens_id, torch.zeros_like(events.tokens_id[:, :3])], dim=1),
        mask=torch.cat([events.mask, torch.zeros_like(events.mask[:, :3])], dim=1),
    )
    torch.testing.assert_close(model(longer), expected, rtol=1e-5, atol=1e-6)


def test_padding_never_enters_statistics(variant, spec, events):
    clean = TransformerClassifier(variant, spec)
    poisoned = deepcopy(clean)
    clean.fit_statistics([events])
    padding = ~events.mask[..., None]
    poisoned.fit_statistics(
        [changed(events, tokens_cont=events.tokens_cont.masked_fill(padding, float("nan")))]
    )
    for (name, a), (_, b) in zip(clean.named_buffers(), poisoned.named_buffers(), strict=True):
        torch.testing.assert_close(a, b, msg=name)


def test_objects_are_a_set(variant_of_sets, build, events):
    model = build(variant_of_sets)
    order = torch.randperm(events.mask.shape[1], generator=torch.Generator().manual_seed(3))
    shuffled = changed(
        events,
        tokens_cont=events.tokens_cont[:, order],
        tokens_id=events.tokens_id[:, order],
        mask=events.mask[:, order],
    )
    torch.testing.assert_close(model(shuffled), model(events), rtol=1e-4, atol=1e-5)


def test_events_do_not_see_each_other(variant, build, events):
    model = build(variant)
    half = changed(events, **{name: getattr(events, name)[5:9] for name in vars(events)})
    torch.testing.assert_close(model(half), model(events)[5:9], rtol=1e-5, atol=1e-6)


def test_every_parameter_gets_a_gradient(variant, build, events):
    """Within two steps: what stands before a layer that starts at zero is reached in the second."""
    model = build(variant).double().train()
    precise = changed(
        events, tokens_cont=events.tokens_cont.double(), globals=events.globals.double()
    )
    optimiser, dead = (
        torch.optim.SGD(model.parameters(), lr=0.01),
        set(dict(model.named_parameters())),
    )
    for _ in range(2):
        optimiser.zero_grad()
        model(precise).square().sum().backward()
        optimiser.step()
        # What cancels leaves rounding, some 1e-16 of the others.
        dead -= {
            name
            for name, p in model.named_parameters()
            if p.grad is not None and p.grad.abs().max() > 1e-10
        }
    assert dead == set()


def test_checkpoint_gives_the_same_scores(variant, build, events, tmp_path):
    model = build(variant)
    torch.save(model_payload(model), tmp_path / "best_val.pt")
    loaded = load_model(tmp_path / "best_val.pt")
    for name, values in model.event_scores(events).items():
        torch.testing.assert_close(loaded.event_scores(events)[name], values, rtol=0, atol=0)


def test_physical_units_are_the_models_own_business(build, events):
    """Rescaling the features leaves the logits alone once statistics are taken anew."""
    config = classifier_spec(globals__include_met=False)
    spec = DataSpec(9, (0, 1, 2, 3), ("ttH", "4t"))
    in_mev = changed(
        events, tokens_cont=events.tokens_cont * torch.tensor([1000.0, 1000.0, 1.0, 1.0])
    )
    torch.manual_seed(1)
    model = TransformerClassifier(config, spec)
    model.fit_statistics([in_mev])
    torch.testing.assert_close(model.eval()(in_mev), build(config)(events), rtol=1e-3, atol=1e-4)


def test_blocks_add_up_in_full_precision_under_autocast(variant, build, events):
    model, dtypes = build(variant), []
    for block in model.blocks:
        block.register_forward_hook(lambda module, inputs, output: dtypes.append(output.dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model(events)
    assert dtypes == [torch.float32] * len(model.blocks)


def test_events_with_one_object_or_none_train_and_score(variant, build, events):
    """No pairs, no neighbours, and with some poolings not a single token."""
    model = build(variant).train()
    for most in (1, 0):
        mask = events.mask & (torch.arange(events.mask.shape[1]) < most)
        mask[0] = False
        few = changed(events, mask=mask)
        model.zero_grad()
        model(few).square().sum().backward()
        for name, p in model.named_parameters():
            assert p.grad is None or torch.isfinite(p.grad).all(), name
        assert torch.isfinite(model(few)).all()


@torch.no_grad()
def test_other_devices_compute_the_same(variant, build, events, elsewhere):
    """Events without objects, and a batch of nothing else, included."""
    model = build(variant)
    some = changed(events, mask=events.mask & (torch.arange(len(events.mask)) != 3)[:, None])
    none = changed(events, mask=torch.zeros_like(events.mask))
    expected = [model(batch) for batch in (some, none)]
    elsewhere()
    for batch, logits in zip((some, none), expected, strict=True):
        torch.testing.assert_close(model(batch), logits, rtol=1e-4, atol=1e-5)


AHEAD = {
    "plain": {},
    "differential, rotary": {"attention__type": "differential", "positional": "rotary"},
    "biases": {"attention_biases": "lorentz_scalar+typepair+sm"},
    "interactions": {"mia_blocks__enabled": True},
    "experts": {"moe__enabled": True},
    "KAN": {"ffn__type": "kan"},
}


@torch.no_grad()
@pytest.mark.parametrize("options", AHEAD.values(), ids=AHEAD)
def test_nobody_looks_ahead(options, build, events):
    model = build(
        classifier_spec(causal_attention=True, globals__include_met=False, head__pooling="mean",
                        **options)
    )  # fmt: skip
    outputs = []
    hook = model.blocks[-1].register_forward_hook(lambda m, i, output: outputs.append(output))
    counts = events.mask.sum(1)
    last = torch.arange(events.mask.shape[1]) == (counts - 1)[:, None]
    cont = torch.where(last[..., None], events.tokens_cont * 1.2, events.tokens_cont)
    for batch in (events, changed(events, tokens_cont=cont)):
        model(batch)
    hook.remove()
    before, after = (output[: int(counts.sum())] for output in outputs)
    earlier = ~last[events.mask]
    torch.testing.assert_close(before[earlier], after[earlier], rtol=1e-5, atol=1e-6)
    assert (before[~earlier] - after[~earlier]).abs().max() > 1e-3


def test_events_without_objects_score_with_every_pooling(build):
    events = random_events(4)
    empty = changed(events, mask=torch.zeros_like(events.mask))
    for pooling in ("cls", "mean", "max"):
        model = build(classifier_spec(head__pooling=pooling, globals__include_met=False))
        assert torch.isfinite(model(empty)).all()


def test_without_energy_the_features_that_need_it_are_left_out_with_a_warning(events):
    spec = DataSpec(9, (1, 2, 3), ("ttH", "4t"))
    config = classifier_spec(attention_biases="lorentz_scalar")
    with pytest.warns(
        UserWarning, match="no energy, so these are left out: log_m2 of lorentz_scalar$"
    ):
        model = TransformerClassifier(config, spec)
    assert model.effective_axes()["lorentz_features"] == ["deltaR"]
    no_energy = changed(events, tokens_cont=events.tokens_cont[..., 1:])
    model.fit_statistics([no_energy])
    assert torch.isfinite(model(no_energy)).all()


def test_met_tokens_need_met():
    spec = DataSpec(9, (0, 1, 2, 3), ("ttH", "4t"), has_globals=False)
    with pytest.raises(ValueError, match=r"include_met.*no MET"):
        TransformerClassifier(classifier_spec(), spec)


def test_a_bias_needs_directions():
    spec = DataSpec(9, (0, 1), ("ttH", "4t"))
    with pytest.raises(ValueError, match="leaves out eta, phi"):
        TransformerClassifier(classifier_spec(attention_biases="lorentz_scalar"), spec)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"moe__enabled": True, "moe__scope": "middle_blocks"}, {"moe_enabled": False}),
        ({"moe__enabled": True, "moe__num_experts": 1}, {"moe_enabled": False}),
        ({"moe__enabled": True, "moe__scope": "head"}, {"head_type": "moe"}),
        ({"head__type": "moe"}, {"head_type": "moe"}),
        (
            {"moe__enabled": True, "moe__scope": "middle_blocks", "head__type": "moe"},
            {"moe_enabled": False, "head_type": "moe"},
        ),
        ({"head__type": "moe", "moe__num_experts": 1}, {"head_type": "linear"}),
        (
            {"ffn__type": "kan", "moe__enabled": True, "moe__num_experts": 1},
            {"ffn_type": "standard", "moe_enabled": False},
        ),
        ({"attention_biases": "typepair"}, {"typepair_kinematic_gate": True}),
        ({"attention_biases": "typepair"}, {"attention_biases": "typepair_kinematic"}),
    ],
    ids=str,
)
def test_says_what_it_is(options, expected, build):
    axes = build(classifier_spec(**options)).effective_axes()
    assert {name: axes.get(name) for name in expected} == expected
