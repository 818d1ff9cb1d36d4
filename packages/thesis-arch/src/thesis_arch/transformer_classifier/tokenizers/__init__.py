"""From one object to one token."""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from torch import Tensor

from thesis_arch.autoencoder.config import TrainedAutoencoder
from thesis_arch.data_spec import DataSpec
from thesis_arch.inputs import ObjectInputs
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.transformer_classifier.config import FeatureTokenizerConfig, TokenizerConfig
from thesis_arch.transformer_classifier.tokenizers.binned import BinnedTokenizer
from thesis_arch.transformer_classifier.tokenizers.identity import IdentityTokenizer
from thesis_arch.transformer_classifier.tokenizers.pretrained import PretrainedTokenizer
from thesis_arch.transformer_classifier.tokenizers.raw import RawTokenizer


class Tokenizer(Protocol):
    """What all tokenizers have."""

    @property
    def out_features(self) -> int:
        """Size of a token."""
        ...

    @property
    def columns(self) -> Mapping[str, Sequence[int]]:
        """Columns of a token that each feature of an object fills; empty where they are mixed."""
        ...

    def __call__(self, objects: EventObjects) -> Tensor:
        """Tokens [n, out_features] of the objects of a batch."""
        ...


def build_tokenizer(
    config: FeatureTokenizerConfig | TokenizerConfig,
    spec: DataSpec,
    norm: Literal["zscore", "log_zscore", "none"],
    dim: int,
    pretrained: TrainedAutoencoder | None = None,
) -> BinnedTokenizer | IdentityTokenizer | PretrainedTokenizer | RawTokenizer:
    """The tokenizer of that name; `dim` is the width of tokens that have no features.

    Raises
    ------
    ValueError
        It needs the other kind of events: objects with features, or binned ones; or it needs an
        autoencoder, and there is none.
    """
    if (config.name == "binned") != (spec.vocab_size is not None):
        events = "objects with features" if spec.vocab_size is None else "binned tokens"
        raise ValueError(
            f"classifier.model.tokenizer.name: found {config.name}, but the events are {events}; "
            "binned goes with data=h5_tokens_binned, and that with nothing else"
        )
    if spec.vocab_size is not None:
        return BinnedTokenizer(spec.vocab_size, dim)
    if isinstance(config, TokenizerConfig) and config.name == "pretrained":
        if pretrained is None:
            raise ValueError(
                "classifier.model.tokenizer.name: found pretrained, but no autoencoder was given"
            )
        return PretrainedTokenizer(config, pretrained, spec, dim)
    if config.name == "raw":
        return RawTokenizer(ObjectInputs(spec, norm))
    return IdentityTokenizer(ObjectInputs(spec, norm), spec.num_types, config)
