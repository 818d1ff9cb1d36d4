"""What it means that two batches are the same."""

import torch

from thesis_data.events import EventBatch


def tensors_of(batch: EventBatch) -> list[torch.Tensor]:
    return [value for value in vars(batch).values() if isinstance(value, torch.Tensor)]


def assert_equal(first: EventBatch, second: EventBatch) -> None:
    for name, value in vars(first).items():
        other = getattr(second, name)
        same = torch.equal(value, other) if isinstance(value, torch.Tensor) else value == other
        assert same, name
