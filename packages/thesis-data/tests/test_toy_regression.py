import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thesis_data.config import ToyRegressionConfig
from thesis_data.toy_regression import make_toy_regression, toy_batches


def test_splits_have_the_sizes_and_types_asked_for():
    toy = make_toy_regression(ToyRegressionConfig(n_samples=1_003, n_features=5))
    assert [len(split) for split in (toy.train, toy.val, toy.test)] == [803, 100, 100]
    assert toy.train.x.shape == (803, 5)
    assert toy.train.x.dtype == toy.train.y.dtype == torch.float32


def test_the_seed_decides_everything():
    first, again = (make_toy_regression(ToyRegressionConfig(seed=1)) for _ in range(2))
    other = make_toy_regression(ToyRegressionConfig(seed=2))
    assert torch.equal(first.train.x, again.train.x)
    assert torch.equal(first.test.y, again.test.y)
    assert not torch.equal(first.train.y, other.train.y)


def test_splits_share_no_sample():
    toy = make_toy_regression(ToyRegressionConfig())
    firsts = torch.cat([toy.train.x, toy.val.x, toy.test.x])[:, 0]
    assert len(firsts.unique()) > 0.99 * len(firsts)


@given(n_features=st.integers(1, 12), seed=st.integers(0, 20))
def test_the_target_has_mean_zero_and_spread_one(n_features, seed):
    config = ToyRegressionConfig(n_samples=20_000, n_features=n_features, seed=seed, noise=0)
    y = make_toy_regression(config).train.y
    assert y.mean().item() == pytest.approx(0, abs=0.06)
    assert y.std().item() == pytest.approx(1, abs=0.06)


def test_noise_is_added_to_the_target():
    clean, noisy = (
        make_toy_regression(ToyRegressionConfig(noise=noise)).train for noise in (0.0, 0.5)
    )
    assert torch.equal(clean.x, noisy.x)
    assert (noisy.y - clean.y).std().item() == pytest.approx(0.5, rel=0.05)


def test_a_binary_task_asks_for_the_sign():
    values = make_toy_regression(ToyRegressionConfig()).train
    classes = make_toy_regression(ToyRegressionConfig(task="binary")).train
    assert classes.y.dtype == torch.int64
    assert torch.equal(classes.y, (values.y > 0).long())


def test_batches_hold_every_sample_once_in_an_order_of_seed_and_epoch():
    split = make_toy_regression(ToyRegressionConfig(n_samples=200)).train

    def first_features(**options):
        batches = [batch.x[:, 0] for batch in toy_batches(split, 32, **options)]
        return torch.cat(batches) if batches else torch.empty(0)

    kept, shuffled = first_features(), first_features(shuffled_by=(1, 0))
    assert torch.equal(kept, split.x[:, 0])
    assert torch.equal(shuffled.sort().values, kept.sort().values)
    assert torch.equal(shuffled, first_features(shuffled_by=(1, 0)))
    assert not torch.equal(shuffled, first_features(shuffled_by=(1, 1)))
    for options in ({}, {"shuffled_by": (1, 0)}):
        assert torch.equal(first_features(start_step=2, **options), first_features(**options)[64:])


def test_the_first_value_that_is_not_finite_is_named():
    split = make_toy_regression(ToyRegressionConfig(n_samples=100, n_features=3)).val
    assert split.non_finite() is None
    split.y[7] = float("inf")
    assert split.non_finite() == "target of sample 7"
    split.x[5, 2] = float("nan")
    assert split.non_finite() == "feature 2 of sample 5"
