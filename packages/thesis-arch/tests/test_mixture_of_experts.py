"""Mixture of experts against a loop over tokens."""

import copy

import pytest
import torch
from torch import Tensor, nn

from small_models import random_events
from thesis_arch.auxiliary import auxiliary_loss
from thesis_arch.mixture_of_experts import MixtureOfExperts, Routes, build_mixture, load_balance
from thesis_arch.packing import Packing, with_spare_rows
from thesis_arch.transformer_classifier.config import MoeConfig
from thesis_arch.transformer_classifier.feed_forward.standard import StandardFeedForward

DIM = 16


def config(**changes) -> MoeConfig:
    return MoeConfig.model_validate(
        {
            "enabled": True,
            "num_experts": 4,
            "top_k": 1,
            "routing_level": "token",
            "scope": "all_blocks",
            "load_balance_loss_weight": 0.01,
            "noisy_gating": False,
        }
        | changes
    )


def expert() -> nn.Module:
    return StandardFeedForward(DIM, 24, dropout=0.0)


def mixture(**changes) -> MixtureOfExperts:
    torch.manual_seed(0)
    built = build_mixture(DIM, expert, config(**changes))
    assert isinstance(built, MixtureOfExperts)
    return built


@pytest.fixture
def packing() -> Packing:
    return Packing.of(random_events(12, 7).mask)


@pytest.fixture
def tokens(packing: Packing) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(len(packing.index), DIM)


def by_loop(model: MixtureOfExperts, seen: Tensor, tokens: Tensor) -> Tensor:
    """One token after the other; the router looks at `seen`."""
    rows = []
    for look, token in zip(seen, tokens, strict=True):
        p = (model.router.weight @ look).softmax(0)
        best = p.argsort(descending=True)[: model.config.top_k]
        rows.append(sum(p[e] * model.experts[e](token[None])[0] for e in best.tolist()))
    return torch.stack(rows)


def event_means(tokens: Tensor, packing: Packing) -> Tensor:
    event = packing.index // packing.mask.shape[1]
    return torch.stack([tokens[event == e].mean(0) for e in event])


@pytest.mark.parametrize("level", ["token", "event"])
@pytest.mark.parametrize("top_k", [1, 2, 4])
def test_equals_a_loop_over_tokens_with_its_gradients(top_k, level, packing, tokens):
    model = mixture(top_k=top_k, routing_level=level)
    x = tokens.clone().requires_grad_()
    found = model(with_spare_rows(x), packing)[: len(x)]
    y = tokens.clone().requires_grad_()
    expected = by_loop(model, y if level == "token" else event_means(y, packing), y)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    weights = torch.randn_like(found)
    found_grads = torch.autograd.grad((found * weights).sum(), [x, *model.parameters()])
    expected_grads = torch.autograd.grad(
        (expected * weights).sum(), [y, *model.parameters()], materialize_grads=True
    )
    for ours, theirs in zip(found_grads, expected_grads, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_one_expert_is_the_plain_feed_forward(packing, tokens):
    torch.manual_seed(3)
    plain = expert()
    x = with_spare_rows(tokens)
    alone = MixtureOfExperts(DIM, [plain], config(num_experts=1))
    torch.testing.assert_close(alone(x, packing)[: len(tokens)], plain(tokens))
    built = build_mixture(DIM, expert, config(num_experts=1))
    assert not any("router" in name for name, _ in built.named_parameters())
    built.load_state_dict(plain.state_dict())
    torch.testing.assert_close(built(x, packing), plain(x))


def test_without_a_packing_each_row_is_an_event(tokens):
    model = mixture(routing_level="event")
    torch.testing.assert_close(model(tokens), by_loop(model, tokens, tokens))


def test_all_tokens_of_an_event_share_their_experts_if_routed_by_event(packing, tokens):
    event = packing.index // packing.mask.shape[1]
    alike = {}
    for level in ("event", "token"):
        routes = mixture(routing_level=level, top_k=2).route(tokens, packing)
        alike[level] = all(len(routes.experts[event == e].unique(dim=0)) == 1 for e in event)
    assert alike == {"event": True, "token": False}


def test_events_are_routed_without_each_other(packing, tokens):
    model = mixture(routing_level="event", top_k=2)
    n_first = int(packing.mask[:5].sum())
    alone = model(tokens[:n_first], Packing.of(packing.mask[:5]))
    torch.testing.assert_close(alone, model(tokens, packing)[:n_first], rtol=1e-5, atol=1e-6)


def test_load_balance_equals_its_formula():
    routes = Routes(
        torch.tensor([[0.5, 0.3, 0.2], [0.6, 0.1, 0.3], [0.1, 0.8, 0.1], [0.7, 0.2, 0.1]]),
        torch.tensor([[0, 1], [0, 2], [1, 0], [0, 1]]),
    )
    shares, means = [4 / 8, 3 / 8, 1 / 8], [1.9 / 4, 1.4 / 4, 0.7 / 4]
    expected = 3 * sum(f * p for f, p in zip(shares, means, strict=True))
    assert float(load_balance(routes)) == pytest.approx(expected, rel=1e-6)


def test_load_balance_is_one_for_equal_use_and_the_number_of_experts_for_a_single_one():
    equal = Routes(torch.full((8, 4), 0.25), torch.arange(8)[:, None] % 4)
    single = Routes(torch.eye(4)[[2] * 8], torch.full((8, 1), 2))
    assert float(load_balance(equal)) == pytest.approx(1)
    assert float(load_balance(single)) == pytest.approx(4)
    empty = Routes(torch.zeros(0, 4), torch.zeros(0, 1, dtype=torch.int64))
    assert float(load_balance(empty)) == 0


@pytest.mark.parametrize("level", ["token", "event"])
def test_spare_rows_count_nowhere(level, packing, tokens):
    model = mixture(routing_level=level).train()
    model(tokens, packing)
    expected = auxiliary_loss(model)
    spare = torch.cat([tokens, 1e3 * torch.randn(30, DIM)])
    out = model(spare, packing)
    torch.testing.assert_close(auxiliary_loss(model), expected)
    torch.testing.assert_close(out[: len(tokens)], model(tokens, packing))
    assert (out[len(tokens) :] == 0).all()
    assert len(model.route(spare, packing).experts) == len(tokens)


@pytest.mark.parametrize("top_k", [1, 2])
@pytest.mark.parametrize("noisy_gating", [False, True])
def test_the_task_alone_reaches_the_router(noisy_gating, top_k, packing, tokens):
    model = mixture(
        top_k=top_k, noisy_gating=noisy_gating, load_balance_loss_weight=0.0
    ).train()  # fmt: skip
    model(tokens, packing).square().mean().backward()
    assert auxiliary_loss(model) is None
    dead = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert dead == []


def test_the_task_alone_teaches_the_router():
    """Two experts that are right on one half each: the router has to learn which."""
    torch.manual_seed(0)
    experts = [nn.Linear(2, 1, bias=False) for _ in range(2)]
    for sign, linear in zip((1.0, -1.0), experts, strict=True):
        linear.weight.data.copy_(torch.tensor([[0.0, sign]]))
        linear.requires_grad_(False)
    model = MixtureOfExperts(2, experts, config(num_experts=2, load_balance_loss_weight=0.0))
    optimiser = torch.optim.Adam(model.router.parameters(), lr=0.1)
    for _ in range(200):
        x = torch.randn(256, 2)
        loss = (model(x)[:, 0] - x[:, 1] * x[:, 0].sign()).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    x = torch.randn(1000, 2)
    right = model.route(x).experts[:, 0] == (x[:, 0] < 0)
    assert float(right.double().mean()) > 0.97


def test_load_balance_evens_out_the_use(tokens):
    model = mixture(load_balance_loss_weight=1.0).train()
    model.router.weight.data[0] += 0.5
    x = tokens + 1.0
    optimiser = torch.optim.Adam(model.router.parameters(), lr=0.01)

    def largest_share() -> float:
        return float(model.route(x).experts.flatten().bincount(minlength=4).max() / len(x))

    before = largest_share()
    for _ in range(100):
        model(x)
        optimiser.zero_grad()
        auxiliary_loss(model).backward()
        optimiser.step()
    assert before > 0.9
    assert largest_share() < 0.5


def test_noise_acts_in_training_alone(packing, tokens):
    model = mixture(noisy_gating=True).train()
    assert not torch.equal(model(tokens, packing), model(tokens, packing))
    model.eval()
    quiet = model(tokens, packing)
    assert torch.equal(quiet, model(tokens, packing))
    torch.testing.assert_close(quiet, by_loop(model, tokens, tokens), rtol=1e-5, atol=1e-6)


def test_noise_has_the_learned_size(tokens):
    model = mixture(noisy_gating=True, num_experts=2).train()
    torch.nn.init.normal_(model.noise.weight)
    with torch.no_grad():
        draws = torch.stack([model.route(tokens).probabilities for _ in range(4000)])
        logits = draws.log().diff(dim=2)[..., 0]
        expected = nn.functional.softplus(model.noise(tokens)).square().sum(1).sqrt()
    torch.testing.assert_close(logits.std(0), expected, rtol=0.07, atol=0.0)


def test_a_penalty_is_given_once_and_by_training_alone(packing, tokens):
    model = mixture().train()
    stack = nn.Sequential(model, mixture().train())
    model(tokens, packing)
    assert auxiliary_loss(stack) is not None
    assert auxiliary_loss(stack) is None
    model.eval()
    model(tokens, packing)
    assert auxiliary_loss(stack) is None


def test_copies_and_checkpoints_hold_no_graph(packing, tokens, tmp_path):
    model = mixture().train()
    out = model(tokens, packing)
    twin = copy.deepcopy(model)
    assert auxiliary_loss(twin) is None
    assert set(model.state_dict()) == set(dict(model.named_parameters()))
    torch.save(model, tmp_path / "model.pt")
    (out.sum() + auxiliary_loss(model)).backward()
    model(tokens, packing)
    auxiliary_loss(model).backward()  # a new graph: the old one is not gone through again


@pytest.mark.parametrize("top_k", [1, 3])
def test_autocast_is_near_and_leaves_the_choice_alone(top_k, packing, tokens):
    model = mixture(top_k=top_k)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(tokens, packing)
        choice = model.route(tokens, packing).experts
    assert found.dtype == torch.float32
    assert torch.equal(choice, model.route(tokens, packing).experts)
    torch.testing.assert_close(found, model(tokens, packing), rtol=0.05, atol=0.02)


def test_no_token_at_all(packing):
    empty = Packing.of(torch.zeros(3, 5, dtype=torch.bool))
    for level in ("token", "event"):
        model = mixture(routing_level=level).train()
        out = model(torch.zeros(0, DIM), empty)
        assert out.shape == (0, DIM)
        (out.sum() + auxiliary_loss(model)).backward()
        assert all(torch.isfinite(p.grad).all() for p in model.parameters())
