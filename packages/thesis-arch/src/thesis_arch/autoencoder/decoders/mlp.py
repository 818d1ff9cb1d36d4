"""A decoder that looks at each object on its own."""

from torch import Tensor, nn

from thesis_arch.autoencoder.config import MlpDecoderConfig
from thesis_arch.autoencoder.decoders.object_heads import ObjectHeads
from thesis_arch.autoencoder.features import EventFeatures
from thesis_arch.autoencoder.token_mlp import TokenMlp
from thesis_arch.physics.event_objects import EventObjects


class MlpDecoder(nn.Module):
    """Hidden layers over each object.

    Parameters
    ----------
    config : MlpDecoderConfig
        Layers.
    width : int
        Numbers that are kept of an object.
    features : EventFeatures
        What objects look like.
    """

    def __init__(self, config: MlpDecoderConfig, width: int, features: EventFeatures) -> None:
        super().__init__()
        self.layers = TokenMlp(width, config.dec_hidden, config.dropout, config.activation)
        self.heads = ObjectHeads(self.layers.out_features, features)

    def forward(self, vectors: Tensor, objects: EventObjects) -> tuple[Tensor, Tensor]:
        """[n, width] -> normalised momenta [n, K] and id logits [n, I]."""
        return self.heads(self.layers(vectors))
