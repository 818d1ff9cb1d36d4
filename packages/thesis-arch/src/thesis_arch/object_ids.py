"""How an object id enters a network. Ids count from 1; 0 is padding, which is never seen."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.frozen import own_modules


class OneHotIds(nn.Module):
    """A column for each id.

    Parameters
    ----------
    num_types : int
        Number of ids, padding (0) included.
    """

    def __init__(self, num_types: int) -> None:
        super().__init__()
        self.out_features = num_types - 1

    def forward(self, ids: Tensor) -> Tensor:
        """[N] -> [N, num_types - 1]."""
        return functional.one_hot(ids - 1, self.out_features).float()


class FixedRandomIds(nn.Module):
    """A random vector for each id, the same in all of training; the checkpoint has it.

    Parameters
    ----------
    num_types, width : int
        Number of ids, padding (0) included, and size of a vector.
    """

    vectors: Tensor

    def __init__(self, num_types: int, width: int) -> None:
        super().__init__()
        self.register_buffer("vectors", torch.randn(num_types, width))
        self.out_features = width

    def forward(self, ids: Tensor) -> Tensor:
        """[N] -> [N, width]."""
        return self.vectors[ids]


class LearnedIds(nn.Module):
    """A learned vector for each id.

    Parameters
    ----------
    num_types, width : int
        Number of ids, padding (0) included, and size of a vector.
    """

    def __init__(self, num_types: int, width: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_types, width)
        self.out_features = width

    def forward(self, ids: Tensor) -> Tensor:
        """[N] -> [N, width]."""
        return self.embedding(ids)


def build_ids(mode: str, num_types: int, width: int) -> OneHotIds | FixedRandomIds | LearnedIds:
    """By the name of `tokenizer.pid_mode`: learned, one_hot (of its own width) or fixed_random."""
    if mode == "one_hot":
        return OneHotIds(num_types)
    return {"learned": LearnedIds, "fixed_random": FixedRandomIds}[mode](num_types, width)


def id_embedding(model: nn.Module) -> nn.Embedding | None:
    """The learned vectors of object ids in a model; None where ids enter otherwise."""
    return next((m.embedding for m in own_modules(model) if isinstance(m, LearnedIds)), None)
