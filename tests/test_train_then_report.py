"""The whole: train as a user does, and let reports score the checkpoints again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
import yaml

from thesis_facts import read_scores
from thesis_facts.anomaly import read_anomaly_scores

SMALL = [
    "data.synthetic.n_events=1500",
    "data.path=events.h5",
    "device=cpu",
]
TRANSFORMER = ["classifier.trainer.epochs=1", "classifier.model.dim=16", "classifier.model.depth=1"]
LOOPS = {
    "transformer_classifier": TRANSFORMER,
    "mlp_classifier": ["classifier.trainer.epochs=1", "classifier.model.hidden_sizes=[16]"],
    "bdt_classifier": [],
    "ae": ["phase1.trainer.epochs=1"],
}


def _run(folder: Path, *words: str) -> str:
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which one run of each loop was trained."""
    folder = tmp_path_factory.mktemp("work")
    for loop, options in LOOPS.items():
        _run(folder, "thesis-train", f"loop={loop}", f"experiment.name={loop}", *SMALL, *options)
    return folder


def _only_run(folder: Path, loop: str) -> Path:
    (run_dir,) = (folder / "outputs" / "runs").glob(f"run_*_{loop}")
    return run_dir


@pytest.mark.parametrize("loop", LOOPS)
def test_reports_score_events_exactly_as_training_did(folder: Path, loop: str) -> None:
    run_dir = _only_run(folder, loop)
    name = "anomaly_detection" if loop == "ae" else "evaluate_classifier"
    output = _run(
        folder, "thesis-report", "--config-name", name, f"inputs.run_dirs={run_dir}",
        "inference.enabled=true", "outputs.which_figures=[]",
    )  # fmt: skip
    report = Path(output.split("Report: ")[1].strip()).parent
    manifest = yaml.safe_load((report / "manifest.yaml").read_text())
    assert manifest["inference"]["n_scored"] >= 1
    for scored in manifest["scores"]:
        if loop == "ae":
            again = read_anomaly_scores(scored["path"]).scores
            written = read_anomaly_scores(run_dir, scored["split"]).scores
            assert list(again) == list(written)
            for score, values in written.items():
                np.testing.assert_array_equal(again[score], values)
        else:
            again, written = read_scores(scored["path"]), read_scores(run_dir, scored["split"])
            np.testing.assert_array_equal(again.logits, written.logits)
    assert "items follow from what went in" in _run(folder, "thesis-report", "verify", str(report))


def test_one_summary_of_all_of_them(folder: Path) -> None:
    output = _run(folder, "thesis-report", "inputs.run_dirs=outputs/runs/*")
    assert "All 4 runs finished" in output
