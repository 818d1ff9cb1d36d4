"""What a classifier said of the events of a split, for the pictures of it."""

from dataclasses import dataclass

import numpy as np

from thesis_loops.monitoring.payload import Payload


@dataclass(frozen=True)
class Classified:
    """Labelled events whose logits are finite.

    Attributes
    ----------
    logits : [N, C]
    labels : [N]
    weights : [N], ones where the events have none
    names : of the classes
    """

    logits: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    names: tuple[str, ...]

    @classmethod
    def of(cls, payload: Payload) -> "Classified":
        """Those of a payload."""
        logits, labels = payload.array("logits"), payload.array("label")
        weights = payload.array("weight") if payload.has("weight") else np.ones(len(labels))
        usable = _usable(logits, labels)
        return cls(logits[usable], labels[usable], weights[usable], payload.array("class_names"))

    @property
    def signals(self) -> range:
        """Classes that count as signal in turn: class 1 of two, else each against the rest."""
        return range(1, 2) if len(self.names) == 2 else range(len(self.names))


def has_events(payload: Payload) -> bool:
    """Whether there are any."""
    return len(_labels(payload)) > 0


def has_two_classes(payload: Payload) -> bool:
    """Whether there are some of more than one class."""
    labels = _labels(payload)  # of a million events, often: nothing is sorted
    return len(labels) > 0 and labels.min() != labels.max()


def _labels(payload: Payload) -> np.ndarray:
    if not payload.has("logits", "label", "class_names"):
        return np.empty(0, dtype=np.int64)
    logits, labels = payload.array("logits"), payload.array("label")
    return labels[_usable(logits, labels)]


def _usable(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.isfinite(logits).all(axis=1) & (labels >= 0)
