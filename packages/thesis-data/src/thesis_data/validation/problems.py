"""A finding about a file: an error (it is broken) or a warning (know this before you use it)."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong or odd.

    Attributes
    ----------
    severity : str
        "error" where the file must not be trained on, else "warning".
    where : str
        The split or dataset that it is about.
    what : str
        The finding, one line.
    """

    severity: Literal["error", "warning"]
    where: str
    what: str
