"""Vector quantisation (van den Oord et al., arXiv:1711.00937): one code for each object."""

import torch
from torch import Tensor, nn
from vector_quantize_pytorch import VectorQuantize

from thesis_arch.autoencoder.config import VqLatentConfig
from thesis_arch.autoencoder.latents.codes import Codes
from thesis_arch.auxiliary import Penalised
from thesis_arch.packing import with_spare_rows


class VqLatent(Penalised):
    """The nearest code of a codebook, which follows the objects that it stands for.

    The first training batch places the codes by k-means. Codes that stand for (almost) nothing
    are drawn anew from the batch, so that the whole codebook stays in use. The commitment loss is
    a penalty of the training loss (`thesis_arch.auxiliary`). Gradients reach the encoder by the
    rotation trick (Fifty et al., arXiv:2410.06424). Precision is single whatever is around it.

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
        self.project = nn.Linear(width, config.latent_dim)
        self.quantise = VectorQuantize(
            dim=config.latent_dim,
            codebook_size=config.codebook_size,
            commitment_weight=config.beta,
            kmeans_init=True,
            rotation_trick=True,
            ema_update=config.ema,
            learnable_codebook=not config.ema,
            decay=config.ema_decay,
            threshold_ema_dead_code=config.dead_below,
        )
        self.dead_below = config.dead_below
        self.out_features = config.latent_dim
        self.codebook_size = config.codebook_size
        self.register_buffer("usage", torch.zeros(config.codebook_size, dtype=torch.int64))
        self._penalty: Tensor | None = None

    @property
    def codebook(self) -> Tensor:
        """[codebook_size, latent_dim]."""
        return self.quantise.codebook

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
        if len(z) == 0:  # the library takes means of the batch
            return Codes(z, z.new_zeros(0).long(), z.new_zeros(0))
        if self.training and self.dead_below:
            self._measure_death()
        with torch.autocast(z.device.type, enabled=False):
            vectors, index, commitment = self.quantise(z[None])
        self._penalty = commitment if self.training else None
        distance = (vectors[0] - z).detach().square().mean(-1)
        return Codes(vectors[0], index[0], distance)

    def take_penalty(self) -> Tensor | None:
        """Commitment loss of the last training batch, times `beta`."""
        penalty, self._penalty = self._penalty, None
        return penalty

    def _measure_death(self) -> None:
        """Few is relative to how many objects a batch has for each code, and a code that is drawn
        anew begins with as many: the library takes numbers, and would draw it again at once."""
        codebook = self.quantise._codebook
        objects_a_code = float(self.quantise.get_buffer("_codebook.cluster_size").mean())
        codebook.threshold_ema_dead_code = self.dead_below * objects_a_code
        codebook.reset_cluster_size = objects_a_code
