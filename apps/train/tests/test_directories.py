"""Names of runs and sweeps."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from thesis_train.directories import job_directory, reserve, run_directory


def test_a_reserved_directory_is_nobody_elses(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda _: reserve(tmp_path / "run_x"), range(24)))
    assert len(set(names)) == 24
    assert all(Path(name).is_dir() for name in names)


def test_a_given_directory_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_directory("runs/mine", "elsewhere", "x") == "runs/mine"
    assert (tmp_path / "runs" / "mine").is_dir()
    assert not (tmp_path / "elsewhere").exists()


def test_jobs_are_named_after_their_sweep(tmp_path):
    sweep = tmp_path / "multiruns" / "exp_20260101-000000_lr-2"
    expected = tmp_path / "runs" / "run_20260101-000000_lr-2_job007"
    assert job_directory(str(sweep), 7) == str(expected)
