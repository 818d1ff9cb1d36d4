"""The last layer of every decoder: momenta and ids of each object."""

from torch import Tensor, nn

from thesis_arch.autoencoder.features import EventFeatures
from thesis_arch.packing import with_spare_rows


class ObjectHeads(nn.Module):
    """Linear maps to normalised momenta and to logits of the ids.

    Parameters
    ----------
    width : int
        What comes in.
    features : EventFeatures
        What objects look like.
    """

    def __init__(self, width: int, features: EventFeatures) -> None:
        super().__init__()
        self.momenta = nn.Linear(width, features.n_momenta)
        self.ids = nn.Linear(width, features.n_ids)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[n, width] -> momenta [n, K], id logits [n, I], both float32."""
        n, x = len(x), with_spare_rows(x)
        return self.momenta(x)[:n].float(), self.ids(x)[:n].float()
