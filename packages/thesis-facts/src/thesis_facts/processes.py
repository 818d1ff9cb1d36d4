"""Names of the physics processes and the canonical order of classes made of them."""

from __future__ import annotations

from collections.abc import Iterable

PROCESSES: dict[int, str] = {1: "4t", 2: "ttH", 3: "ttW", 4: "ttWW", 5: "ttZ"}
"""Process name of each label in the event files."""

LABELS: dict[str, int] = {name: label for label, name in PROCESSES.items()}
"""Label of each process name."""


def canonical_groups(groups: Iterable[Iterable[str]], signal_last: bool = False) -> list[list[str]]:
    """Bring classes into the one order under which equal tasks compare equal.

    Parameters
    ----------
    groups
        Classes, each of them a collection of process names.
    signal_last
        Keep the last class last: background against signal is not symmetric.

    Returns
    -------
    list of list of str
        Names sorted inside a class, classes sorted by their names joined with "+".

    Examples
    --------
    >>> canonical_groups([["ttW", "ttH"], ["4t"]])
    [['4t'], ['ttH', 'ttW']]
    >>> canonical_groups([["ttW", "ttH"], ["4t"]], signal_last=True)
    [['ttH', 'ttW'], ['4t']]
    """
    classes = [sorted(names) for names in groups]
    if not signal_last:
        return sorted(classes, key="+".join)
    return [*sorted(classes[:-1], key="+".join), *classes[-1:]]
