"""Reports on training runs, made from the facts that the runs left behind."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thesis_reports.config import ReportConfig, read_config
    from thesis_reports.registry import ANALYSES, run_report
    from thesis_reports.report import Report, open_report

# the names are looked up on first use: a command line that only prints its help stays light
_HOME = {
    "ANALYSES": "thesis_reports.registry",
    "Report": "thesis_reports.report",
    "ReportConfig": "thesis_reports.config",
    "open_report": "thesis_reports.report",
    "read_config": "thesis_reports.config",
    "run_report": "thesis_reports.registry",
}

__all__ = ["ANALYSES", "Report", "ReportConfig", "open_report", "read_config", "run_report"]


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
