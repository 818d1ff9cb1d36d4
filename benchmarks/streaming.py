"""Events streamed from disk beside the same events in memory: speed, memory, AUROC.

    OMP_NUM_THREADS=1 python benchmarks/streaming.py [FILE.h5]
    OMP_NUM_THREADS=1 python benchmarks/streaming.py FILE.h5 --auroc 3

The first prints rates of batches alone and of a small transformer that trains on them, in turn in
one process, and the highest memory of an epoch over files of two sizes (copies of the events of
FILE, deleted afterwards). The second trains the same model in both ways with several seeds, the
streamed one also from a file that is sorted by process, with pools of a hundredth of the file.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import torch
from load_events import STORAGE, run_fresh, write_copies
from torch import nn
from torch.nn import functional

from thesis_data.batches import eval_batches, steps_per_epoch, train_batches
from thesis_data.config import DataConfig
from thesis_data.loading import EventData, Split, load_events
from thesis_data.synthetic.config import ToyConfig
from thesis_data.synthetic.dataset import write_toy_dataset
from thesis_facts.metrics import auroc, auroc_uncertainty, log_odds
from thesis_loops.config import check_config
from thesis_loops.transformer_classifier import build_model
from thesis_train import compose

BATCH_SIZE = 256
MODEL = ["classifier/model_size=s30k", "classifier.model.dropout=0", "data=h5_tokens"]

EPOCH = """
import sys
import thesis_data.loading
from load_events import memory
from thesis_data import DataConfig, load_events, train_batches
before = memory("VmRSS")
config = DataConfig(path=sys.argv[1], memory_budget_gib=float(sys.argv[2]))
for batch in train_batches(load_events(config, ("train",)).train, 256, seed=0, epoch=0):
    pass
print(memory("VmHWM") - before)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", help="H5 file of events; none: toy events")
    parser.add_argument("--repeats", type=int, default=5, help="measurements of each")
    parser.add_argument("--auroc", type=int, default=0, metavar="SEEDS", help="trainings of each")
    parser.add_argument("--epochs", type=int, default=10, help="of a training")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="streaming_") as name:
        folder = Path(name)
        file = options.file or str(
            write_toy_dataset(folder / "toy.h5", ToyConfig(n_events=30_000, seed=1))
        )
        if options.auroc:
            compare_auroc(file, folder, options.auroc, options.epochs)
        else:
            compare_rates(file, folder, options.repeats)
            measure_memory(file, folder)


def compare_rates(file: str, folder: Path, repeats: int) -> None:
    """Batches alone from 0.3 GiB in each kind of storage; training on the file itself."""
    path = folder / "large.h5"
    for storage in STORAGE:
        write_copies(file, path, 0.3, storage)
        whole, streamed = (_train_split(path, gib) for gib in (1.0, 0.1))
        alternate(f"batches alone, {storage}", whole, streamed, lambda batch: None, repeats)
        path.unlink()
    data = load_events(DataConfig(path=file), ("train",))
    model = _model(file, data)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def step(batch) -> None:
        optimiser.zero_grad(set_to_none=True)
        functional.cross_entropy(model(batch), batch.label).backward()
        optimiser.step()

    streamed = _train_split(file, _budget(data, 10))
    alternate("training of a small transformer", data.train, streamed, step, repeats)


def alternate(
    what: str, whole: Split, streamed: Split, use: Callable[..., None], repeats: int
) -> None:
    """Print events a second of whole epochs in both ways, one after the other."""
    rates = []
    for epoch in range(repeats):
        pair = []
        for split in (whole, streamed):
            started = time.perf_counter()
            for batch in train_batches(split, BATCH_SIZE, seed=1, epoch=epoch):
                use(batch)
            pair.append(len(split) / (time.perf_counter() - started))
        rates.append(pair)
    ratios = sorted(disk / memory for memory, disk in rates)
    memory, disk = (statistics.median(column) for column in zip(*rates, strict=True))
    print(
        f"{what}: {memory:,.0f} events/s in memory, {disk:,.0f} streamed; ratio "
        f"{statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


def measure_memory(file: str, folder: Path) -> None:
    """Highest memory of an epoch over files of two sizes with the same budget."""
    path, budget = folder / "large.h5", 0.25
    for gib in (0.5, 2.0):
        write_copies(file, path, gib, "plain, chunks")
        peak = int(run_fresh(EPOCH, path, budget)) / 2**30
        print(f"an epoch of {gib} GiB with a budget of {budget} GiB: peak {peak:.3f} GiB")
        path.unlink()


def compare_auroc(file: str, folder: Path, n_seeds: int, epochs: int) -> None:
    """Train in memory, streamed, and streamed from a sorted file; print AUROC on the test split."""
    in_order = folder / "sorted.h5"
    with h5py.File(file) as source, h5py.File(in_order, "w") as target:
        order = np.argsort(source["Y_train"][:], kind="stable")
        for name in ("X_train", "Y_train"):
            target[name] = source[name][:][order]
    data = load_events(DataConfig(path=file), ("train", "test"))
    splits = {
        "in memory": data.train,
        "streamed": _train_split(file, _budget(data, 25)),
        "streamed, sorted by process": _train_split(in_order, _budget(data, 25)),
    }
    for name, train in splits.items():
        values, errors = zip(
            *(_trained_auroc(file, data, train, seed, epochs) for seed in range(n_seeds)),
            strict=True,
        )
        spread = statistics.stdev(values) if n_seeds > 1 else float("nan")
        print(
            f"{name:28s} AUROC {statistics.mean(values):.4f} "
            f"(spread over seeds {spread:.4f}, of the test events {errors[0]:.4f}; "
            f"{', '.join(f'{value:.4f}' for value in values)})",
            flush=True,
        )


def _trained_auroc(
    file: str, data: EventData, train: Split, seed: int, epochs: int
) -> tuple[float, float]:
    torch.manual_seed(seed)
    model = _model(file, data)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    n_steps = epochs * steps_per_epoch(train, BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, n_steps)
    model.train()
    for epoch in range(epochs):
        for batch in train_batches(train, BATCH_SIZE, seed=seed, epoch=epoch):
            optimiser.zero_grad(set_to_none=True)
            functional.cross_entropy(model(batch), batch.label).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
    model.eval()
    with torch.no_grad():
        outputs = [(model(batch), batch.label) for batch in eval_batches(data.test, 1024)]
    logits, labels = (torch.cat(column).numpy() for column in zip(*outputs, strict=True))
    scores, truth = log_odds(logits, 1), labels == 1
    return auroc(scores, truth), auroc_uncertainty(scores, truth)


def _model(file: str, data: EventData) -> nn.Module:
    config = check_config(compose([*MODEL, f"data.path='{file}'"]))
    return build_model(config.classifier, config.data, data)


def _train_split(path: str | Path, budget_gib: float) -> Split:
    config = DataConfig(path=str(path), memory_budget_gib=budget_gib)
    return load_events(config, ("train",)).train


def _budget(data: EventData, n_pools: int) -> float:
    """GiB with which the training split is read in about four times as many pools."""
    return len(data.train) * 330 / n_pools / 2**30


if __name__ == "__main__":
    main()
