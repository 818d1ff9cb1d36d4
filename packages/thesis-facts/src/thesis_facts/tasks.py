"""Which processes a configuration puts into which class."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from thesis_facts.configs import value_at
from thesis_facts.processes import PROCESSES, canonical_groups


def infer_process_groups(config: Mapping[str, Any]) -> list[list[str]] | None:
    """Classes of the task in canonical order; None where the configuration doesn't name them.

    The first of ``label_groups``, ``signal_vs_background`` and ``selected_labels`` that is set
    decides. A label without a process name, in two classes, or an empty class proves nothing.
    """
    task = value_at(config, "data.classifier")
    if not isinstance(task, Mapping):
        return None
    classes = _classes(task)
    if not classes:
        return None
    labels = [label for members in classes for label in members]
    if not all(classes) or len(set(labels)) < len(labels) or not set(labels) <= set(PROCESSES):
        return None
    names = [[PROCESSES[label] for label in members] for members in classes]
    return canonical_groups(names, signal_last=keeps_signal_last(config))


def keeps_signal_last(config: Mapping[str, Any]) -> bool:
    """Whether the task is background against signal, whose order has a meaning."""
    return (
        value_at(config, "data.classifier.label_groups") is None
        and value_at(config, "data.classifier.signal_vs_background") is not None
    )


def _classes(task: Mapping[str, Any]) -> list[list[int]] | None:
    """Labels of each class, background before signal."""
    groups = task.get("label_groups")
    if groups is not None:
        if not isinstance(groups, list) or not all(isinstance(group, Mapping) for group in groups):
            return None
        return [_labels(group.get("labels")) for group in groups]
    sides = task.get("signal_vs_background")
    if sides is not None:
        if not isinstance(sides, Mapping):
            return None
        return [_labels(sides.get("background")), _labels(sides.get("signal"))]
    return [[label] for label in _labels(task.get("selected_labels"))]


def _labels(value: Any) -> list[int]:
    """Labels in any form that a command line produces: 1, "1,2", "1:2", "[1,2]", [1, 2]."""
    if isinstance(value, str):
        value = [part for part in re.split(r"[,:\s\[\]]+", value) if part]
    elif not isinstance(value, list):
        value = [] if value is None else [value]
    try:
        return [int(label) for label in value]
    except (TypeError, ValueError, OverflowError):
        return []
