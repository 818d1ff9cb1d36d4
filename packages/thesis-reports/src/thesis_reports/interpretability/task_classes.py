"""Classes of a task in the order of their numbers, as the config of a run has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from thesis_facts.configs import value_at
from thesis_facts.processes import LABELS, PROCESSES

_SIGNAL = LABELS["4t"]


@dataclass(frozen=True)
class TaskClass:
    """A class: what it is called, and the labels of the processes in it."""

    name: str
    labels: tuple[int, ...]


def task_classes(config: Mapping[str, Any]) -> list[TaskClass]:
    """The classes; empty where the config has none.

    >>> task = {"signal_vs_background": {"signal": 1, "background": [2, 3]}}
    >>> [one.name for one in task_classes({"data": {"classifier": task}})]
    ['ttH+ttW', '4t']
    """
    task = value_at(config, "data.classifier")
    if not isinstance(task, Mapping):
        return []
    groups, sides = task.get("label_groups"), task.get("signal_vs_background")
    if isinstance(groups, list) and groups:
        known = [group for group in groups if isinstance(group, Mapping)]
        return [TaskClass(str(g.get("name")), _labels(g.get("labels"))) for g in known]
    if isinstance(sides, Mapping):
        of_sides = [_labels(sides.get(side)) for side in ("background", "signal")]
    else:
        of_sides = [(label,) for label in _labels(task.get("selected_labels"))]
    return [TaskClass("+".join(PROCESSES.get(x, str(x)) for x in s), s) for s in of_sides]


def signal_number(classes: list[TaskClass]) -> int | None:
    """Number of the class that holds 4t; None where none does."""
    return next((k for k, one in enumerate(classes) if _SIGNAL in one.labels), None)


def _labels(value: object) -> tuple[int, ...]:
    """In any form that a command line produces: 1, "1,2", [1, 2]."""
    return tuple(int(label) for label in re.findall(r"\d+", str(value)))
