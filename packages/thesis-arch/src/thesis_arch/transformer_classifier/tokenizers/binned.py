"""Objects that were put into bins beforehand: one vocabulary token each."""

from torch import Tensor, nn

from thesis_arch.physics.event_objects import EventObjects


class BinnedTokenizer(nn.Module):
    """A learned vector for each token of the vocabulary, MET's and METphi's included.

    Parameters
    ----------
    vocab_size : int
        Number of tokens, padding (0) included.
    dim : int
        Size of a vector.
    """

    def __init__(self, vocab_size: int, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, dim)
        self.out_features = dim
        self.columns: dict[str, list[int]] = {}  # no column belongs to one feature

    def forward(self, objects: EventObjects) -> Tensor:
        """[n, dim] of n objects."""
        return self.embedding(objects.ids)
