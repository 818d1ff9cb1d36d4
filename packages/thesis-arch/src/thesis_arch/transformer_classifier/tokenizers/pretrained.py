"""What a trained autoencoder keeps of an object."""

import torch
from torch import Tensor, nn

from thesis_arch.autoencoder.base import AutoencoderBase
from thesis_arch.autoencoder.config import TrainedAutoencoder
from thesis_arch.autoencoder.features import known_features
from thesis_arch.autoencoder.latents.vq import VqLatent
from thesis_arch.checkpoint import build_untrained
from thesis_arch.data_spec import DataSpec
from thesis_arch.frozen import Frozen
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.transformer_classifier.config import TokenizerConfig

_KEY = "classifier.model.tokenizer"


class PretrainedTokenizer(nn.Module):
    """A frozen encoder with its latent space.

    It normalises by its own statistics. Of a codebook, tokens are the vectors of the codes, or
    vectors that are learned anew for each of them.

    Parameters
    ----------
    config : TokenizerConfig
        What is expected of the autoencoder, and which tokens it gives.
    trained : TrainedAutoencoder
        Which autoencoder it is. Its weights are random until `load`.
    spec : DataSpec
        What the events look like.
    dim : int
        Width of tokens that are learned anew.

    Raises
    ------
    ValueError
        The autoencoder is of another kind, or learned from other features.
    """

    def __init__(
        self, config: TokenizerConfig, trained: TrainedAutoencoder, spec: DataSpec, dim: int
    ) -> None:
        super().__init__()
        model = build_untrained(trained.architecture, trained.config, trained.spec)
        assert isinstance(model, AutoencoderBase)
        _check_features(model.spec, spec)
        has_codes = isinstance(model.latent, VqLatent)
        if has_codes != (config.model_type == "vq"):
            raise ValueError(
                f"{_KEY}.model_type: found {config.model_type}, but the checkpoint holds an "
                f"autoencoder {'with' if has_codes else 'without'} a codebook"
            )
        self.frozen = Frozen(model)
        self.embedding = None
        self.out_features = model.latent.out_features
        if isinstance(model.latent, VqLatent) and config.codes == "indices":
            self.embedding = nn.Embedding(model.latent.codebook_size, dim)
            self.out_features = dim
        self.columns: dict[str, list[int]] = {}  # no column belongs to one feature

    def load(self, weights: dict[str, Tensor]) -> None:
        """Take over the weights of the trained autoencoder.

        Raises
        ------
        RuntimeError
            They are not those of this autoencoder.
        """
        self.frozen.model.load_state_dict(weights)

    def forward(self, objects: EventObjects) -> Tensor:
        """[n, out_features] of n objects."""
        model = self.frozen.model
        assert isinstance(model, AutoencoderBase)
        with torch.no_grad():
            codes = model.codes(objects)
        if self.embedding is not None:
            assert codes.index is not None
            return self.embedding(codes.index)
        return codes.vectors


def _check_features(learned: DataSpec, given: DataSpec) -> None:
    if learned.cont_features != given.cont_features:
        raise ValueError(
            f"{_KEY}.checkpoint_path: the autoencoder learned from "
            f"{', '.join(known_features(learned))}, but data.cont_features gives "
            f"{', '.join(known_features(given))}"
        )
    if learned.num_types != given.num_types:
        raise ValueError(
            f"{_KEY}.checkpoint_path: the autoencoder knows {learned.num_types - 1} object ids, "
            f"but the events have {given.num_types - 1}"
        )
