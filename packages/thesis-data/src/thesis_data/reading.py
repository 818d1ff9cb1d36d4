"""From rows of files to events as tensors."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import h5py
import numpy as np
import torch

from thesis_data import h5
from thesis_data.catalogue import Catalogue
from thesis_data.config import TokenOrder
from thesis_data.events import EventSplit
from thesis_data.file_part import FilePart
from thesis_data.layout import Layout
from thesis_data.random import keyed_seed
from thesis_data.treatment import arrange_tokens


class Span(NamedTuple):
    """Rows [start, stop) of a file."""

    part: FilePart
    start: int
    stop: int


class _Tokens(NamedTuple):
    """Ids or tokens [N, T], globals [N, G] and objects [N, T, F] float32."""

    ids: np.ndarray
    globals: np.ndarray
    objects: np.ndarray


@dataclass(frozen=True)
class EventReader:
    """Reads events of a split; between two readings no file is open.

    Attributes
    ----------
    cont_features : tuple of int
        Which of (E, pt, eta, phi) are kept.
    seed : int
        Keys the order of shuffled objects.
    """

    catalogue: Catalogue
    layout: Layout
    cont_features: tuple[int, ...]
    token_order: TokenOrder
    seed: int

    @property
    def event_bytes(self) -> int:
        """Bytes that an event takes in memory."""
        tokens = sum(column.nbytes for column in self._room_for(1))
        label, process, row = 8, 1, 8
        weight = 0 if self.catalogue.weights is None else 4
        return tokens + label + process + row + weight

    def read_all(self) -> EventSplit:
        """Every event that takes part."""
        return self.read([Span(part, 0, part.n_rows) for part in self.catalogue.parts])

    def read(
        self, spans: Sequence[Span], cancelled: Callable[[], bool] = lambda: False
    ) -> EventSplit:
        """The events of these rows that take part, span after span.

        Parameters
        ----------
        spans : sequence of Span
            A file is opened once for all its spans that follow one another.
        cancelled : callable
            Asked between blocks; once it is true, the reading ends with `CancelledError`.
        """
        catalogue = self.catalogue
        rows = np.concatenate([np.empty(0, np.int64), *map(self._rows, spans)])
        tokens, at = self._room_for(len(rows)), 0
        for part, of_part in groupby(spans, key=lambda span: span.part):
            with part.open() as events:
                for span in of_part:
                    for block in self._arranged(events, span):
                        if cancelled():
                            raise CancelledError
                        place = slice(at, at + len(block.ids))
                        for column, values in zip(tokens, block, strict=True):
                            column[place] = values
                        at = place.stop
        process = catalogue.process[rows]
        weights = catalogue.weights
        return EventSplit(
            tokens_cont=torch.from_numpy(tokens.objects),
            tokens_id=torch.from_numpy(tokens.ids),
            globals=torch.from_numpy(tokens.globals),
            label=torch.from_numpy(catalogue.table[process]),
            weight=None if weights is None else torch.from_numpy(weights[rows]),
            process=torch.from_numpy(process),
            row=torch.from_numpy(rows),
            cont_features=self.cont_features,
            name=catalogue.split,
        )

    def _rows(self, span: Span) -> np.ndarray:
        """Rows of a span that take part, over all files."""
        first = span.part.first_row
        return self.catalogue.rows(first + span.start, first + span.stop)

    def _arranged(self, events: h5py.Dataset, span: Span) -> Iterator[_Tokens]:
        """The events of a span block by block, objects in order."""
        name = self.catalogue.split
        where, key = f"{span.part.dataset} of {span.part.path}", f"data.datasets.x_{name}"
        seed, first = keyed_seed(self.seed, name), span.part.first_row
        every = self.cont_features == tuple(range(self.layout.n_features))
        columns = slice(None) if every else list(self.cont_features)  # a list copies
        wanted = self._rows(span) - first
        for rows, values in h5.read_blocks(events, wanted, span.start, span.stop):
            h5.check_block(rows, values, self.layout, where, key)
            ids, objects = arrange_tokens(
                self.layout.ids(values).astype(self.layout.id_type),
                self.layout.objects(values),
                rows + first,
                self.token_order,
                seed,
            )
            yield _Tokens(ids, self.layout.globals(values), objects[..., columns])

    def _room_for(self, n_events: int) -> _Tokens:
        n_tokens, n_features = self.layout.n_tokens, len(self.cont_features)
        return _Tokens(
            ids=np.empty((n_events, n_tokens), dtype=self.layout.id_type),
            globals=np.empty((n_events, self.layout.n_globals), dtype=np.float32),
            objects=np.empty((n_events, n_tokens, n_features), dtype=np.float32),
        )
