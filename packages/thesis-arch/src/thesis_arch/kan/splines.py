"""B-splines on uniform grids, each feature with its own.

A grid of G intervals goes on for k intervals on both sides, so that G + k splines of degree k sum
to one inside it; outside they fade, and are zero beyond the last interval.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


@dataclass(frozen=True)
class Grid:
    """Where the splines of each feature are.

    Attributes
    ----------
    start, step : Tensor
        [in] beginning of the grid, and length of an interval.
    size : int
        Intervals, G.
    order : int
        Degree of the pieces, k.
    """

    start: Tensor
    step: Tensor
    size: int
    order: int

    @property
    def n_basis(self) -> int:
        """Splines of a feature."""
        return self.size + self.order

    @property
    def end(self) -> Tensor:
        """[in] end of the grid."""
        return self.start + self.size * self.step

    def knots(self) -> Tensor:
        """[n_basis + k + 1, in], rising."""
        numbers = torch.arange(self.n_basis + self.order + 1, device=self.start.device)
        return self.start + (numbers[:, None] - self.order) * self.step

    def centres(self) -> Tensor:
        """[n_basis, in] where each spline is highest."""
        knots = self.knots()
        return (knots[: self.n_basis] + knots[self.order + 1 :]) / 2


def spline_basis(x: Tensor, grid: Grid) -> Tensor:
    """Values of all splines of each feature. [N, in] -> [N, n_basis, in]."""
    return _SplineBasis.apply(x, grid)


class _SplineBasis(torch.autograd.Function):
    """Recursion of Cox and de Boor; the derivative comes from its last step but one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, grid: Grid) -> Tensor:
        basis = x.new_empty(len(x), grid.n_basis, x.shape[1])
        slope = torch.empty_like(basis)
        per_unit = 1 / grid.step
        for here in _pieces(x):
            position = (x[here] - grid.start) * per_unit + grid.order
            values, lower = _recursion(position.flatten(), grid)
            basis[here] = _by_row(values, position)
            torch.sub(_by_row(lower[:-1], position), _by_row(lower[1:], position), out=slope[here])
        ctx.save_for_backward(slope, per_unit * grid.order)
        return basis

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        slope, factor = ctx.saved_tensors
        result = slope.new_empty(len(slope), slope.shape[2])
        for here in _pieces(result):
            torch.sum(gradient[here] * slope[here], 1, out=result[here])
        return result.mul_(factor), None


def _recursion(position: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """Splines of degree k [n_basis, M], and of k - 1 [n_basis + 1, M] divided by k.

    Positions [M] are in steps from the first knot. Degree d comes from d - 1 by
    d B_i(x) = (x - i) B_i(x) + (i + d + 1 - x) B_{i+1}(x); all divisions are done at the start.
    """
    n = grid.n_basis + grid.order
    numbers = torch.arange(n + 1, dtype=position.dtype, device=position.device)[:, None]
    since = position - numbers
    # 1 in the interval of x, 0 elsewhere; a comparison would take four times as long.
    values = (position.floor() - numbers[:n]).abs_().neg_().add_(1).clamp_(min=0)
    values.div_(math.factorial(grid.order))
    lower = values
    for degree in range(1, grid.order + 1):
        lower = values
        n -= 1
        values = since[:n] * lower[:-1]
        values.addcmul_(since[degree + 1 : degree + 1 + n], lower[1:], value=-1)
    return values, lower


# Numbers in a temporary, a row of them for each spline: what stays in a CPU core's cache. In one
# piece the recursion is three times slower.
_CHUNK = 16_384


def _pieces(x: Tensor) -> Iterator[slice]:
    """Some rows of [N, in] after the other; on GPUs all at once."""
    rows = max(1, _CHUNK // x.shape[1] if x.device.type == "cpu" else len(x))
    return (slice(at, at + rows) for at in range(0, len(x), rows))


def _by_row(values: Tensor, piece: Tensor) -> Tensor:
    """[n, rows * in] -> [rows, n, in]."""
    return values.view(-1, *piece.shape).transpose(0, 1)
