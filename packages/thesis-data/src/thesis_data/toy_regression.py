"""A small problem with a known answer: a smooth function of a few numbers, plus noise.

It needs no file and no physics, so that a training loop can be tried in seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from thesis_data.batches import WHOLE, index_batches
from thesis_data.config import ToyRegressionConfig
from thesis_data.random import keyed_seed

_WAVES = 4


@dataclass(frozen=True)
class ToySplit:
    """Samples of one split, or a batch of them.

    Attributes
    ----------
    x : Tensor
        [N, F] float32, each feature normally distributed.
    y : Tensor
        [N] float32 with mean 0 and spread 1 before noise (regression), or int64 0 and 1 (binary).
    """

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.x)

    def to(self, device: torch.device | str) -> "ToySplit":
        """The same samples on another device."""
        return ToySplit(self.x.to(device), self.y.to(device))

    def non_finite(self) -> str | None:
        """Where the first value that is NaN or infinite stands, in words; None without one."""
        bad = ~torch.column_stack([self.x, self.y]).isfinite()
        if not bad.any():
            return None
        sample, column = bad.nonzero()[0].tolist()
        value = f"feature {column}" if column < self.x.shape[1] else "target"
        return f"{value} of sample {sample}"


@dataclass(frozen=True)
class ToyRegression:
    """Three independent splits of the same problem."""

    train: ToySplit
    val: ToySplit
    test: ToySplit


def make_toy_regression(config: ToyRegressionConfig) -> ToyRegression:
    """Draw the samples; equal configurations give equal numbers.

    The target is a sum of sines of random projections of the features, standardised, plus noise;
    for a binary task it is whether that is positive.
    """
    n_test = config.n_samples // 10
    n_train = config.n_samples - 2 * n_test
    return ToyRegression(
        train=_draw_split(config, "train", n_train),
        val=_draw_split(config, "val", n_test),
        test=_draw_split(config, "test", n_test),
    )


def toy_batches(
    split: ToySplit,
    batch_size: int,
    shuffled_by: tuple[int, int] | None = None,
    start_step: int = 0,
    shard: tuple[int, int] = WHOLE,
) -> Iterator[ToySplit]:
    """Every sample once, `batch_size` at a time.

    Parameters
    ----------
    shuffled_by : (int, int) or None
        Seed and epoch that decide the order; None keeps that of the split.
    start_step : int
        Batches to leave out at the beginning, for a run that goes on inside an epoch.
    shard : (int, int)
        Rank and number of processes that share each batch.
    """
    rank, n_ranks = shard
    if shuffled_by is None:
        steps = iter(torch.arange(len(split)).split(batch_size)[start_step:])
    else:
        seed, epoch = shuffled_by
        steps = index_batches(len(split), batch_size, seed=seed, epoch=epoch, start_step=start_step)
    for index in steps:
        part = index[rank::n_ranks]
        yield ToySplit(split.x[part], split.y[part])


def _draw_split(config: ToyRegressionConfig, split: str, n_samples: int) -> ToySplit:
    rng = np.random.default_rng(keyed_seed(config.seed, "toy_regression", split))
    x = rng.standard_normal((n_samples, config.n_features))
    y = _target(x, config) + config.noise * rng.standard_normal(n_samples)
    target = y > 0 if config.task == "binary" else y
    dtype = np.int64 if config.task == "binary" else np.float32
    return ToySplit(
        x=torch.from_numpy(x.astype(np.float32)), y=torch.from_numpy(target.astype(dtype))
    )


def _target(x: np.ndarray, config: ToyRegressionConfig) -> np.ndarray:
    """Noise-free target [N] with mean 0 and variance 1."""
    rng = np.random.default_rng(keyed_seed(config.seed, "toy_regression", "function"))
    directions = rng.standard_normal((config.n_features, _WAVES))
    directions /= np.linalg.norm(directions, axis=0)
    heights = rng.uniform(0.5, 1.5, _WAVES)
    # For standard normal u, v with correlation c: E[sin u sin v] = sinh(c) / e
    covariance = np.sinh(directions.T @ directions) / np.e
    return np.sin(x @ directions) @ heights / np.sqrt(heights @ covariance @ heights)
