"""Find the analysis that a config names, here or in a file of the user's own."""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType
from typing import Any

from omegaconf import DictConfig

from thesis_facts.errors import ConfigError
from thesis_reports.config import ReportConfig, plain_config

# name of an analysis -> the module whose run_report(cfg) makes it
ANALYSES = {
    "analyze_pid_embeddings": "thesis_reports.analyses.analyze_pid_embeddings",
    "analyze_representations": "thesis_reports.analyses.analyze_representations",
    "anomaly_detection": "thesis_reports.analyses.anomaly_detection",
    "compare": "thesis_reports.analyses.compare",
    "compare_globals_heads": "thesis_reports.analyses.compare_globals_heads",
    "compare_tokenizers": "thesis_reports.analyses.compare_tokenizers",
    "evaluate_classifier": "thesis_reports.analyses.evaluate_classifier",
    "interpret_attention": "thesis_reports.analyses.interpret_attention",
    "scaling": "thesis_reports.analyses.scaling",
    "sweep_summary": "thesis_reports.analyses.sweep_summary",
}


def run_report(cfg: Mapping[str, Any] | DictConfig) -> None:
    """Make the report that the config names: `report_path` if given, else `report_name`."""
    values = plain_config(cfg)
    find_analysis(values.get("report_name"), values.get("report_path"))(cfg)


def find_analysis(name: object, path: object = None) -> Callable[[Any], None]:
    """The ``run_report`` function of an analysis.

    Parameters
    ----------
    name
        A key of `ANALYSES`; None means the default of `ReportConfig`.
    path
        A Python file that holds ``run_report(cfg)``; wins over `name`.
    """
    if path is not None:
        return _function(_load_file(Path(str(path)).expanduser()), str(path))
    known = str(name if name is not None else ReportConfig.model_fields["report_name"].default)
    if known not in ANALYSES:
        near = get_close_matches(known, ANALYSES, n=1)
        raise ConfigError(
            "unknown analysis",
            key="report_name",
            found=repr(known),
            expected=f"one of {', '.join(sorted(ANALYSES))}",
            do=f"did you mean {near[0]}?" if near else "or name a file with report_path=FILE.py",
        )
    return _function(importlib.import_module(ANALYSES[known]), known)


def _load_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError("no such file", key="report_path", found=str(path))
    name = f"_report_of_{path.stem}"  # none that another module may have
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ConfigError(
            "not a Python file", key="report_path", found=str(path), expected="a name in .py"
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where classes look up what their annotations name
    spec.loader.exec_module(module)
    return module


def _function(module: ModuleType, where: str) -> Callable[[Any], None]:
    function = getattr(module, "run_report", None)
    if not callable(function):
        raise ConfigError(
            "no run_report(cfg) there",
            key="report_path",
            found=where,
            do="define run_report(cfg) in it",
        )
    return function
