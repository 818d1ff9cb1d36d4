"""Vectors that stand for objects, follow them, and stay in use."""

import torch
import torch.distributed as dist
from torch import Tensor, nn

_KMEANS_ROUNDS = 10
_SMOOTHING = 1e-5  # objects that every code is given, so that none divides by 0


class Codebook(nn.Module):
    """Codes, each near the objects whose nearest it is.

    The first training objects place them by k-means. From then on each is the mean of its
    objects, in a moving average over batches (van den Oord et al., arXiv:1711.00937, appendix A),
    or learns by gradient. One that stands for too few is put on an object of the batch (Williams
    et al., arXiv:2002.08111). The same vectors are on all ranks.

    This is what vector-quantize-pytorch computes, without its [n, size] matrices of zeros and ones:
    they took most of the time of a training step.

    Parameters
    ----------
    size, width : int
        How many codes, and numbers of each.
    decay : float
        Of the moving averages, per batch.
    dead_below : float
        A code that stands for fewer objects than this share of the mean over all codes is dead.
    learned : bool
        The codes are parameters; else they are moving averages.
    """

    vectors: Tensor
    sums: Tensor
    counts: Tensor
    placed: Tensor

    def __init__(
        self, size: int, width: int, decay: float, dead_below: float, *, learned: bool
    ) -> None:
        super().__init__()
        self.decay, self.dead_below, self.learned = decay, dead_below, learned
        vectors = torch.zeros(size, width)
        if learned:
            self.vectors = nn.Parameter(vectors)
        else:
            self.register_buffer("vectors", vectors)
        self.register_buffer("sums", torch.zeros(size, width))
        self.register_buffer("counts", torch.zeros(size))
        self.register_buffer("placed", torch.tensor(False))

    def nearest(self, x: Tensor) -> Tensor:
        """[n, width] -> [n] the code with the smallest distance."""
        vectors = self.vectors.detach()
        half = vectors.square().sum(1) / 2  # |x - v|² / 2 but for |x|² / 2, which is common
        return torch.addmm(half, x, vectors.T, alpha=-1).argmin(1)

    @torch.no_grad()
    def place(self, x: Tensor) -> None:
        """Put the codes where the objects [n, width] are, if they are nowhere yet."""
        if self.placed:
            return
        if len(x):
            self.vectors.copy_(_drawn(x, len(self.vectors)))
            for _ in range(_KMEANS_ROUNDS):
                sums, counts = self._assigned(x, self.nearest(x))
                means = sums / counts[:, None].clamp_min(1)
                self.vectors.copy_(torch.where(counts[:, None] > 0, means, self.vectors))
                self.sums.copy_(self.vectors * counts[:, None])
                self.counts.copy_(counts)
            self.placed.fill_(True)
        for values in (self.vectors, self.sums, self.counts, self.placed):
            _same_on_all_ranks(values)

    @torch.no_grad()
    def follow(self, x: Tensor, index: Tensor) -> None:
        """Move the codes towards the objects [n, width] that they [n] stand for."""
        if not self.placed:  # the same on all ranks
            return
        sums, counts = self._assigned(x, index)
        for values in (sums, counts):
            _sum_over_ranks(values)
        self.sums.lerp_(sums, 1 - self.decay)
        self.counts.lerp_(counts, 1 - self.decay)
        if not self.learned:
            total = self.counts.sum()
            shares = (self.counts + _SMOOTHING) / (total + len(self.counts) * _SMOOTHING)
            means = self.sums / (shares * total)[:, None]
            is_known = self.counts[:, None] > _SMOOTHING  # an unused code stays where it is
            self.vectors.copy_(torch.where(is_known, means, self.vectors))
        self._revive(x)

    def _revive(self, x: Tensor) -> None:
        mean = self.counts.mean()
        dead = (self.counts < self.dead_below * mean).nonzero().squeeze(1)
        if not len(dead):  # the same on all ranks, as the counts are
            return
        if len(x):
            vectors = _drawn(x, len(dead))
            self.vectors[dead] = vectors
            self.sums[dead] = vectors * mean  # as of an ordinary code: else it died at once
            self.counts[dead] = mean
        for values in (self.vectors, self.sums, self.counts):
            _same_on_all_ranks(values)

    def _assigned(self, x: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """Sum [size, width] and number [size] of the objects of each code."""
        sums = torch.zeros_like(self.sums).index_add_(0, index, x)
        return sums, torch.bincount(index, minlength=len(self.counts)).to(sums.dtype)


def _drawn(x: Tensor, n: int) -> Tensor:
    """[n, width] of the objects, each once if there are enough."""
    order = torch.randperm(len(x))[:n] if len(x) >= n else torch.randint(len(x), (n,))
    return x[order.to(x.device)]


def _sum_over_ranks(values: Tensor) -> None:
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(values)


def _same_on_all_ranks(values: Tensor) -> None:
    if dist.is_available() and dist.is_initialized():
        dist.broadcast(values, src=0)
