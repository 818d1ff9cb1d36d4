"""The positions that a config asks for."""

from torch import Tensor

from thesis_arch.packing import Sequence, with_spare_rows
from thesis_arch.transformer_classifier.config import TransformerConfig
from thesis_arch.transformer_classifier.positional.added import (
    TABLES,
    AddedPositions,
    masked_columns,
)
from thesis_arch.transformer_classifier.positional.rotary import Rotation
from thesis_arch.transformer_classifier.tokenizers import Tokenizer


def token_positions(
    config: TransformerConfig, n_positions: int, tokenizer: Tokenizer
) -> AddedPositions | None:
    """What is added before the projection, or None.

    Raises
    ------
    ValueError
        `positional_dim_mask` names what the tokens don't have.
    """
    if config.positional not in TABLES or config.positional_space != "token":
        return None
    mask = config.positional_dim_mask
    columns = None if mask is None else masked_columns(mask, tokenizer.columns)
    return AddedPositions(config.positional, n_positions, tokenizer.out_features, columns)


def model_positions(config: TransformerConfig, n_positions: int) -> AddedPositions | None:
    """What is added after the projection, or None."""
    if config.positional not in TABLES or config.positional_space != "model":
        return None
    return AddedPositions(config.positional, n_positions, config.dim)


def rotation_of(config: TransformerConfig, sequence: Sequence, places: Tensor) -> Rotation | None:
    """By which the tokens of a sequence turn, spare rows included, or None.

    Parameters
    ----------
    config : TransformerConfig
        `positional`, `rotary.base` and sizes.
    sequence : Sequence
        All tokens; those that are no objects have the place before the first object.
    places : Tensor
        [n_objects] of the objects, from 0.
    """
    if config.positional != "rotary":
        return None
    positions = places.new_zeros(len(sequence.tokens)).index_copy(0, sequence.objects, places + 1)
    channels = config.head_dim // config.branches
    return Rotation.of(with_spare_rows(positions[:, None])[:, 0], channels, config.rotary.base)
