"""Move the grid of splines to where the values are, and keep the curves."""

from dataclasses import replace

import torch
from torch import Tensor

from thesis_arch.kan.splines import Grid, spline_basis

_TAIL = 0.01  # share of the values left out on each side of the grid; its splines reach further
_SMALLEST = 1e-3  # a grid does not get shorter than this share of its length at once
_PULL = 1e-3  # towards the old curve, where there are few values


def fitted_grid(x: Tensor, grid: Grid) -> Grid:
    """A uniform grid from a low to a high quantile of each feature [N, in]."""
    ordered = x.sort(dim=0).values
    last = len(x) - 1
    low, high = (ordered[round(share * last)] for share in (_TAIL, 1 - _TAIL))
    step = (high - low) / grid.size
    spread_out = step > _SMALLEST * grid.step  # a feature that hardly changes keeps its grid
    return replace(
        grid,
        start=torch.where(spread_out, low, grid.start),
        step=torch.where(spread_out, step, grid.step),
    )


def refitted(coefficients: Tensor, x: Tensor, old: Grid, new: Grid) -> Tensor:
    """Coefficients on a new grid whose curves are nearest to the old ones.

    Least squares at the values `x`. Where none are, the fit is held by the coefficient that a
    spline would have if the curve were straight there: its value at the spline's centre.

    Parameters
    ----------
    coefficients : Tensor
        [out, n_basis, in].
    x : Tensor
        [N, in].
    old, new : Grid
        Both with the same number of splines.
    """
    curves = coefficients.double().permute(2, 1, 0)  # [in, n_basis, out]
    at_x_new = spline_basis(x, new).double().permute(2, 0, 1)
    at_x_old = spline_basis(x, old).double().permute(2, 0, 1)
    at_centres = spline_basis(new.centres(), old).double().permute(2, 0, 1)
    gram = at_x_new.transpose(1, 2) @ at_x_new
    target = at_x_new.transpose(1, 2) @ at_x_old @ curves
    pull = _PULL * gram.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
    pull = pull.clamp_min(torch.finfo(x.dtype).tiny)
    gram = gram + pull * torch.eye(new.n_basis, dtype=gram.dtype, device=gram.device)
    fitted = torch.linalg.solve(gram, target + pull * (at_centres @ curves))
    return fitted.permute(2, 1, 0).to(coefficients.dtype)
