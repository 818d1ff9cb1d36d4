"""What `simple.mlp` may hold."""

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from thesis_arch.strict import Section


class SimpleMLPConfig(Section):
    """Sizes and regularisation of an MLP."""

    hidden_sizes: tuple[int, ...] = Field(min_length=1)
    dropout: float = Field(ge=0, lt=1)
    activation: Literal["relu", "gelu", "silu"]
    use_batch_norm: bool


@dataclass(frozen=True)
class TableSpec:
    """Columns in and numbers out."""

    n_features: int
    n_outputs: int
