"""What a picture can be made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Curves = Mapping[str, Sequence[float | None]]


@dataclass(frozen=True, eq=False)
class Payload:
    """A moment of a run, as pictures see it.

    Attributes
    ----------
    run_dir : Path
        Of the run.
    epoch : int
        From 0, as in `scalars.csv`; pictures and their names count from 1.
    split : str
        Which events the arrays are of: val or test.
    histories : mapping
        One value an epoch by name, None where unknown: all epochs, those before a resume too.
    arrays : mapping
        By name what histories can't say, as recipes hand it over. A callable makes it.
    """

    run_dir: Path
    epoch: int
    split: str = "val"
    histories: Curves = field(default_factory=dict)
    arrays: Mapping[str, Any] = field(default_factory=dict)

    def has(self, *names: str) -> bool:
        """Whether all these arrays are at hand."""
        return all(name in self.arrays for name in names)

    def array(self, name: str) -> Any:
        """One of the arrays, made now where that is needed."""
        value = self.arrays[name]
        return value() if callable(value) else value

    def curve(self, name: str) -> np.ndarray:
        """A history [n_epochs], NaN where there is no finite number; empty where it is unknown."""
        values = np.array([np.nan if v is None else v for v in self.histories.get(name, ())], float)
        return np.where(np.isfinite(values), values, np.nan)

    def knows(self, *names: str) -> bool:
        """Whether one of these histories has a number."""
        return any(np.isfinite(self.curve(name)).any() for name in names)
