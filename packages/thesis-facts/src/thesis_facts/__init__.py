"""What a training run leaves behind: write it, read it, classify it.

The names below are loaded on first use, so that ``import thesis_facts`` costs nothing. Type
checkers and editors read them from ``__init__.pyi``.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_NAMES = {
    "axes": "AXES infer_axes read_axes",
    "builders": "MOMENTS build_event_payload run_meta",
    "compare": "Comparison compare_runs",
    "discovery": "discover_runs write_pointer",
    "evaluation": "read_evaluation",
    "errors": "ConfigError DataError LockedError RunError ThesisError explain",
    "files": "describe_file",
    "histories": "read_histories",
    "locks": "lock_holder run_lock",
    "meta": "infer_meta meta_hash read_meta write_meta",
    "metrics": (
        "accuracy asimov_significance auroc auroc_uncertainty brier calibration_error "
        "classification_metrics classification_report effective_events efficiency_at_rejection "
        "expected_significance f1 log_loss paired_auroc_difference process_report rejection_at "
        "roc_curve significance"
    ),
    "processes": "LABELS PROCESSES canonical_groups",
    "readers": "Runs load_runs read_config read_events",
    "scores": "Scores read_scores write_scores",
    "sweeps": "Point SweepPlan read_plan sweep_progress write_plan",
    "writers": (
        "append_jsonl_event append_scalars_csv truncate_scalars write_atomic write_json"
    ),
}  # fmt: skip
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
