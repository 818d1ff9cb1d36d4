"""From the features of one object to one token."""

from collections.abc import Callable

from thesis_arch.data_spec import DataSpec
from thesis_arch.transformer_classifier.config import TokenizerConfig
from thesis_arch.transformer_classifier.tokenizers.identity import IdentityTokenizer
from thesis_arch.transformer_classifier.tokenizers.raw import RawTokenizer

Tokenizer = IdentityTokenizer | RawTokenizer

TOKENIZERS: dict[str, Callable[[TokenizerConfig, DataSpec, int], Tokenizer]] = {
    "identity": lambda config, spec, n: IdentityTokenizer(n, spec.num_types, config.id_embed_dim),
    "raw": lambda config, spec, n: RawTokenizer(n),
}
"""`tokenizer.name` -> builder of (config, spec, number of normalised features)."""
