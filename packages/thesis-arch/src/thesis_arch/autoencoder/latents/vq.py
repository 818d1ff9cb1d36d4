"""Vector quantisation (van den Oord et al., arXiv:1711.00937): one code for each object."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.autoencoder.config import VqLatentConfig
from thesis_arch.autoencoder.latents.codebook import Codebook
from thesis_arch.autoencoder.latents.codes import Codes
from thesis_arch.auxiliary import Penalised
from thesis_arch.packing import with_spare_rows


class VqLatent(Penalised):
    """The nearest code of a codebook, which follows the objects that it stands for.

    The commitment loss is a penalty of the training loss (`thesis_arch.auxiliary`). Gradients
    reach the encoder as if each object were its code (straight-through). Autocast leaves it alone.

    Parameters
    ----------
    config : VqLatentConfig
        Codebook and its updates.
    width : int
        Width of the encoder's output.
    """

    usage: Tensor
    moving_buffers = True  # the codes are moving averages already

    def __init__(self, config: VqLatentConfig, width: int) -> None:
        super().__init__()
        self.beta, self.codebook_size = config.beta, config.codebook_size
        self.out_features = config.latent_dim
        self.project = nn.Linear(width, config.latent_dim)
        self.codebook = Codebook(
            config.codebook_size,
            config.latent_dim,
            config.ema_decay,
            config.dead_below,
            learned=not config.ema,
        )
        self.register_buffer("usage", torch.zeros(config.codebook_size, dtype=torch.int64))
        self._penalty: Tensor | None = None

    @property
    def frequencies(self) -> Tensor:
        """[codebook_size] share of each code among those told to `set_usage`; one that was not
        among them counts as half of one."""
        counts = self.usage + 0.5
        return counts / counts.sum()

    def set_usage(self, index: Tensor) -> None:
        """Remember which codes [n] some objects have: how often each of them comes."""
        counts = torch.bincount(index.long().cpu(), minlength=self.codebook_size)
        self.usage.copy_(counts)

    def forward(self, x: Tensor) -> Codes:
        """[n, width] -> codes of n objects."""
        z = self.project(with_spare_rows(x))[: len(x)].float()
        with torch.autocast(z.device.type, enabled=False):
            return self._quantised(z)

    def take_penalty(self) -> Tensor | None:
        """Commitment loss of the last training batch, times `beta`."""
        penalty, self._penalty = self._penalty, None
        return penalty

    def _quantised(self, z: Tensor) -> Codes:
        objects = z.detach()
        if self.training:
            self.codebook.place(objects)
        index = self.codebook.nearest(objects)
        vectors = self.codebook.vectors.index_select(0, index)
        distance = (vectors.detach() - objects).square().mean(-1)
        if self.training:
            self._penalty = self.beta * functional.mse_loss(vectors, z) if len(z) else None
            self.codebook.follow(objects, index)
            vectors = z + (vectors - z).detach()
        return Codes(vectors, index, distance)
