"""An encoder that looks at each object on its own."""

from torch import Tensor, nn

from thesis_arch.autoencoder.config import MlpEncoderConfig
from thesis_arch.autoencoder.encoders.object_tokens import ObjectTokens
from thesis_arch.autoencoder.features import EventFeatures
from thesis_arch.autoencoder.token_mlp import TokenMlp
from thesis_arch.physics.event_objects import EventObjects


class MlpEncoder(nn.Module):
    """Hidden layers over each object.

    Parameters
    ----------
    config : MlpEncoderConfig
        Layers.
    features : EventFeatures
        What objects look like.
    """

    def __init__(self, config: MlpEncoderConfig, features: EventFeatures) -> None:
        super().__init__()
        self.tokens = ObjectTokens(features, config.id_embed_dim)
        self.layers = TokenMlp(
            self.tokens.out_features, config.enc_hidden, config.dropout, config.activation
        )
        self.out_features = self.layers.out_features

    def forward(self, objects: EventObjects, momenta: Tensor) -> Tensor:
        """Normalised momenta [n, K] of the objects -> [n, out_features]."""
        return self.layers(self.tokens(momenta, objects.ids))
