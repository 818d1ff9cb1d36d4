"""Sweeps that are killed, and go on: each point is run to its end once."""

import signal
from pathlib import Path

from command import run, start
from thesis_facts import sweep_progress

# Four points of about a tenth of a second, one of which can't be right.
POINTS = (
    "loop=test_mlp",
    "general.trainer.epochs=60",
    "data.n_samples=200",
    "general.trainer.lr=1e-3,2e-3,-1,3e-3",
)


def sweep_in(folder: Path) -> Path:
    (sweep,) = (folder / "outputs" / "multiruns").glob("exp_*")
    return sweep


def states(sweep: Path) -> list[str]:
    return [point.state for point in sweep_progress(sweep)]


def stamps(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


def starts(sweep: Path) -> list[int]:
    """How often each point's training ended well."""
    ends = []
    for point in sweep_progress(sweep):
        events = Path(point.point.run_dir) / "facts" / "events.jsonl"
        ends.append(events.read_text().count('"moment": "on_train_end"') if events.exists() else 0)
    return ends


def kill_in_job(folder: Path, job: int, *arguments: str) -> None:
    """Run a command and SIGKILL it while a job trains."""
    process = start(folder, *arguments)

    def trains() -> bool:
        found = list(folder.glob(f"outputs/runs/*_job{job:03d}/last.pt"))
        return bool(found) and (found[0].parent / ".lock.json").exists()

    process.wait_for(trains)
    process.send(signal.SIGKILL)
    assert process.end().returncode == -signal.SIGKILL


def test_a_sweep_that_is_killed_twice_goes_on(tmp_path):
    kill_in_job(tmp_path, 1, "--multirun", *POINTS)
    sweep = sweep_in(tmp_path)
    assert states(sweep) == ["complete", "incomplete", "missing", "missing"]
    first = Path(sweep_progress(sweep)[0].point.run_dir)
    before = stamps(first)

    kill_in_job(tmp_path, 3, "--continue", str(sweep))
    assert states(sweep) == ["complete", "complete", "crashed", "incomplete"]

    done = run(tmp_path, "--continue", str(sweep))
    assert done.returncode == 1, done.stderr
    assert states(sweep) == ["complete", "complete", "crashed", "complete"]
    assert "4: 3 complete (1 now), 1 failed" in done.stdout
    assert "job 2      failed: wrong value: general.trainer.lr: found -1" in done.stdout
    assert starts(sweep) == [1, 1, 0, 1]
    assert stamps(first) == before
    assert len(list((tmp_path / "outputs" / "runs").iterdir())) == 4
