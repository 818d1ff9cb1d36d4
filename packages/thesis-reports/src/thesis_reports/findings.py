"""What a report found, as data: the content of ``summary.json`` beside its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from thesis_reports.aggregation import SettingResult
from thesis_reports.best_run import BestRun, seed_noise
from thesis_reports.ranking import Metric
from thesis_reports.report import Report


def findings(
    report: Report, best: BestRun | None, metric: Metric, results: Sequence[SettingResult]
) -> dict[str, Any]:
    """Question and answer, the settings in order, the best run with its test metrics."""
    noise, n_settings = seed_noise(results)
    return {
        "question": report.question,
        "answer": report.answer,
        "ranked_by": {**asdict(metric), "split": "val"},
        "status": {**report.runs["status"].value_counts(), "skipped": len(report.skipped)},
        "best": _best(best) if best is not None else None,
        "seed_noise": {"median_sd": noise, "n_settings": n_settings},
        "settings": [_setting(result) for result in results],
        "sweeps": [asdict(state) for state in report.sweeps],
        "skipped": [{"path": path, "reason": reason} for path, reason in report.skipped],
    }


def _best(best: BestRun) -> dict[str, Any]:
    return {
        "run_dir": best.run_dir,
        "setting": best.result.setting.values,
        "validation": asdict(best.result.metric),
        "lead": asdict(best.lead) if best.lead else None,
        "test": best.test.values,
        "test_seeds": asdict(best.test_seeds),
    }


def _setting(result: SettingResult) -> dict[str, Any]:
    return {
        "label": result.setting.label,
        "values": result.setting.values,
        **asdict(result.metric),
        "run_dirs": list(result.setting.run_dirs),
        "best_run": result.best_run,
    }
