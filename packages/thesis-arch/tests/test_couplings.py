"""Couplings against the table and the formulas, by hand."""

import math

import pytest
import torch

from thesis_arch.physics.couplings import (
    alpha_electric,
    alpha_strong,
    fixed_couplings,
    running_couplings,
    running_factors,
    uncoupled,
)

# padding, jet, b jet, e+, e-, mu+, mu-, photon; None: no coupling
_ = None
TABLE = [
    [0, 0, 0, 0, 0, 0, 0, 0],
    [0, 1.22, 1.22, _, _, _, _, 0.155],
    [0, 1.22, 1.22, _, _, _, _, 0.31 / 3],
    [0, _, _, _, 0.758, _, _, 0.31],
    [0, _, _, 0.758, _, _, _, 0.31],
    [0, _, _, _, _, _, 0.758, 0.31],
    [0, _, _, _, _, 0.758, _, 0.31],
    [0, 0.155, 0.31 / 3, 0.31, 0.31, 0.31, 0.31, _],
]


@pytest.mark.parametrize("mask_value", [-100.0, -5.0, 0.0])
def test_fixed_couplings_are_the_table(mask_value):
    expected = torch.tensor([[mask_value if c is None else c for c in row] for row in TABLE])
    torch.testing.assert_close(fixed_couplings("fixed_coupling", mask_value), expected)
    binary = torch.tensor(
        [[mask_value if c is None else float(c > 0) for c in row] for row in TABLE]
    )
    torch.testing.assert_close(fixed_couplings("binary", mask_value), binary)


def test_running_couplings_of_all_pairs():
    scale = 30.0
    strong, electric = (float(g) for g in running_couplings(torch.tensor(scale)))
    assert strong == pytest.approx(
        math.sqrt(4 * math.pi * float(alpha_strong(torch.tensor(scale))))
    )
    to_z = electric / math.sqrt(4 * math.pi / 127.5)  # by how much it runs
    values = {1.22: strong, 0.155: electric / 2, 0.31 / 3: electric / 3, 0.31: electric}
    values |= {0.758: 0.758 * to_z, 0: 0.0, None: -7.0}
    expected = torch.tensor([[values[c] for c in row] for row in TABLE])
    found = (running_factors() * running_couplings(torch.tensor(scale))).sum(-1) - 7 * uncoupled()
    torch.testing.assert_close(found, expected)


# With m_Z = 91.1876 GeV: ln(Q²/m_Z²) is -3.034373 at 20 GeV and 2.381727 at 300 GeV.
@pytest.mark.parametrize(
    ("scale", "strong", "electric"),
    [
        # 0.118 / (1 + 0.118 · 23/(12π) · L), (1/127.5) / (1 - (1/127.5) · (20/3)/(3π) · L)
        (20.0, 0.118 / (1 - 0.118 * 0.610093 * 3.034373), 1 / (127.5 + 0.707355 * 3.034373)),
        (91.1876, 0.118, 1 / 127.5),
        # beyond the top quark: 21/(12π) and 8/(3π)
        (300.0, 0.118 / (1 + 0.118 * 0.557042 * 2.381727), 1 / (127.5 - 0.848826 * 2.381727)),
    ],
)
def test_couplings_run(scale, strong, electric):
    scale = torch.tensor([scale], dtype=torch.float64)
    assert float(alpha_strong(scale)) == pytest.approx(strong, rel=1e-5)
    assert float(alpha_electric(scale)) == pytest.approx(electric, rel=1e-5)


def test_strong_coupling_falls_and_electric_one_rises():
    scale = torch.linspace(5, 170, 50)
    assert (alpha_strong(scale).diff() < 0).all()
    assert (alpha_electric(scale).diff() > 0).all()


def test_couplings_are_finite_at_any_scale():
    g = running_couplings(torch.tensor([0.0, 1e-3, 0.088, 1.0, 1e5]))
    assert torch.isfinite(g).all()
    assert (g > 0).all()
