"""A few numbers of each object."""

from torch import Tensor, nn

from thesis_arch.autoencoder.config import LinearLatentConfig
from thesis_arch.autoencoder.latents.codes import Codes
from thesis_arch.packing import with_spare_rows


class LinearLatent(nn.Module):
    """A linear map to `latent_dim` numbers.

    Parameters
    ----------
    config : LinearLatentConfig
        How many.
    width : int
        Width of the encoder's output.
    """

    def __init__(self, config: LinearLatentConfig, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(width, config.latent_dim)
        self.out_features = config.latent_dim

    def forward(self, x: Tensor) -> Codes:
        """[n, width] -> [n, latent_dim]."""
        return Codes(self.project(with_spare_rows(x))[: len(x)])
