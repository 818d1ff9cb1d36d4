"""A layer of Kolmogorov and Arnold: a learned curve on each edge (Liu et al., arXiv:2404.19756)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.auxiliary import Penalised
from thesis_arch.kan.config import KanConfig
from thesis_arch.kan.grid_update import fitted_grid, refitted
from thesis_arch.kan.splines import Grid, spline_basis

_SPREAD = 0.3  # of the first coefficients: the splines work from the start
_NO_EDGE = 1e-8  # size of an edge without splines: the slope of the entropy is infinite at 0


class KanLinear(Penalised):
    """y_o = sum_i w_oi SiLU(x_i) + s_oi sum_b c_obi B_b(x_i).

    Parameters
    ----------
    in_features, out_features : int
        Sizes of the last axis.
    config : KanConfig
        Grid and penalty.
    """

    start: Tensor
    step: Tensor
    passes: Tensor

    def __init__(self, in_features: int, out_features: int, config: KanConfig) -> None:
        super().__init__()
        self.config = config
        low, high = config.grid_range
        self.register_buffer("start", torch.full((in_features,), low))
        self.register_buffer("step", torch.full((in_features,), (high - low) / config.grid_size))
        self.register_buffer("passes", torch.zeros((), dtype=torch.int64))
        bound = in_features**-0.5
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-bound, bound))
        self.scale = nn.Parameter(torch.full((out_features, in_features), bound))
        n_basis = self.grid.n_basis
        self.coefficients = nn.Parameter(_SPREAD * torch.randn(out_features, n_basis, in_features))

    @property
    def grid(self) -> Grid:
        """Where the splines are now."""
        return Grid(self.start, self.step, self.config.grid_size, self.config.spline_order)

    def forward(self, x: Tensor, n_valid: int | None = None) -> Tensor:
        """[N, in] -> [N, out].

        Parameters
        ----------
        x : Tensor
            Whatever else is before the last axis is kept.
        n_valid : int or None
            How many of the first rows the grid may be fitted to; None: all.
        """
        rows = x.flatten(0, -2).to(self.weight.dtype)
        moves = self.coefficients.requires_grad  # not while they are frozen
        if self.training and moves and self.config.grid_update_freq:
            self._count_pass(rows.detach()[:n_valid])
        basis = spline_basis(rows, self.grid).flatten(1)
        splines = functional.linear(basis, self._spline_weights().flatten(1))
        out = functional.linear(functional.silu(rows), self.weight) + splines
        return out.unflatten(0, x.shape[:-1])

    @torch.no_grad()
    def curves(self, x: Tensor) -> Tensor:
        """Each edge as a function of its input. [n] -> [n, in, out]."""
        columns = x[:, None].expand(-1, len(self.start)).contiguous()
        basis = spline_basis(columns, self.grid)
        splines = torch.einsum("nbi,obi->nio", basis, self._spline_weights())
        return functional.silu(x)[:, None, None] * self.weight.t() + splines

    def take_penalty(self) -> Tensor | None:
        """L1 norm and entropy of the edges, an edge's size being its mean absolute coefficient."""
        if not self.config.spline_regularization_weight:
            return None
        edges = self._spline_weights().abs().mean(1) + _NO_EDGE
        total = edges.sum()
        entropy = torch.special.entr(edges / total).sum()
        return self.config.spline_regularization_weight * (total + entropy)

    def _spline_weights(self) -> Tensor:
        return self.scale[:, None] * self.coefficients

    @torch.no_grad()
    def _count_pass(self, rows: Tensor) -> None:
        self.passes += 1
        if len(rows) == 0 or int(self.passes) % self.config.grid_update_freq:
            return
        grid = fitted_grid(rows, self.grid)
        self.coefficients.copy_(refitted(self.coefficients, rows, self.grid, grid))
        self.start.copy_(grid.start)
        self.step.copy_(grid.step)
