"""Reports of runs of earlier code: schema 1, no test results in their facts, no JSON config."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

LOSSES = (0.9, 0.7, 0.8)
PNG = {"which_figures": [], "fig_format": ["png"]}

WriteOldRun = Callable[..., Path]


@pytest.fixture
def old_sweep(tmp_path: Path, config_of: Callable[..., dict[str, Any]]) -> Path:
    """A sweep that names alone tie to its runs: transformer of two kinds, MLP, BDT, autoencoder."""
    runs = tmp_path / "outputs" / "runs"
    jobs = [
        ("transformer_classifier", {"positional": "none"}),
        ("transformer_classifier", {"positional": "learned"}),
        ("mlp_classifier", {}),
        ("bdt_classifier", {}),
        ("ae", {}),
    ]
    for job, (loop, model) in enumerate(jobs):
        config = config_of(seed=1, **model) | {"loop": loop}
        config["data"] |= {"num_workers": 0, "path": "/data/tops.h5"}
        config["phase1"] = {"trainer": {"epochs": 3, "lr": 1e-3, "seed": 5}}
        config["meta"] = {"goal": None}
        write_old_run(runs / f"run_20250101-120000_old_job{job}", config, 0.01 * job)
    sweep = tmp_path / "outputs" / "multiruns" / "exp_20250101-120000_old"
    sweep.mkdir(parents=True)
    return sweep


def write_old_run(run_dir: Path, config: Mapping[str, Any], better: float) -> Path:
    facts = run_dir / "facts"
    facts.mkdir(parents=True)
    is_ae = config["loop"] == "ae"
    (run_dir / "cfg.yaml").write_text(yaml.safe_dump(dict(config)))
    head = "epoch,split,train_loss,val_loss,epoch_time_s,throughput,max_memory_mib,"
    rows = [head + ("metric_perplex" if is_ae else "metric_acc,metric_auroc,metric_f1")]
    events: list[dict[str, Any]] = [{"moment": "on_start", "seed": 1}]
    for epoch, loss in enumerate(LOSSES):
        auroc = 0.6 + 0.1 * epoch + better
        if is_ae:
            rows.append(f"{epoch},train,{loss + 0.1},,1.5,900.0,,")
            rows.append(f"{epoch},val,,{loss},1.5,900.0,,{10 + epoch}.0")
        else:
            rows.append(f"{epoch},val,{loss - 0.1},{loss},1.5,900.0,,0.6,{auroc},0.5")
        metrics = {"perplex": 10.0} if is_ae else {"acc": 0.6, "auroc": auroc, "f1": float("nan")}
        events.append({"moment": "on_epoch_end", "epoch": epoch, "val_loss": loss})
        events[-1] |= {"train_loss": loss - 0.1, "metrics": metrics, "histories": {}}
    histories = {"val_loss": list(LOSSES), "rec_tokens": list(LOSSES)}
    events.append({"moment": "on_train_end", "total_time_s": 4.5, "histories": histories})
    lines = []
    for number, event in enumerate(events):  # a new id in each, a seed that no loop used
        meta = {"run_id": f"{run_dir.name}-{number}", "git_commit": "3b5cb94", "seed": 42}
        lines.append(json.dumps({"schema_version": 1, "run_dir": "/gone", "meta": meta, **event}))
    (facts / "events.jsonl").write_text("\n".join(lines) + "\n")
    (facts / "scalars.csv").write_text("\r\n".join(rows) + "\r\n")
    return run_dir


def content(folder: Path) -> dict[Path, bytes]:
    """Files under a folder; the list of reports that used a run may be added to it."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "report_pointer.txt"
    }


def report_on(name: str, sweep: Path, **more: Any) -> tuple[dict[str, Any], str]:
    """What a report of old runs says, as data and as a page."""
    reports = sweep.parents[1] / "reports"
    before = set(reports.glob("report_*"))
    run_report = import_module(f"thesis_reports.analyses.{name}").run_report
    run_report({"inputs": {"sweep_dir": str(sweep)}, "outputs": PNG, **more})
    (written,) = set(reports.glob("report_*")) - before
    page = (written / "report.html").read_text()
    return json.loads((written / "training" / "summary.json").read_text()), page


def test_the_summary_knows_each_loop_and_leaves_the_runs_as_they_are(old_sweep: Path) -> None:
    runs = old_sweep.parents[1] / "runs"
    before = content(runs)
    summary, page = report_on("sweep_summary", old_sweep)
    assert content(runs) == before
    families = {row["run_dir"][-4:]: row["model_family"] for row in summary["runs"]}
    assert families == {
        "job0": "transformer",
        "job1": "transformer",
        "job2": "mlp",
        "job3": "bdt",
        "job4": "ae",
    }
    assert "All 5 runs finished." in page


@pytest.mark.parametrize("name", ["compare", "scaling"])
def test_without_a_test_result_the_answer_says_what_to_ask_for(old_sweep: Path, name: str) -> None:
    _, page = report_on(name, old_sweep)
    advice = f"{name}.split=val judges by the validation split."
    assert f"No run has an AUROC on the test split; {advice}" in page
    summary, page = report_on(name, old_sweep, **{name: {"split": "val"}})
    assert "No run has" not in page
    judged = [round(group["mean"], 6) for group in summary["groups"]]
    assert judged == [0.7, 0.71, 0.72, 0.73]  # each at its best epoch; the autoencoder has none


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("evaluate_classifier", "No run has scores of a classifier on the test split"),
        ("anomaly_detection", "No run has anomaly scores"),
        ("analyze_representations", "No run has embeddings"),
        ("analyze_pid_embeddings", "No run has learned vectors"),
        ("interpret_attention", "No run has maps of its attention"),
        ("compare_tokenizers", "No autoencoder has"),
        ("compare_globals_heads", "No run has"),
    ],
)
def test_what_old_runs_cannot_answer_is_said_on_the_page(
    old_sweep: Path, name: str, answer: str
) -> None:
    assert answer in report_on(name, old_sweep)[1]
