"""Tells events from their reconstructions, for adversarial training."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from thesis_arch.autoencoder.config import DiscriminatorConfig
from thesis_arch.autoencoder.features import EventFeatures, Found, Truth
from thesis_arch.autoencoder.graph import GraphLayer
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.transformer_classifier.pooling import mean_pooling


class Discriminator(nn.Module):
    """Message passing over the objects of an event, mean, one logit.

    The largest singular value of every linear map is 1 (spectral norm, Miyato et al.,
    arXiv:1802.05957), so that it does not run away from the autoencoder.

    Parameters
    ----------
    config : DiscriminatorConfig
        Layers.
    features : EventFeatures
        What objects look like.
    """

    def __init__(self, config: DiscriminatorConfig, features: EventFeatures) -> None:
        super().__init__()
        self.n_ids = features.n_ids
        widths = (features.n_momenta + features.n_ids, *config.hidden)
        self.layers = nn.ModuleList(
            GraphLayer(n_in, n_out, 0, config.dropout, config.activation)
            for n_in, n_out in pairwise(widths)
        )
        self.out = nn.Linear(widths[-1], 1)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                spectral_norm(module)

    def forward(self, momenta: Tensor, ids: Tensor, objects: EventObjects) -> Tensor:
        """Logits [B], large for true events, of momenta [n, K] and one column for each id [n, I].

        Of `objects` only which belong together is looked at.
        """
        x = torch.cat([momenta, ids], dim=-1)
        for layer in self.layers:
            x = layer(x, objects.pairs, None)
        return self.out(mean_pooling(x, objects.packing))[:, 0].float()

    def of_truth(self, truth: Truth, objects: EventObjects) -> Tensor:
        """Logits [B] of events as they are."""
        ids = functional.one_hot(truth.ids - 1, self.n_ids).float()
        return self(truth.momenta, ids, objects)

    def of_reconstruction(self, found: Found, objects: EventObjects) -> Tensor:
        """Logits [B] of what a decoder says: the most probable ids, with a gradient to the others.

        Shares of ids would give each reconstruction away at once.
        """
        soft = found.id_logits.softmax(-1)
        hard = functional.one_hot(soft.argmax(-1), self.n_ids).to(soft)
        return self(found.momenta, hard + soft - soft.detach(), objects)


def hinge_loss(of_truth: Tensor, of_reconstruction: Tensor) -> Tensor:
    """Loss [B] of the discriminator (Lim and Ye, arXiv:1705.02894), from logits [B] and [B]."""
    return (1 - of_truth).relu() + (1 + of_reconstruction).relu()
