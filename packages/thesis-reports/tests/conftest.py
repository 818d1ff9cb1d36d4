"""Run directories as a live run leaves them, small and made by hand, and a sweep of four."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import settings

from thesis_facts import (
    Scores,
    append_jsonl_event,
    append_scalars_csv,
    build_event_payload,
    classification_report,
    run_meta,
    write_json,
    write_pointer,
    write_scores,
)
from thesis_reports import run_report

CLASS_NAMES = ("ttH+ttW+ttWW+ttZ", "4t")

settings.register_profile("busy", deadline=None)  # other work may share the processor
settings.load_profile("busy")

WriteRun = Callable[..., Path]


@pytest.fixture
def write_run() -> WriteRun:
    """Write a run directory; see `_write_run` for what can be chosen."""
    return _write_run


@pytest.fixture
def config_of() -> Callable[..., dict[str, Any]]:
    """A composed config, cut to what a report looks at."""
    return _config_of


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """A sweep of four: two seeds of dim 64, a crashed and a half-written run of dim 32."""
    root = tmp_path / "outputs"
    sweep_dir = root / "multiruns" / "exp_20260101-120000_dims"
    jobs = [(64, 1, "complete"), (64, 2, "complete"), (32, 1, "crashed"), (32, 2, "torn")]
    for job, (dim, seed, end) in enumerate(jobs):
        overrides = [f"classifier.model.dim={dim}", f"classifier.trainer.seed={seed}"]
        run_dir = root / "runs" / f"run_20260101-120000_dims_job{job:03d}"
        _write_run(
            run_dir,
            _config_of(seed, dim),
            overrides=tuple(overrides),
            n_epochs=5 if end == "complete" else 2,
            end=end,
        )
        if end == "torn":
            with (run_dir / "facts" / "scalars.csv").open("a") as file:
                file.write("2,train,0.5")
        write_pointer(sweep_dir, job, run_dir, overrides)
    return sweep_dir


@pytest.fixture
def report_of(tmp_path: Path) -> Callable[..., Path]:
    """Run a report, without figures unless told otherwise; gives the directory it wrote."""

    def report(cfg: dict[str, Any], root: Path | None = None) -> Path:
        reports = (root or tmp_path / "outputs") / "reports"
        before = set(reports.glob("report_*"))
        run_report({"outputs": {"which_figures": []}} | cfg)
        (written,) = set(reports.glob("report_*")) - before
        return written

    return report


def _config_of(seed: int = 1, dim: int = 64, **model: Any) -> dict[str, Any]:
    """A composed config as thesis-train resolves it, cut to what a report looks at."""
    return {
        "loop": "transformer_classifier",
        "env": {"output_root": "outputs", "data_root": "data"},
        "data": {
            "kind": "events",
            "path": None,
            "seed": 42,
            "n_tokens": 18,
            "globals": {"present": True, "size": 2},
            "norm": "zscore",
            "classifier": {"signal_vs_background": {"signal": 1, "background": [2, 3, 4, 5]}},
        },
        "classifier": {
            "model": {"dim": dim, "depth": 6, "heads": 8, "positional": "none", **model},
            "trainer": {"epochs": 5, "batch_size": 256, "lr": 1e-3, "seed": seed},
        },
        "meta": {"goal": "classification"},
        "experiment": {"name": "sweep"},
    }


def _write_run(
    run_dir: Path,
    config: dict[str, Any],
    *,
    overrides: tuple[str, ...] = (),
    separation: float = 1.8,
    n_epochs: int = 5,
    end: str = "complete",
    with_scores: bool = True,
    dataset: dict[str, Any] | None = None,
) -> Path:
    """Write a run; `end` is complete, crashed, or anything else for killed without a word.

    `dataset` is what it records of its data, as `thesis_data.describe_dataset` gives it.
    """
    facts = run_dir / "facts"
    facts.mkdir(parents=True)
    seed = config["classifier"]["trainer"]["seed"]
    generator = np.random.default_rng([seed, config["classifier"]["model"]["dim"]])
    _write_hydra(run_dir, config, overrides)
    write_json(facts / "config.json", config)
    meta = run_meta(f"id-{run_dir.name}", seed, versions={}, cuda_info={"available": False})

    def event(moment: str, **fields: Any) -> None:
        payload = build_event_payload(moment, run_dir=str(run_dir), meta=meta, **fields)
        append_jsonl_event(run_dir, payload)

    event("on_start", **({} if dataset is None else {"dataset": dataset}))
    histories: dict[str, list[float]] = {"train_loss": [], "val_loss": []}
    for epoch in range(n_epochs):
        progress = 1 - np.exp(-(epoch + 1) / 2)
        scores = _scores(generator, separation * progress, 600)
        metrics = _brief(scores)
        losses = {"train_loss": 0.7 - 0.3 * progress, "val_loss": 0.72 - 0.28 * progress}
        for split in ("train", "val"):
            own = f"{split}_loss"
            append_scalars_csv(
                run_dir,
                {"epoch": epoch, "split": split, own: losses[own], "epoch_time_s": 2.0,
                 "throughput": 9000.0, **{f"metric_{k}": v for k, v in metrics.items()}},
            )  # fmt: skip
        for name, history in histories.items():
            history.append(losses[name])
        event("on_epoch_end", epoch=epoch, metrics=metrics, epoch_time_s=2.0, **losses)
    if end == "crashed":
        event("on_exception", error=ValueError("loss is not finite <b>at step 3</b>"))
    if end != "complete":
        return run_dir
    (run_dir / "best_val.pt").write_bytes(f"weights of {run_dir.name}".encode())
    test = _scores(generator, separation, 2000)
    report = classification_report(test.logits, test.labels, test.class_names)
    if with_scores:
        write_scores(run_dir, "test", test)
        # every run scores the same validation events
        write_scores(run_dir, "val", _scores(np.random.default_rng(7), separation, 1500))
    row = {f"metric_{name}": value for name, value in report.items()}
    append_scalars_csv(run_dir, {"epoch": n_epochs - 1, "split": "test", **row})
    event("on_test_end", split="test", metrics=report)
    event("on_train_end", total_time_s=2.0 * n_epochs, histories=histories)
    return run_dir


def _scores(generator: np.random.Generator, separation: float, n_events: int) -> Scores:
    labels = generator.integers(0, 2, n_events)
    margin = generator.normal(separation * (labels - 0.5), 1.0)
    logits = np.stack([-margin * separation / 2, margin * separation / 2], axis=1)
    return Scores(logits, labels, CLASS_NAMES)


def _brief(scores: Scores) -> dict[str, float]:
    report = classification_report(scores.logits, scores.labels, scores.class_names)
    return {name: report[name] for name in ("acc", "auroc", "f1")}


def _write_hydra(run_dir: Path, config: dict[str, Any], overrides: tuple[str, ...]) -> None:
    hydra = run_dir / ".hydra"
    hydra.mkdir()
    (hydra / "config.yaml").write_text(yaml.safe_dump(config))
    (hydra / "overrides.yaml").write_text(yaml.safe_dump(list(overrides)))
    (hydra / "hydra.yaml").write_text(json.dumps({"hydra": {"job": {"name": "sweep"}}}))
