"""Scores of events from checkpoints; needs the extra ``inference``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thesis_facts.errors import ConfigError
from thesis_reports.config import ReportConfig

if TYPE_CHECKING:
    from thesis_reports.inference.scorer import Scorer


def load_scorer(
    config: ReportConfig, configs: Mapping[str, Mapping[str, Any]], cache: Path
) -> Scorer:
    """The scorer of a report.

    Raises
    ------
    ConfigError
        What it needs is not installed, or there is no such device.
    """
    try:
        from thesis_reports.inference.scorer import Scorer
    except ModuleNotFoundError as error:
        raise ConfigError(
            "checkpoints are scored with torch, which is not installed",
            key="inference.enabled",
            found=f"no module {error.name}",
            do="pip install 'thesis-reports[inference]'",
        ) from error
    return Scorer(config, configs, cache)
