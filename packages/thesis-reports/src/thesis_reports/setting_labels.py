"""Labels of settings short enough for a legend, where that leaves them different."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from thesis_reports.aggregation import Setting
from thesis_reports.naming import value_text


def shorten_labels(settings: Sequence[Setting]) -> list[Setting]:
    """The same settings, without keys that one lacks and with classes by their last name.

    Parts that only some settings have (such as those of a quantised latent space) would fill a
    label with dashes. Where short labels are not all different, or empty, the long ones stay.
    """
    labels = [_short(setting.values) for setting in settings]
    if not all(labels) or len(set(labels)) < len(labels):
        return list(settings)
    return [replace(one, label=label) for one, label in zip(settings, labels, strict=True)]


def _short(values: Mapping[str, Any]) -> str:
    known = {name: value for name, value in values.items() if value is not None}
    return ", ".join(
        str(value).rpartition(".")[2] if name == "_target_" else f"{name}={value_text(value)}"
        for name, value in known.items()
    )
