"""An encoder that passes messages between all objects of an event."""

from itertools import pairwise

from torch import Tensor, nn

from thesis_arch.autoencoder.config import GnnEncoderConfig
from thesis_arch.autoencoder.encoders.object_tokens import ObjectTokens
from thesis_arch.autoencoder.features import EventFeatures
from thesis_arch.autoencoder.graph import GraphLayer
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.physics.observer import Observer
from thesis_arch.physics.requirements import available_features
from thesis_arch.statistics import Standardise


class PairFeatures(Observer):
    """Standardised pairwise features.

    Parameters
    ----------
    names : tuple of str
        Some of `PAIRWISE_FEATURES`.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self.names = names
        self.standardise = Standardise(len(names))

    def observe(self, objects: EventObjects) -> None:
        self.standardise.observe(objects.features(self.names))

    def finish(self) -> None:
        self.standardise.finish()

    def forward(self, objects: EventObjects) -> Tensor:
        """[P, len(names)] of each pair."""
        return self.standardise(objects.features(self.names))


class GnnEncoder(nn.Module):
    """Layers of message passing on the complete graph of an event's objects.

    Parameters
    ----------
    config : GnnEncoderConfig
        Layers, and what goes along the edges.
    features : EventFeatures
        What objects look like.
    """

    def __init__(self, config: GnnEncoderConfig, features: EventFeatures) -> None:
        super().__init__()
        names = config.pair_features
        if names:
            names = available_features(names, features.spec, "phase1.encoder.pair_features")
        self.tokens = ObjectTokens(features, config.id_embed_dim)
        self.pair_features = PairFeatures(names) if names else None
        widths = (self.tokens.out_features, *config.enc_hidden)
        self.layers = nn.ModuleList(
            GraphLayer(a, b, len(names), config.dropout, config.activation)
            for a, b in pairwise(widths)
        )
        self.out_features = widths[-1]

    def forward(self, objects: EventObjects, momenta: Tensor) -> Tensor:
        """Normalised momenta [n, K] of the objects -> [n, out_features]."""
        x = self.tokens(momenta, objects.ids)
        edges = None if self.pair_features is None else self.pair_features(objects)
        for layer in self.layers:
            x = layer(x, objects.pairs, edges)
        return x
