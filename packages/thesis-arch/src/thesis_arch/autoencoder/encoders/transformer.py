"""An encoder whose objects attend to one another."""

from torch import Tensor, nn

from thesis_arch.autoencoder.config import TransformerEncoderConfig
from thesis_arch.autoencoder.encoders.object_tokens import ObjectTokens
from thesis_arch.autoencoder.features import EventFeatures
from thesis_arch.autoencoder.transformer_block import Transformer
from thesis_arch.packing import with_spare_rows
from thesis_arch.physics.event_objects import EventObjects


class TransformerEncoder(nn.Module):
    """A transformer without positions: objects are a set.

    Parameters
    ----------
    config : TransformerEncoderConfig
        Sizes.
    features : EventFeatures
        What objects look like.
    """

    def __init__(self, config: TransformerEncoderConfig, features: EventFeatures) -> None:
        super().__init__()
        self.tokens = ObjectTokens(features, config.id_embed_dim)
        self.project = nn.Linear(self.tokens.out_features, config.dim)
        self.transformer = Transformer(config)
        self.out_features = config.dim

    def forward(self, objects: EventObjects, momenta: Tensor) -> Tensor:
        """Normalised momenta [n, K] of the objects -> [n, out_features]."""
        tokens = self.tokens(momenta, objects.ids)
        projected = self.project(with_spare_rows(tokens))[: len(tokens)]
        return self.transformer(projected.to(self.project.weight.dtype), objects.packing)
