"""What an epoch adds up to, also where it was stored in its middle."""

import numpy as np
import pytest
import torch

from thesis_loops.engine.optimisation import StepOutput
from thesis_loops.engine.tally import Tally

CPU = torch.device("cpu")


def batches(sizes, seed=1):
    draw = torch.Generator().manual_seed(seed)
    for n in sizes:
        outputs = {"logits": torch.randn(n, 2, generator=draw), "label": torch.arange(n) % 5}
        yield StepOutput(torch.rand((), generator=draw), n, outputs)


def test_mean_over_events_not_over_batches():
    tally = Tally()
    for loss, n in ((1.0, 30), (4.0, 10)):
        tally.add(StepOutput(torch.tensor(loss), n))
    assert tally.loss == pytest.approx((30 * 1.0 + 10 * 4.0) / 40)


@pytest.mark.parametrize("most", [None, 1, 7, 64, 100, 1000])
@pytest.mark.parametrize("stored_after", [0, 1, 4, 9])
def test_stored_and_taken_up_again_it_says_the_same(most, stored_after):
    whole, first = Tally(most), Tally(most)
    steps = list(batches([10, 30, 1, 20, 10, 10, 40, 3, 9]))
    for step in steps:
        whole.add(step)
    for step in steps[:stored_after]:
        first.add(step)
    second = Tally(most)
    second.load_state_dict(first.state_dict(), CPU)
    for step in steps[stored_after:]:
        second.add(step)
    assert (second.loss, second.n_events) == (whole.loss, whole.n_events)
    for name, values in whole.arrays().items():
        np.testing.assert_array_equal(second.arrays()[name], values)
        assert second.arrays()[name].dtype == values.dtype


def test_only_the_last_events_are_kept_of_a_long_pass():
    """So that checkpoints inside an epoch don't grow with it; the loss is of all events."""
    bounded, whole = Tally(25), Tally()
    for step in batches([10] * 20):
        bounded.add(step)
        whole.add(step)
    assert bounded.loss == whole.loss
    for name, values in whole.arrays().items():
        np.testing.assert_array_equal(bounded.arrays()[name], values[-25:])
    stored = bounded.state_dict()["outputs"]
    assert sum(v.untyped_storage().nbytes() for v in stored.values()) == 25 * (2 * 4 + 1)
