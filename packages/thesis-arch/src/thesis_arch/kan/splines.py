"""B-splines on uniform grids, each feature with its own.

A grid of G intervals goes on for k intervals on both sides, so that G + k splines of degree k sum
to one inside it; outside they fade, and are zero beyond the last interval.
"""

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


# Numbers in a temporary, a row of them for each spline: what stays in a core's cache. In one piece
# the recursion is three times slower.
_CHUNK = 16_384


class _SplineBasis(torch.autograd.Function):
    """Recursion of Cox and de Boor; the derivative comes from its last step but one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, grid: Grid) -> Tensor:
        n, width = x.shape
        basis = x.new_empty(n, grid.n_basis, width)
        slope = torch.empty_like(basis)
        rows = max(1, _CHUNK // width)
        for here in (slice(at, at + rows) for at in range(0, n, rows)):
            position = (x[here] - grid.start) / grid.step + grid.order
            values, lower = _recursion(position.flatten(), grid)
            basis[here] = values.unflatten(1, (-1, width)).transpose(0, 1)
            lower = lower.unflatten(1, (-1, width)).transpose(0, 1)
            torch.sub(lower[:, :-1], lower[:, 1:], out=slope[here])
        ctx.save_for_backward(slope, grid.step)
        return basis

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        slope, step = ctx.saved_tensors
        return (gradient * slope).sum(1) / step, None


def _recursion(position: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """Splines of degree k [n_basis, M] and k - 1 [n_basis + 1, M] at positions [M] in steps."""
    n_knots = grid.n_basis + grid.order
    since = position - torch.arange(n_knots, dtype=position.dtype, device=position.device)[:, None]
    values = lower = (since.floor() == 0).to(position.dtype)
    for degree in range(1, grid.order + 1):
        lower = values
        since = since[:-1]
        values = since * lower[:-1]
        values.addcmul_((degree + 1) - since, lower[1:]).div_(degree)
    return values, lower
