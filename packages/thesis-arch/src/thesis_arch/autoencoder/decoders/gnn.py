"""A decoder that passes messages between all objects of an event."""

from itertools import pairwise

from torch import Tensor, nn

from thesis_arch.autoencoder.config import GnnDecoderConfig
from thesis_arch.autoencoder.decoders.object_heads import ObjectHeads
from thesis_arch.autoencoder.features import EventFeatures
from thesis_arch.autoencoder.graph import GraphLayer
from thesis_arch.physics.event_objects import EventObjects


class GnnDecoder(nn.Module):
    """Layers of message passing; nothing goes along the edges, for momenta are not yet known.

    Parameters
    ----------
    config : GnnDecoderConfig
        Layers.
    width : int
        Numbers that are kept of an object.
    features : EventFeatures
        What objects look like.
    """

    def __init__(self, config: GnnDecoderConfig, width: int, features: EventFeatures) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            GraphLayer(n_in, n_out, 0, config.dropout, config.activation)
            for n_in, n_out in pairwise((width, *config.dec_hidden))
        )
        self.heads = ObjectHeads(config.dec_hidden[-1], features)

    def forward(self, vectors: Tensor, objects: EventObjects) -> tuple[Tensor, Tensor]:
        """[n, width] -> normalised momenta [n, K] and id logits [n, I]."""
        x = vectors
        for layer in self.layers:
            x = layer(x, objects.pairs, None)
        return self.heads(x)
