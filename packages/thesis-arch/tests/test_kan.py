"""Kolmogorov-Arnold layers against scipy's B-splines."""

import copy

import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from thesis_arch.auxiliary import auxiliary_loss
from thesis_arch.kan.config import KanConfig
from thesis_arch.kan.layer import KanLinear
from thesis_arch.kan.splines import Grid, spline_basis

WIDE = torch.linspace(-9, 9, 1801, dtype=torch.float64)


def config(**changes) -> KanConfig:
    return KanConfig.model_validate(
        {
            "grid_size": 5,
            "spline_order": 3,
            "grid_range": (-2.0, 2.0),
            "spline_regularization_weight": 0.0,
            "grid_update_freq": 0,
        }
        | changes
    )


def grid(order: int, size: int = 5, n_features: int = 2, dtype=torch.float64) -> Grid:
    start = torch.linspace(-2, -1, n_features, dtype=dtype)
    step = torch.linspace(0.8, 0.3, n_features, dtype=dtype)
    return Grid(start, step, size, order)


def scipy_value(knots: np.ndarray, coefficients: np.ndarray, order: int, x: np.ndarray):
    """Sum of basis elements, each zero outside its own knots."""
    total = np.zeros_like(x)
    for i, factor in enumerate(coefficients):
        element = BSpline.basis_element(knots[i : i + order + 2], extrapolate=False)
        total += factor * np.nan_to_num(element(x))
    return total


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_splines_equal_scipys_inside_and_outside_the_grid(order):
    ours = grid(order)
    basis = spline_basis(WIDE[:, None].expand(-1, 2).contiguous(), ours)
    knots = ours.knots().numpy()
    for feature in range(2):
        for number, one_hot in enumerate(np.eye(ours.n_basis)):
            expected = scipy_value(knots[:, feature], one_hot, order, WIDE.numpy())
            np.testing.assert_allclose(basis[:, number, feature], expected, atol=1e-12)


@pytest.mark.parametrize("n_rows", [1, 4000])
def test_the_gradient_of_splines_is_that_of_scipys(n_rows):
    ours = grid(3)
    x = torch.empty(n_rows, 2, dtype=torch.float64).uniform_(-6, 6).requires_grad_()
    factors = torch.randn(ours.n_basis, 2, dtype=torch.float64)
    (spline_basis(x, ours) * factors).sum().backward()
    for feature in range(2):
        knots, found = ours.knots()[:, feature].numpy(), x.detach()[:, feature].numpy()
        expected = np.zeros(n_rows)
        for i, factor in enumerate(factors[:, feature].numpy()):
            element = BSpline.basis_element(knots[i : i + 5], extrapolate=False).derivative()
            expected += factor * np.nan_to_num(element(found))
        np.testing.assert_allclose(x.grad[:, feature], expected, atol=1e-10)


def test_layer_equals_its_formula():
    torch.manual_seed(0)
    layer = KanLinear(3, 2, config()).double()
    layer.start.sub_(torch.tensor([0.0, 0.5, 1.0]))
    x = 3 * torch.randn(50, 3, dtype=torch.float64)
    knots = layer.grid.knots().numpy()
    expected = np.zeros((50, 2))
    weight, scale, coefficients = (
        p.detach().numpy() for p in (layer.weight, layer.scale, layer.coefficients)
    )
    for o in range(2):
        for i in range(3):
            values = x[:, i].numpy()
            expected[:, o] += weight[o, i] * values / (1 + np.exp(-values))
            curve = scipy_value(knots[:, i], coefficients[o, :, i], 3, values)
            expected[:, o] += scale[o, i] * curve
    np.testing.assert_allclose(layer(x).detach(), expected, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(layer(x.view(5, 10, 3)), layer(x).view(5, 10, 2))


def test_curves_add_up_to_the_layer():
    layer = KanLinear(3, 2, config())
    x = torch.linspace(-5, 5, 40)
    summed = layer.curves(x).sum(1)
    torch.testing.assert_close(summed, layer(x[:, None].expand(-1, 3)), rtol=1e-5, atol=1e-6)


def test_far_values_leave_the_splines_alone_and_stay_finite():
    layer = KanLinear(3, 2, config())
    x = torch.full((4, 3), 1e6, requires_grad=True)
    base = torch.nn.functional.linear(torch.nn.functional.silu(x), layer.weight)
    torch.testing.assert_close(layer(x), base)
    layer(x).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in (x, *layer.parameters()))


def test_the_splines_work_from_the_start():
    """Their part of what a fresh layer gives is of the size of the other."""
    torch.manual_seed(0)
    layer = KanLinear(64, 64, config())
    x = torch.randn(500, 64)
    base = torch.nn.functional.linear(torch.nn.functional.silu(x), layer.weight)
    splines = layer(x) - base
    assert 0.2 < float((splines.std() / base.std()).detach()) < 5
    layer(x).square().mean().backward()
    assert (layer.coefficients.grad.abs().sum((0, 2)) > 0).all()
    assert (layer.scale.grad != 0).all()


def test_a_layer_learns_a_curve_that_silu_alone_can_not():
    torch.manual_seed(0)
    layer = KanLinear(1, 1, config())
    x = torch.linspace(-2, 2, 200)[:, None]
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.05)
    for _ in range(300):
        optimiser.zero_grad()
        loss = (layer(x) - torch.sin(3 * x)).square().mean()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_autocast_is_near(dtype):
    layer = KanLinear(16, 8, config())
    x = torch.randn(32, 16).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = layer(x)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), layer(x.float()), rtol=0.05, atol=0.05)


@torch.no_grad()
def penalty(layer: KanLinear) -> float:
    """The formula edge by edge."""
    sizes = [
        float((layer.scale[o, i] * layer.coefficients[o, :, i]).abs().mean())
        for o in range(layer.scale.shape[0])
        for i in range(layer.scale.shape[1])
    ]
    total = sum(sizes)
    return total - sum(size / total * np.log(size / total) for size in sizes)


def test_regularisation_equals_its_formula_and_reaches_all_coefficients():
    layer = KanLinear(4, 3, config(spline_regularization_weight=0.1))
    model = torch.nn.Sequential(layer, torch.nn.Linear(3, 2))
    loss = auxiliary_loss(model)
    assert loss is not None
    assert float(loss.detach()) == pytest.approx(0.1 * penalty(layer), rel=1e-5)
    loss.backward()
    assert (layer.coefficients.grad != 0).all()
    assert (layer.scale.grad != 0).all()
    assert layer.weight.grad is None


def test_no_penalty_where_none_is_asked_for():
    assert auxiliary_loss(KanLinear(4, 3, config())) is None


def test_regularisation_of_a_layer_at_zero_is_finite():
    layer = KanLinear(4, 3, config(spline_regularization_weight=0.1))
    torch.nn.init.zeros_(layer.coefficients)
    loss = layer.take_penalty()
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(layer.coefficients.grad).all()


def moved(shift: float = 1.0, n_rows: int = 2000, **changes) -> tuple[KanLinear, torch.Tensor]:
    torch.manual_seed(0)
    layer = KanLinear(2, 3, config(grid_update_freq=2, **changes)).train()
    # Smooth curves: those of a grid that was fitted to other values.
    smooth = torch.sin(layer.grid.centres().t()[None] * 0.7).transpose(1, 2)
    layer.coefficients.data.copy_(smooth.expand_as(layer.coefficients))
    return layer, 0.8 * torch.randn(n_rows, 2) + shift


def test_an_update_of_the_grid_follows_the_values_and_keeps_the_curves():
    layer, x = moved()
    before = copy.deepcopy(layer).eval()(x)
    layer(x)
    assert (layer.start == -2).all()
    after = layer(x)
    low, high = x.quantile(0.01, dim=0), x.quantile(0.99, dim=0)
    torch.testing.assert_close(layer.start, low, rtol=0, atol=0.02)
    torch.testing.assert_close(layer.start + 5 * layer.step, high, rtol=0, atol=0.02)
    changes = (after - before) / before.std()
    assert float(changes.detach().square().mean().sqrt()) < 0.02


def test_an_update_to_a_wild_distribution_stays_finite_and_near():
    layer, x = moved(n_rows=300)
    x = torch.cat([x, torch.tensor([[50.0, -80.0]])])
    before = copy.deepcopy(layer).eval()(x)
    layer(x)
    after = layer(x)
    assert torch.isfinite(layer.coefficients).all()
    assert float(layer.coefficients.detach().abs().max()) < 3
    torch.testing.assert_close(after, before, rtol=0, atol=0.1 * float(before.detach().std()))


def test_a_constant_feature_and_spare_rows_do_not_move_the_grid():
    layer, x = moved()
    x[:, 1] = 0.7
    spare = torch.cat([x, torch.full((500, 2), 100.0)])
    for _ in range(2):
        layer(spare, n_valid=len(x))
    assert layer.start[1] == -2
    assert layer.start[0] + 5 * layer.step[0] < 4
    for rows in (x[:1], x[:0]):
        state = copy.deepcopy(layer.state_dict())
        for _ in range(2):
            layer(rows)
        torch.testing.assert_close(layer.start, state["start"])


def test_evaluation_never_moves_the_grid():
    layer, x = moved()
    layer.eval()
    for _ in range(4):
        layer(x)
    assert (layer.start == -2).all()
    assert int(layer.passes) == 0


def test_a_loaded_layer_goes_on_as_the_saved_one():
    layer, x = moved()
    layer(x)
    other = KanLinear(2, 3, layer.config).train()
    other.load_state_dict(layer.state_dict())
    assert torch.equal(layer(x), other(x))
    assert torch.equal(layer.start, other.start)
    assert (layer.start != -2).all()


def test_gradients_reach_all_after_an_update():
    layer, x = moved()
    layer(x)
    layer(x).square().mean().backward()
    assert all((p.grad != 0).any() for p in layer.parameters())
