"""No bottleneck: the encoder's output is what is kept."""

from torch import Tensor, nn

from thesis_arch.autoencoder.config import IdentityLatentConfig
from thesis_arch.autoencoder.latents.codes import Codes


class IdentityLatent(nn.Module):
    """Pass everything on.

    Parameters
    ----------
    config : IdentityLatentConfig
        Has nothing to say.
    width : int
        Width of the encoder's output.
    """

    def __init__(self, config: IdentityLatentConfig, width: int) -> None:
        super().__init__()
        self.out_features = width

    def forward(self, x: Tensor) -> Codes:
        """[n, width] -> the same."""
        return Codes(x)
