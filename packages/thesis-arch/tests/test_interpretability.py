"""What is read off a model agrees with what the model does."""

import pytest
import torch

from small_models import changed, classifier_spec
from thesis_arch.interpretability import (
    capture_attention_maps,
    capture_routes,
    gates,
    lambdas,
    pid_embedding,
    splines,
)


@pytest.mark.parametrize("kind", ["standard", "differential"])
def test_attention_maps_are_those_the_layers_mix_with(kind, build, events):
    """Values mixed by the captured maps give what the layer gave."""
    model = build(classifier_spec(attention__type=kind, globals__include_met=False))
    layer, seen = model.blocks[0].attention, {}
    hook = layer.out.register_forward_hook(lambda m, i, o: seen.update(mixed=i[0]))
    inputs = layer.register_forward_pre_hook(lambda m, i: seen.update(x=i[0], layout=i[1]))
    maps = capture_attention_maps(model, events)
    hook.remove()
    inputs.remove()
    assert list(maps) == ["blocks.0.attention", "blocks.1.attention"]
    own = maps["blocks.0.attention"]
    lengths = events.mask.sum(1) + 1  # CLS
    assert own.shape[2:] == (int(lengths.max()),) * 2
    sums = own.sum(-1)
    queries = (torch.arange(own.shape[2]) < lengths[:, None])[:, None].expand_as(sums)
    torch.testing.assert_close(sums, queries.float())
    value = layer.qkv(seen["x"]).view(len(seen["x"]), 3, 4, 4)[:, 2]  # [N, H, d]
    start = 0
    for event, n in enumerate(lengths.tolist()):
        mine = value[start : start + n]
        weights = own[event, :, :n, :n]
        if kind == "differential":
            weights = (weights[:4] - layer.lambda_ * weights[4:]) * (1 - layer.initial_lambda)
        expected = torch.einsum("hqk,khc->qhc", weights, mine).flatten(1)
        torch.testing.assert_close(seen["mixed"][start : start + n], expected, rtol=1e-4, atol=1e-5)
        start += n


def test_routes_are_those_of_every_layer_with_experts(build, events):
    model = build(classifier_spec(moe__enabled=True, moe__top_k=2))
    routes = capture_routes(model, events)
    n_tokens = int((events.mask.sum(1) + 3).sum())  # CLS, MET, METphi
    assert len(routes) == 4
    for name, values in routes.items():
        if name.endswith("probabilities"):
            torch.testing.assert_close(values.sum(1), torch.ones(n_tokens))
            chosen = values.topk(2, dim=1).indices
            assert torch.equal(routes[name.replace("probabilities", "experts")], chosen)


def test_numbers_of_the_parts(build):
    model = build(
        classifier_spec(attention__type="differential", attention_biases="lorentz_scalar+sm")
    )
    assert {k: float(v) for k, v in lambdas(model).items()} == {
        f"blocks.{i}.attention": float(model.blocks[i].attention.lambda_.detach()) for i in (0, 1)
    }
    assert len(gates(model)) == 2
    assert all(float(g) == pytest.approx(0.0997, abs=1e-4) for g in gates(model).values())
    assert torch.equal(pid_embedding(model)["weight"], model.tokenizer.ids.embedding.weight)


def test_what_a_model_lacks_is_left_out(build, events):
    model = build(classifier_spec(tokenizer__pid_mode="one_hot"))
    assert lambdas(model) == gates(model) == splines(model) == pid_embedding(model) == {}
    assert capture_routes(model, events) == {}


def test_curves_of_a_kan_are_its_edges(build):
    model = build(classifier_spec(ffn__type="kan"))
    curves = splines(model)
    x = curves.pop("x")
    for name, values in curves.items():
        layer = model.get_submodule(name)
        column = torch.zeros(len(x), values.shape[1])
        column[:, 1] = x
        change = layer(column) - layer(torch.zeros(1, values.shape[1]))
        expected = values[:, 1] - layer.curves(torch.zeros(1))[0, 1]
        torch.testing.assert_close(change, expected, rtol=1e-4, atol=1e-5)


def test_nothing_stays_attached(build, events):
    model = build(classifier_spec(moe__enabled=True))
    capture_attention_maps(model, events)
    capture_routes(model, events)
    assert all(not m._forward_hooks for m in model.modules())


def test_an_event_without_tokens_looks_at_nothing(build, events):
    model = build(classifier_spec(globals__include_met=False, head__pooling="mean"))
    mask = events.mask.clone()
    mask[2] = False
    for maps in capture_attention_maps(model, changed(events, mask=mask)).values():
        assert torch.isfinite(maps).all()
        assert not maps[2].any()


def test_curves_reach_over_all_grids(build):
    model = build(classifier_spec(ffn__type="kan"))
    layer = model.blocks[0].feed_forward.down
    layer.start[0] -= 7
    layer.step[1] += 3
    x = splines(model)["x"]
    assert float(x[0]) == float(layer.grid.start.min())
    assert float(x[-1]) == float(layer.grid.end.max())
