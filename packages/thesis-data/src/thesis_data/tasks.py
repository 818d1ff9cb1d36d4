"""From process labels to the classes that a model tells apart."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from thesis_data.config import TaskConfig
from thesis_facts.errors import DataError
from thesis_facts.processes import PROCESSES

OUTSIDE = -2
"""Class of a known process that takes no part in the task; such events are left out."""


@dataclass(frozen=True)
class Task:
    """A classification task.

    Attributes
    ----------
    class_names : tuple of str
        One name per class index.
    table : ndarray
        [max label + 1] int64: process label -> class index, `OUTSIDE` where there is none.
    """

    class_names: tuple[str, ...]
    table: np.ndarray

    def only(self, labels: Sequence[int]) -> "Task":
        """The same classes with the events of these processes alone.

        Raises
        ------
        DataError
            A process takes no part in the task.
        """
        left_out = [label for label in labels if self.table[label] == OUTSIDE]
        if left_out:
            raise DataError(
                "processes to learn from take no part in the task",
                key="data.classifier",
                found=f"no class with label {' or '.join(map(str, left_out))}",
            )
        kept = np.isin(np.arange(len(self.table)), labels)
        return replace(self, table=np.where(kept, self.table, OUTSIDE))

    def check_all_present(self, counts: np.ndarray, split: str, path: str) -> None:
        """Refuse a split in which a class that takes part has no event ([C] events of each)."""
        for name, count, labels in zip(self.class_names, counts, self._labels(), strict=True):
            if count == 0 and labels:
                raise DataError(
                    f"class {name!r} has no event in the {split} split of {path}",
                    key="data.classifier",
                    found=f"no event with label {' or '.join(map(str, labels))}",
                    expected="events of every class",
                    do="choose processes that the file has; `thesis-data inspect` lists them",
                )

    def _labels(self) -> list[list[int]]:
        return [
            np.flatnonzero(self.table == index).tolist() for index in range(len(self.class_names))
        ]


def build_task(config: TaskConfig) -> Task:
    """The task of a configuration; classes are numbered in the order they are listed."""
    groups = config.groups()
    table = np.full(max(PROCESSES) + 1, OUTSIDE, dtype=np.int64)
    for index, group in enumerate(groups):
        table[list(group.labels)] = index
    return Task(class_names=tuple(group.name for group in groups), table=table)
