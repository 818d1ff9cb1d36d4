"""What went into a report can be told from its manifest, and what a run went into from the run."""

import hashlib
from pathlib import Path

import yaml


def test_the_manifest_names_runs_and_checkpoints_by_hash(sweep: Path, report_of) -> None:
    report = report_of({"inputs": {"sweep_dir": str(sweep)}})
    manifest = yaml.safe_load((report / "manifest.yaml").read_text())
    assert manifest["report_id"] == report.name
    checkpoint = sweep.parents[1] / "runs" / "run_20260101-120000_dims_job000" / "best_val.pt"
    entry = next(run for run in manifest["runs"] if run["run_dir"] == str(checkpoint.parent))
    assert entry["checkpoint"] == {
        "path": str(checkpoint),
        "size": checkpoint.stat().st_size,
        "sha256": hashlib.sha256(checkpoint.read_bytes()).hexdigest(),
    }
    assert len(entry["config_sha1"]) == 40
    assert set(manifest["versions"]) >= {"python", "thesis-reports", "thesis-facts"}


def test_data_sets_are_those_that_the_runs_recorded(
    tmp_path, write_run, config_of, report_of
) -> None:
    def described(path, content: str, **more) -> dict:
        return {"path": path, "size": len(content), "sha256": content, **more}

    parts = [described(f"part_{n}.h5", f"content {n}") for n in (1, 2)]
    gone = described(str(tmp_path / "gone.h5"), "content 0")
    pattern = described("part_*.h5", "contents 1 and 2", files=parts)
    listed = pattern | {"path": ["part_1.h5", "part_2.h5"]}
    replaced = tmp_path / "replaced.h5"
    before = described(str(replaced), "what the run read")
    replaced.write_text("another content, written after the run")
    read = [gone, gone, pattern, listed, before]
    for number, dataset in enumerate(read):
        config = config_of(number)
        config["data"]["path"] = dataset["path"]
        write_run(tmp_path / "outputs" / "runs" / f"run_{number}", config, dataset=dataset)
    report = report_of({"inputs": {"sweep_dir": str(tmp_path / "outputs" / "runs")}})
    manifest = yaml.safe_load((report / "manifest.yaml").read_text())
    assert manifest["datasets"] == [
        {**gone, "n_runs": 2},
        *({**dataset, "n_runs": 1} for dataset in (pattern, listed, before)),
    ]


def test_of_a_run_that_recorded_no_data_set_only_the_path_is_known(
    tmp_path, write_run, config_of, report_of
) -> None:
    paths = [str(tmp_path / "events.h5"), ["a.h5", "b.h5"], None]
    (tmp_path / "events.h5").write_text("perhaps not what the run read")
    for number, path in enumerate(paths):
        config = config_of(number)
        config["data"]["path"] = path
        write_run(tmp_path / "outputs" / "runs" / f"run_{number}", config)
    report = report_of({"inputs": {"sweep_dir": str(tmp_path / "outputs" / "runs")}})
    manifest = yaml.safe_load((report / "manifest.yaml").read_text())
    assert manifest["datasets"] == [
        {"path": path, "size": None, "sha256": None, "n_runs": 1} for path in paths[:2]
    ]


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
