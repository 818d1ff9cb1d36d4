"""From what is kept of objects back to their momenta and ids; `_target_` -> class."""

from thesis_arch.autoencoder.decoders.gnn import GnnDecoder
from thesis_arch.autoencoder.decoders.mlp import MlpDecoder
from thesis_arch.autoencoder.decoders.transformer import TransformerDecoder

DECODERS = {
    "thesis_arch.autoencoder.decoders.gnn.GnnDecoder": GnnDecoder,
    "thesis_arch.autoencoder.decoders.mlp.MlpDecoder": MlpDecoder,
    "thesis_arch.autoencoder.decoders.transformer.TransformerDecoder": TransformerDecoder,
}
"""All decoders that a configuration may name."""
