"""Which feed-forward and head a config gives, and what they compute."""

import pytest
import torch
from torch import nn

from small_models import classifier_spec
from thesis_arch.kan.layer import KanLinear
from thesis_arch.mixture_of_experts import MixtureOfExperts
from thesis_arch.packing import Packing
from thesis_arch.transformer_classifier.feed_forward import build_feed_forward
from thesis_arch.transformer_classifier.feed_forward.choice import expert_blocks
from thesis_arch.transformer_classifier.feed_forward.standard import StandardFeedForward
from thesis_arch.transformer_classifier.heads.choice import build_head
from thesis_arch.transformer_classifier.norms import NORMS

KAN_SHAPES = {
    "hybrid": [("Linear", 16, 24), ("KanLinear", 24, 16)],
    "bottleneck": [("Linear", 16, 6), ("KanLinear", 6, 6), ("Linear", 6, 16)],
    "pure": [("KanLinear", 16, 24), ("KanLinear", 24, 16)],
}
OPTIONS = {
    "standard": {},
    **{variant: {"ffn__type": "kan", "ffn__kan__variant": variant} for variant in KAN_SHAPES},
    "experts": {"moe__enabled": True, "moe__top_k": 2},
}


def config(**options):
    return classifier_spec(**options).model


def packing() -> Packing:
    return Packing.of(torch.arange(5) < torch.tensor([[2], [5], [3]]))


def shapes(module: nn.Module) -> list[tuple[str, int, int]]:
    """Of the layers in their order of use."""
    layers = [m for m in module.modules() if isinstance(m, nn.Linear | KanLinear)]
    return [(type(m).__name__, m.weight.shape[1], m.weight.shape[0]) for m in layers]


@pytest.mark.parametrize("variant", KAN_SHAPES)
def test_layers_of_the_kan_variants(variant):
    built = build_feed_forward(config(ffn__type="kan", ffn__kan__variant=variant), 0)
    assert shapes(built) == KAN_SHAPES[variant]


def test_width_of_the_bottleneck():
    options = {"ffn__type": "kan", "ffn__kan__variant": "bottleneck"}
    built = build_feed_forward(config(**options, ffn__kan__bottleneck_dim=9), 0)
    assert shapes(built)[1] == ("KanLinear", 9, 9)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("norm", ["layernorm", "rmsnorm"])
def test_normformer_puts_a_norm_in_the_middle_and_others_none(option, norm):
    kinds = (nn.LayerNorm, nn.RMSNorm)
    count = {}
    for policy in ("pre", "post", "normformer"):
        built = build_feed_forward(
            config(**OPTIONS[option], norm__policy=policy, norm__type=norm), 0
        )  # fmt: skip
        count[policy] = [type(m) for m in built.modules() if isinstance(m, kinds)]
    n_experts = 3 if option == "experts" else 1
    expected = NORMS[norm]
    assert count == {"pre": [], "post": [], "normformer": [expected] * n_experts}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("policy", ["pre", "normformer"])
def test_rows_are_alike_and_spare_ones_do_not_matter(option, policy):
    torch.manual_seed(0)
    built = build_feed_forward(config(**OPTIONS[option], norm__policy=policy), 0).eval()
    tokens = torch.randn(len(packing().index), 16)
    out = built(torch.cat([tokens, torch.full((7, 16), 1e3)]), packing())
    assert torch.isfinite(out).all()
    assert out.shape == (len(tokens) + 7, 16)
    torch.testing.assert_close(out[: len(tokens)], built(tokens, packing()))


@pytest.mark.parametrize("option", OPTIONS)
def test_a_feed_forward_is_no_constant(option):
    torch.manual_seed(0)
    built = build_feed_forward(config(**OPTIONS[option]), 0).eval()
    out = built(torch.randn(len(packing().index), 16), packing())
    assert 0.03 < float(out.std().detach()) < 3


@pytest.mark.parametrize(
    ("depth", "scope", "expected"),
    [
        (6, "all_blocks", range(6)),
        (6, "middle_blocks", range(2, 4)),
        (3, "middle_blocks", range(1, 2)),
        (5, "middle_blocks", range(2, 3)),
        (8, "middle_blocks", range(3, 5)),
        (12, "middle_blocks", range(4, 8)),
        (2, "middle_blocks", range(0)),
        (1, "middle_blocks", range(0)),
        (6, "head", range(0)),
    ],
)
def test_blocks_that_have_experts(depth, scope, expected):
    options = config(depth=depth, moe__enabled=True, moe__scope=scope)
    assert expert_blocks(options) == expected
    have = [
        block
        for block in range(depth)
        if isinstance(build_feed_forward(options, block), MixtureOfExperts)
    ]
    assert have == list(expected)
    assert expert_blocks(config(depth=depth, moe__scope=scope)) == range(0)


def test_experts_are_plain_and_come_before_kans():
    options = config(ffn__type="kan", moe__enabled=True, moe__scope="middle_blocks", depth=3)
    kan, experts, _ = (build_feed_forward(options, block) for block in range(3))
    assert isinstance(experts, MixtureOfExperts)
    assert [type(e) for e in experts.experts] == [StandardFeedForward] * 3
    assert any(isinstance(m, KanLinear) for m in kan.modules())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, nn.Linear),
        ({"head__type": "kan"}, KanLinear),
        ({"head__type": "moe"}, MixtureOfExperts),
        ({"moe__enabled": True, "moe__scope": "head"}, MixtureOfExperts),
        ({"moe__enabled": True, "moe__scope": "head", "head__type": "kan"}, MixtureOfExperts),
        ({"moe__enabled": True, "head__type": "kan"}, KanLinear),
        ({"moe__scope": "head"}, nn.Linear),
    ],
)
def test_heads(options, expected):
    torch.manual_seed(0)
    head = build_head(config(**options), 5)
    assert type(head) is expected
    assert head(torch.randn(11, 16)).shape == (11, 5)


def test_an_expert_head_mixes_linear_heads():
    torch.manual_seed(0)
    head = build_head(config(head__type="moe", moe__top_k=3), 5)
    x = torch.randn(40, 16)
    p = head.router(x).softmax(1)
    expected = sum(p[:, e, None] * expert(x) for e, expert in enumerate(head.experts))
    torch.testing.assert_close(head(x), expected)


@pytest.mark.parametrize("variant", ["hybrid", "bottleneck", "pure"])
def test_spare_rows_fit_no_grid(variant):
    torch.manual_seed(0)
    built = build_feed_forward(
        config(ffn__type="kan", ffn__kan__variant=variant, kan__grid_update_freq=1, dropout=0.0), 0
    )
    mask = torch.ones(5, 4, dtype=torch.bool)
    x = torch.randn(20, 16)
    state = {name: value.clone() for name, value in built.state_dict().items()}
    fitted = []
    for spare in (0, 44):
        built.load_state_dict(state)
        built.train()(torch.cat([x, 50 * torch.ones(spare, 16)]), Packing.of(mask))
        fitted.append({name: value.clone() for name, value in built.state_dict().items()})
    for name, value in fitted[0].items():
        torch.testing.assert_close(value, fitted[1][name], rtol=1e-4, atol=1e-5)
    assert any(not torch.equal(value, state[name]) for name, value in fitted[0].items())


def test_frozen_curves_keep_their_grid():
    layer = build_feed_forward(config(ffn__type="kan", kan__grid_update_freq=1), 0)
    layer.requires_grad_(False)
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    layer.train()(torch.randn(20, 16), Packing.of(torch.ones(5, 4, dtype=torch.bool)))
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
