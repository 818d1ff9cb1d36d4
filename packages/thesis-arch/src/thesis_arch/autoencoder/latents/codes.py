"""What a latent space makes of the objects of a batch."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Codes:
    """What is kept of each object.

    Attributes
    ----------
    vectors : Tensor
        [n, L].
    index : Tensor or None
        [n] which code of the codebook it is, where there is one.
    distance : Tensor or None
        [n] mean squared difference between that code and what it stands for.
    """

    vectors: Tensor
    index: Tensor | None = None
    distance: Tensor | None = None
