"""From the objects of an event to a vector of each; `_target_` -> class."""

from thesis_arch.autoencoder.encoders.gnn import GnnEncoder
from thesis_arch.autoencoder.encoders.mlp import MlpEncoder
from thesis_arch.autoencoder.encoders.transformer import TransformerEncoder

ENCODERS = {
    "thesis_arch.autoencoder.encoders.gnn.GnnEncoder": GnnEncoder,
    "thesis_arch.autoencoder.encoders.mlp.MlpEncoder": MlpEncoder,
    "thesis_arch.autoencoder.encoders.transformer.TransformerEncoder": TransformerEncoder,
}
"""All encoders that a configuration may name."""
