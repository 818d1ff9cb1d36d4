"""Overrides that refer to others, or to the number of the job: each job resolves its own."""

import json
import shutil
from pathlib import Path

from command import QUICK, run, sweep_in
from thesis_facts import sweep_progress

# Seeds and decays of the jobs depend on what each job is.
RELATIVE = (
    "general.trainer.weight_decay=${general.trainer.lr}",
    "general.trainer.seed=${hydra:job.num}",
)


def relatives(sweep: Path) -> list[tuple[int, float, str]]:
    """Seed, decay and job id with which each job of a sweep trained."""
    found = []
    for point in sweep_progress(sweep):
        config = json.loads((Path(point.point.run_dir) / "facts" / "config.json").read_text())
        trainer = config["general"]["trainer"]
        found.append((trainer["seed"], trainer["weight_decay"], config["job_id"]))
    return found


def test_each_job_resolves_its_own_interpolations(tmp_path):
    done = run(tmp_path, "--multirun", *QUICK, "general.trainer.lr=1e-2,2e-2", *RELATIVE)
    assert done.returncode == 0, done.stderr
    assert relatives(sweep_in(tmp_path)) == [(0, 0.01, "0"), (1, 0.02, "1")]


def test_a_single_run_resolves_interpolations(tmp_path):
    done = run(tmp_path, *QUICK, "general.trainer.lr=2e-2", *RELATIVE[:1])
    assert done.returncode == 0, done.stderr
    (saved,) = tmp_path.glob("outputs/runs/*/facts/config.json")
    assert json.loads(saved.read_text())["general"]["trainer"]["weight_decay"] == 0.02


def test_a_config_file_sweeps_over_interpolations(tmp_path):
    group = tmp_path / "mine" / "classifier" / "experiment"
    group.mkdir(parents=True)
    (group / "mine.yaml").write_text(
        "# @package _global_\nhydra: {sweeper: {params: {general.trainer.lr: '1e-2,2e-2',"
        " general.trainer.weight_decay: '${general.trainer.lr}'}}}\n"
    )
    flags = ("--config-dir=mine", "classifier/experiment=mine", RELATIVE[1])
    done = run(tmp_path, "--multirun", *QUICK, *flags)
    assert done.returncode == 0, done.stderr
    assert relatives(sweep_in(tmp_path)) == [(0, 0.01, "0"), (1, 0.02, "1")]


def test_a_point_that_is_gone_on_with_keeps_its_number(tmp_path):
    done = run(tmp_path, "--multirun", *QUICK, "general.trainer.lr=1e-2,2e-2,3e-2", *RELATIVE)
    assert done.returncode == 0, done.stderr
    last = Path(sweep_progress(sweep_in(tmp_path))[2].point.run_dir)
    shutil.rmtree(last)
    done = run(tmp_path, "--continue", str(sweep_in(tmp_path)))
    assert done.returncode == 0, done.stderr
    assert relatives(sweep_in(tmp_path))[2] == (2, 0.03, "2")
