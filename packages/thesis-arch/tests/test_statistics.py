"""Standardisation by the statistics of training values."""

import pytest
import torch

from thesis_arch.statistics import Standardise


def fitted(*batches: torch.Tensor) -> Standardise:
    module = Standardise(batches[0].shape[1])
    for batch in batches:
        module.observe(batch)
    module.finish()
    return module


def test_mean_and_deviation_are_those_of_all_batches_together():
    torch.manual_seed(0)
    values = torch.randn(1000, 2) * torch.tensor([3.0, 200.0]) + torch.tensor([0.0, 900.0])
    module = fitted(values[:300], values[300:])
    torch.testing.assert_close(module.mean, values.mean(0))
    torch.testing.assert_close(module.std, values.std(0, correction=0))


@pytest.mark.parametrize("constant", [0.0, 0.1, 173.21, 1000.1, 1e6])
def test_a_feature_that_never_changes_is_not_blown_up(constant):
    """The variance of a constant is rounding of E[x²] − E[x]², which grows with the constant."""
    module = fitted(*[torch.full((997, 1), constant)] * 100)
    assert module.std.item() == 1.0
    neighbour = torch.nextafter(torch.tensor([[constant]]), torch.tensor(float("inf")))
    assert abs(module(neighbour).item()) < 0.1


def test_no_value_at_all_is_an_error():
    with pytest.raises(ValueError, match="no valid training value"):
        Standardise(1).finish()
