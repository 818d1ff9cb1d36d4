"""A decoder whose objects attend to one another."""

from torch import Tensor, nn

from thesis_arch.autoencoder.config import TransformerDecoderConfig
from thesis_arch.autoencoder.decoders.object_heads import ObjectHeads
from thesis_arch.autoencoder.features import EventFeatures
from thesis_arch.autoencoder.transformer_block import Transformer
from thesis_arch.packing import with_spare_rows
from thesis_arch.physics.event_objects import EventObjects


class TransformerDecoder(nn.Module):
    """A transformer over what is kept of the objects.

    Parameters
    ----------
    config : TransformerDecoderConfig
        Sizes.
    width : int
        Numbers that are kept of an object.
    features : EventFeatures
        What objects look like.
    """

    def __init__(
        self, config: TransformerDecoderConfig, width: int, features: EventFeatures
    ) -> None:
        super().__init__()
        self.project = nn.Linear(width, config.dim)
        self.transformer = Transformer(config)
        self.heads = ObjectHeads(config.dim, features)

    def forward(self, vectors: Tensor, objects: EventObjects) -> tuple[Tensor, Tensor]:
        """[n, width] -> normalised momenta [n, K] and id logits [n, I]."""
        projected = self.project(with_spare_rows(vectors))[: len(vectors)]
        return self.heads(
            self.transformer(projected.to(self.project.weight.dtype), objects.packing)
        )
