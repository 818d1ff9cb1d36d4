"""What went into a report can be told from its manifest, and what a run went into from the run."""

import hashlib
from pathlib import Path

import yaml


def test_the_manifest_names_what_went_in_by_hash(tmp_path, write_run, config_of, report_of) -> None:
    config = config_of()
    config["data"]["path"] = "outputs/datasets/toy.h5"  # as given where training was started
    dataset = tmp_path / "outputs" / "datasets" / "toy.h5"
    dataset.parent.mkdir(parents=True)
    dataset.write_bytes(b"events" * 1000)
    run_dir = write_run(tmp_path / "outputs" / "runs" / "a", config)
    lost = config_of(2)
    lost["data"]["path"] = "/gone/data.h5"
    write_run(tmp_path / "outputs" / "runs" / "b", lost)
    report = report_of({"inputs": {"sweep_dir": str(run_dir.parent)}})
    manifest = yaml.safe_load((report / "manifest.yaml").read_text())
    assert manifest["report_id"] == report.name
    checkpoint = run_dir / "best_val.pt"
    entry = next(run for run in manifest["runs"] if run["run_dir"] == str(run_dir))
    assert entry["checkpoint"] == {
        "path": str(checkpoint),
        "size": checkpoint.stat().st_size,
        "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
    }
    assert len(entry["config_sha1"]) == 40
    assert manifest["datasets"] == [
        {
            "path": str(dataset),
            "size": 6000,
            "sha256": hashlib.sha256(dataset.read_bytes()).hexdigest(),
            "n_runs": 1,
        },
        {"path": "/gone/data.h5", "size": None, "sha256": None, "n_runs": 1},
    ]
    assert set(manifest["versions"]) >= {"python", "thesis-reports", "thesis-facts"}


def test_each_run_is_told_of_each_report(sweep: Path, report_of) -> None:
    runs = sorted((sweep.parents[1] / "runs").iterdir())
    names = [report_of({"inputs": {"sweep_dir": str(sweep)}}).name
             for _ in range(2)]  # fmt: skip
    assert len(set(names)) == 2
    for run in runs:
        assert (run / "report_pointer.txt").read_text().split() == names


def test_a_run_that_cannot_be_written_to_is_a_warning(sweep: Path, report_of, caplog) -> None:
    run = sorted((sweep.parents[1] / "runs").iterdir())[0]
    (run / "report_pointer.txt").mkdir()  # what stops root too
    report = report_of({"inputs": {"sweep_dir": str(sweep)}})
    page = (report / "report.html").read_text()
    assert "report&#39;s id could not be left in" in page
    assert str(run) in caplog.text
