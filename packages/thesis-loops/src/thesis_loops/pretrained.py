"""The autoencoder whose codes are the tokens of a classifier."""

from typing import Any, cast

from pydantic import ValidationError
from torch import nn

from thesis_arch.autoencoder.config import TrainedAutoencoder
from thesis_arch.checkpoint import CheckpointError, build_model, read_payload
from thesis_arch.transformer_classifier.config import TokenizerConfig
from thesis_arch.transformer_classifier.tokenizers.pretrained import PretrainedTokenizer
from thesis_facts.errors import ConfigError

_KEY = "classifier.model.tokenizer.checkpoint_path"
_DO = "give it the best_val.pt of a run of loop=ae, gan_ae or diffusion_ae"


class PretrainedPart:
    """What a checkpoint of phase 1 holds.

    Parameters
    ----------
    tokenizer : TokenizerConfig
        Which names the checkpoint.
    has_energy : bool
        Whether the events have energies: there may be a checkpoint for each kind.

    Raises
    ------
    ConfigError
        No checkpoint is named, or it holds no autoencoder that can be used.
    """

    def __init__(self, tokenizer: TokenizerConfig, *, has_energy: bool) -> None:
        path = tokenizer.path(has_energy=has_energy)
        if path is None:
            raise ConfigError("pretrained tokens need an autoencoder", key=_KEY, do=_DO)
        try:
            payload = read_payload(path)
            build_model(payload, source=path)  # torn or foreign ones are found here
        except (FileNotFoundError, CheckpointError) as error:
            raise ConfigError(str(error), key=_KEY, do=_DO) from error
        try:
            names = ("architecture", "config", "spec")
            self.description = TrainedAutoencoder(**{name: payload[name] for name in names})
        except ValidationError as error:
            found = payload["architecture"]
            raise ConfigError(
                "the checkpoint holds no autoencoder", key=_KEY, found=found, do=_DO
            ) from error
        self.weights: dict[str, Any] = payload["weights"]

    def fill(self, model: nn.Module) -> None:
        """Give its weights to the tokenizer of a classifier that was built for it."""
        cast(PretrainedTokenizer, model.tokenizer).load(self.weights)
