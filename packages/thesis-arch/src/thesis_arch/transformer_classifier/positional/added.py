"""Positions that are added to tokens."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from thesis_arch.transformer_classifier.positional.learned import LearnedTable
from thesis_arch.transformer_classifier.positional.sinusoidal import SinusoidalTable

TABLES: dict[str, type[SinusoidalTable] | type[LearnedTable]] = {
    "sinusoidal": SinusoidalTable,
    "learned": LearnedTable,
}
"""`positional` -> class of (n_positions, width) with a `table`."""


class AddedPositions(nn.Module):
    """Add a row of a table to each token, in all of its columns or in some.

    Parameters
    ----------
    name : str
        sinusoidal or learned.
    n_positions : int
        Largest number of objects in an event.
    width : int
        Columns of a token.
    columns : sequence of int or None
        Columns that are added to; None for all.
    """

    columns: Tensor | None

    def __init__(
        self, name: str, n_positions: int, width: int, columns: Sequence[int] | None = None
    ) -> None:
        super().__init__()
        self.positions = TABLES[name](n_positions, width if columns is None else len(columns))
        chosen = None if columns is None else torch.tensor(columns)
        self.register_buffer("columns", chosen, persistent=False)

    def forward(self, tokens: Tensor, places: Tensor) -> Tensor:
        """Tokens [N, width] of objects at their places [N], from 0 -> [N, width]."""
        added = self.positions.table[places].to(tokens.dtype)
        if self.columns is None:
            return tokens + added
        return tokens.index_add(1, self.columns, added)


def masked_columns(names: Sequence[str], columns: Mapping[str, Sequence[int]]) -> list[int] | None:
    """Columns of a token that `positional_dim_mask` picks; None for all.

    Parameters
    ----------
    names : sequence of str
        The mask.
    columns : mapping
        Columns of each feature of a token.

    Raises
    ------
    ValueError
        A name that these tokens don't have.
    """
    known = dict(columns)
    continuous = [c for name, own in columns.items() if name != "id" for c in own]
    if continuous:
        known["continuous"] = continuous
    missing = [name for name in names if name not in ("all", *known)]
    if missing or not names:
        raise ValueError(
            f"classifier.model.positional_dim_mask: found {list(names)}, but the tokens have "
            f"{', '.join(['all', *known])}"
        )
    if "all" in names:
        return None
    return sorted({column for name in names for column in known[name]})
