"""What bdt_classifier costs beside bare `xgboost.train` with the same rounds on the same table.

Both run in this process, in turn, each on a fresh matrix:

    OMP_NUM_THREADS=1 uv run --all-packages python benchmarks/train_bdt.py [FILE.h5] [overrides]

Without a file, toy events are generated. Ours writes a run directory: a row and an event for each
round, checkpoints, metrics. The bare call follows the loss of both splits, as one does to stop in
time; `--follow` lets it follow nothing, or AUROC and error rate as well, as ours does.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xgboost

from thesis_arch.baselines.bdt import BoostedTrees
from thesis_arch.baselines.bdt_config import BDTConfig, BDTSpec
from thesis_data.loading import EventData, load_events
from thesis_data.synthetic.config import ToyConfig
from thesis_data.synthetic.dataset import write_toy_dataset
from thesis_loops.bdt_classifier import make_sample
from thesis_loops.boosting import Boosting, Sample, boost
from thesis_loops.classification import (
    boosting_sections,
    epoch_metrics,
)
from thesis_loops.config import RunConfig, check_config
from thesis_loops.engine.run import open_run
from thesis_loops.starting import begin_facts, build_for_events
from thesis_train import compose

OPTIONS = ("max_depth", "learning_rate", "subsample", "colsample_bytree", "min_child_weight",
           "gamma", "reg_alpha", "reg_lambda")  # fmt: skip

FOLLOWED = {"nothing": [], "losses": ["logloss"], "metrics": ["auc", "error", "logloss"]}


def seconds_of(action: Callable[[], Any]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def bare(options: BDTConfig, train: Sample, val: Sample, followed: list[str]) -> None:
    """The call that one would write without any of this."""
    xgboost.train(
        {name: getattr(options, name) for name in OPTIONS}
        | {"objective": "binary:logistic", "tree_method": "hist", "nthread": options.n_jobs or 0}
        | {"eval_metric": followed},
        train.matrix,
        num_boost_round=options.n_estimators,
        evals=[(train.matrix, "train"), (val.matrix, "val")] if followed else [],
        verbose_eval=False,
    )


def ours(config: RunConfig, model: BoostedTrees, train: Sample, val: Sample) -> None:
    """The same rounds on the engine's services, in a new run directory."""
    section, events = boosting_sections(config)
    with tempfile.TemporaryDirectory() as folder:
        placed = config.model_copy(update={"run_dir": str(Path(folder) / "run")})
        with open_run(placed, section.trainer) as run:
            begin_facts(run, model, events)
            boost(run, Boosting(model, train, val, epoch_metrics(section.trainer.metrics)))


def compare(config: RunConfig, data: EventData, repeats: int, followed: list[str]) -> None:
    """Print the seconds of both, in turn, and their ratios."""
    section, events = boosting_sections(config)
    spec = BDTSpec(model=section.model, globals=section.globals)
    ratios = []
    for _ in range(repeats):
        model = build_for_events(BoostedTrees, spec, events, data)

        def samples(model: BoostedTrees = model) -> tuple[Sample, Sample]:
            made = (make_sample(model, split, 4096) for split in (data.train, data.val))
            return next(made), next(made)

        tables = [samples() for _ in range(3)]
        before = seconds_of(lambda t=tables[0]: bare(section.model, *t, followed))
        found = seconds_of(lambda m=model, t=tables[1]: ours(config, m, *t))
        after = seconds_of(lambda t=tables[2]: bare(section.model, *t, followed))
        ratios.append(found / ((before + after) / 2))
        print(f"bare {before:.2f} s, {after:.2f} s   ours {found:.2f} s ({ratios[-1]:.2f}x)")
    print(f"median {statistics.median(ratios):.3f}x ({min(ratios):.2f} to {max(ratios):.2f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", help="H5 file of events; none: toy events")
    parser.add_argument("--rounds", type=int, default=200, help="boosting rounds of both")
    parser.add_argument("--repeats", type=int, default=5, help="trainings of ours")
    parser.add_argument("--follow", choices=FOLLOWED, default="losses", help="by the bare call")
    parser.add_argument("overrides", nargs="*", help="e.g. classifier.model.features=physics")
    options = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or str(Path(folder) / "toy.h5")
        if options.file is None:
            write_toy_dataset(path, ToyConfig(n_events=12_000, seed=1))
        given = ["loop=bdt_classifier", "data=h5_tokens", f"data.path={path}", *options.overrides]
        given += [f"classifier.model.n_estimators={options.rounds}"]
        given += ["classifier.model.early_stopping_rounds=null"]
        config = check_config(compose(given))
        compare(
            config,
            load_events(boosting_sections(config)[1]),
            options.repeats,
            FOLLOWED[options.follow],
        )


if __name__ == "__main__":
    main()
