"""Every experiment of `configs/` runs: each of its points on 50 events, one epoch long."""

import json
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from command import run, sweep_in
from thesis_data.cli import main as thesis_data
from thesis_data.config import DataConfig
from thesis_data.toy_dataset import ensure_dataset
from thesis_facts import read_scores, sweep_progress
from thesis_train.groups import CONFIG_DIR

EXPERIMENTS = sorted(path.stem for path in CONFIG_DIR.glob("classifier/experiment/*.yaml"))
# One that asks its sweeper where to go next has a test of its own.
OF_OPTUNA = {"hyperparameter_search"}

QUICK = (
    "data.limit_samples=50",
    "classifier.trainer.seed=0",
    "logging.evaluation.cost=false",
)
ONE_EPOCH = ("classifier.trainer.epochs=1", "classifier.trainer.warmup_steps=0")
OF_TREES = {"baseline_comparison", "what_pays_trees"}  # which know no epochs


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of toy events, and the same in bins."""
    folder = tmp_path_factory.mktemp("events")
    direct, binned = folder / "4tops_splitted.h5", folder / "4tops_splitted_binned.h5"
    ensure_dataset(DataConfig(path=str(direct), synthetic={"n_events": 1000, "seed": 1}))
    assert thesis_data(["bin", str(direct), str(binned)]) == 0
    return {"direct": direct, "data_root": folder}


def rows_of(run_dir: str | Path) -> tuple[int, ...]:
    """Processes of the test events, in their order."""
    return tuple(read_scores(run_dir, "test").process.tolist())


def config_of(run_dir: str | Path) -> str:
    """What the run was trained with, without its own place and number."""
    config = json.loads((Path(run_dir) / "facts" / "config.json").read_text())
    return json.dumps(
        {key: config[key] for key in config.keys() - {"run_dir", "job_id"}}, sort_keys=True
    )


@pytest.mark.parametrize("name", sorted(set(EXPERIMENTS) - OF_OPTUNA))
def test_runs_dry(name, events, tmp_path):
    quick = QUICK if name in OF_TREES else (*QUICK, *ONE_EPOCH)
    where = (
        (f"env.data_root={events['data_root']}",)
        if name == "compare_tokenizers"  # each kind of token has its own file
        else ("data=h5_tokens", f"data.path={events['direct']}")
    )
    done = run(tmp_path, f"classifier/experiment={name}", *quick, *where)
    assert done.returncode == 0, done.stdout + done.stderr
    points = sweep_progress(sweep_in(tmp_path))
    assert {point.state for point in points} == {"complete"}
    assert points
    folders = [point.point.run_dir for point in points]
    assert len({rows_of(folder) for folder in folders}) == 1  # of the same test events
    assert len({config_of(folder) for folder in folders}) == len(folders)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_names_its_question(name):
    text = (CONFIG_DIR / "classifier" / "experiment" / f"{name}.yaml").read_text()
    assert text.startswith("# @package _global_\n# Question: ")
    assert OmegaConf.create(text).experiment.name == name
