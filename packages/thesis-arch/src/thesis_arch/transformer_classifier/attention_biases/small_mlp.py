"""The networks that make biases out of a few numbers."""

from torch import nn

from thesis_arch.kan.config import KanConfig
from thesis_arch.kan.layer import KanLinear
from thesis_arch.transformer_classifier.bias_config import MlpType


def small_mlp(
    n_in: int, hidden_dim: int, n_out: int, mlp_type: MlpType, kan: KanConfig
) -> nn.Sequential:
    """Two layers, [..., n_in] -> [..., n_out].

    Parameters
    ----------
    n_in, hidden_dim, n_out : int
        Sizes.
    mlp_type : {"standard", "kan"}
        Linear layers with GELU between them, or two Kolmogorov-Arnold layers.
    kan : KanConfig
        Splines of the latter.
    """
    if mlp_type == "kan":
        return nn.Sequential(KanLinear(n_in, hidden_dim, kan), KanLinear(hidden_dim, n_out, kan))
    return nn.Sequential(nn.Linear(n_in, hidden_dim), nn.GELU(), nn.Linear(hidden_dim, n_out))
