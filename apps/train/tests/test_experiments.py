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
from thesis_facts.anomaly import read_anomaly_scores
from thesis_train.groups import CONFIG_DIR

EXPERIMENTS = sorted(
    str(path.relative_to(CONFIG_DIR).with_suffix("")).replace("experiment/", "")
    for path in CONFIG_DIR.glob("*/experiment/*.yaml")
)  # as classifier/what_pays
# One that asks its sweeper where to go next has a test of its own.
OF_OPTUNA = {"classifier/hyperparameter_search"}

OF_TREES = {"classifier/baseline_comparison", "classifier/what_pays_trees"}  # know no epochs
# each kind of token has its own file
OF_SEVERAL_FILES = {"classifier/compare_tokenizers", "classifier/pretrained_tokens"}


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of toy events, and the same in bins."""
    folder = tmp_path_factory.mktemp("events")
    direct, binned = folder / "4tops_splitted.h5", folder / "4tops_splitted_binned.h5"
    ensure_dataset(DataConfig(path=str(direct), synthetic={"n_events": 1000, "seed": 1}))
    assert thesis_data(["bin", str(direct), str(binned)]) == 0
    return {"direct": direct, "data_root": folder}


@pytest.fixture(scope="module")
def autoencoder(events, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint of an autoencoder that has hardly learned anything."""
    run_dir = tmp_path_factory.mktemp("autoencoder") / "run"
    path = f"data.path={events['direct']}"
    small = ("phase1.trainer.epochs=1", "phase1.latent_space.codebook_size=32")
    done = run(run_dir.parent, "loop=ae", "data=h5_tokens", path, f"run_dir={run_dir}", *small)
    assert done.returncode == 0, done.stdout + done.stderr
    return run_dir / "best_val.pt"


def quick(name: str) -> tuple[str, ...]:
    """Overrides that make a run of an experiment short."""
    section = name.partition("/")[0]
    short = ["data.limit_samples=50", f"{section}.trainer.seed=0", "logging.make_plots=false"]
    if section == "classifier":
        short.append("logging.evaluation.cost=false")
    if name not in OF_TREES:
        epochs = 3 if name == "phase1/find_four_tops" else 1  # a game begins in the third
        short += [f"{section}.trainer.epochs={epochs}", f"{section}.trainer.warmup_steps=0"]
    return tuple(short)


def rows_of(run_dir: str | Path) -> tuple[int, ...]:
    """Processes of the test events, in their order."""
    if (Path(run_dir) / "facts" / "anomaly.json").exists():
        return tuple(read_anomaly_scores(run_dir, "test").process.tolist())
    return tuple(read_scores(run_dir, "test").process.tolist())


def config_of(run_dir: str | Path) -> str:
    """What the run was trained with, without its own place and number."""
    config = json.loads((Path(run_dir) / "facts" / "config.json").read_text())
    return json.dumps(
        {key: config[key] for key in config.keys() - {"run_dir", "job_id"}}, sort_keys=True
    )


# of ten models and more
LARGE = {
    "classifier/compare_norm_pos_pool",
    "classifier/regularization_sweep",
    "classifier/what_pays",
}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] if name in LARGE else [])
        for name in sorted(set(EXPERIMENTS) - OF_OPTUNA)
    ],
)
def test_runs_dry(name, events, tmp_path, request):
    section, _, experiment = name.partition("/")
    where = ["data=h5_tokens", f"data.path={events['direct']}"]
    if name in OF_SEVERAL_FILES:
        where = [f"env.data_root={events['data_root']}"]
    if name == "classifier/pretrained_tokens":
        checkpoint = request.getfixturevalue("autoencoder")
        where += [f"classifier.model.tokenizer.checkpoint_path={checkpoint}"]
    done = run(tmp_path, f"{section}/experiment={experiment}", *quick(name), *where)
    assert done.returncode == 0, done.stdout + done.stderr
    points = sweep_progress(sweep_in(tmp_path))
    assert {point.state for point in points} == {"complete"}
    assert points
    folders = [point.point.run_dir for point in points]
    assert len({rows_of(folder) for folder in folders}) == 1  # of the same test events
    assert len({config_of(folder) for folder in folders}) == len(folders)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_names_its_question(name):
    section, _, experiment = name.partition("/")
    text = (CONFIG_DIR / section / "experiment" / f"{experiment}.yaml").read_text()
    assert text.startswith("# @package _global_\n# Question: ")
    assert OmegaConf.create(text).experiment.name == experiment
