"""Training speed of mlp_classifier beside an ordinary per-event Dataset and DataLoader.

Both train the same model with the same optimiser in this process, in turn:

    OMP_NUM_THREADS=1 uv run --all-packages python benchmarks/train_mlp.py [FILE.h5]

Without a file, toy events are generated. The plain pipeline is what one would write first: a
`Dataset` that makes tensors of one row of the file when it is asked for an event, and a
`DataLoader` that shuffles and collates them, in this process. `--from-file` lets it read each row
from the open file instead of an array in memory, as pipelines do for files that are larger.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from thesis_arch.baselines.mlp import MLPClassifier
from thesis_arch.baselines.mlp_config import MLPConfig, MLPSpec
from thesis_data.batches import train_batches
from thesis_data.config import DataConfig
from thesis_data.events import EventBatch
from thesis_data.loading import EventData, load_events
from thesis_data.synthetic.config import ToyConfig
from thesis_data.synthetic.dataset import write_toy_dataset
from thesis_loops.classification import (
    classifier_sections,
    model_section,
    training_output,
)
from thesis_loops.config import ClassifierSection, ClassifierTrainer, RunConfig, check_config
from thesis_loops.engine.numerics import Numerics
from thesis_loops.engine.optimisation import GradientUpdate, StepOutput
from thesis_loops.engine.seeds import seed_step
from thesis_loops.starting import build_for_events
from thesis_train import compose

SLOTS = 18


class PlainBatch(NamedTuple):
    tokens_cont: Tensor
    tokens_id: Tensor
    globals: Tensor
    mask: Tensor
    label: Tensor


class PlainDataset(Dataset):
    """One event at a time: ids, MET, (E, pt, eta, phi) of each slot, and whether it is 4t."""

    def __init__(self, path: str, from_file: bool) -> None:
        file = h5py.File(path)
        self.rows = file["X_train"] if from_file else file["X_train"][:]
        self.labels = file["Y_train"][:].reshape(-1)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> PlainBatch:
        row = torch.tensor(self.rows[index], dtype=torch.float32)
        ids = row[:SLOTS].long()
        return PlainBatch(
            tokens_cont=row[SLOTS + 2 :].view(SLOTS, 4),
            tokens_id=ids,
            globals=row[SLOTS : SLOTS + 2],
            mask=ids > 0,
            label=torch.tensor(int(self.labels[index] == 1)),
        )


def plain_epoch(model: nn.Module, optimiser: torch.optim.Optimizer, loader: DataLoader) -> float:
    """Events a second of the plain pipeline, over one epoch."""
    torch.set_float32_matmul_precision("highest")
    model.train()
    started = time.perf_counter()
    for batch in loader:
        optimiser.zero_grad(set_to_none=True)
        functional.cross_entropy(model(batch), batch.label).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return len(loader.dataset) / (time.perf_counter() - started)


def our_epoch(
    updater: GradientUpdate,
    numerics: Numerics,
    data: EventData,
    settings: ClassifierTrainer,
    epoch: int,
) -> float:
    """Events a second of the engine's steps, over one epoch."""
    torch.set_float32_matmul_precision(numerics.matmul_precision)
    updater.model.train()
    started = time.perf_counter()
    batches = train_batches(data.train, settings.batch_size, seed=settings.seed, epoch=epoch)
    for step, batch in enumerate(batches):
        seed_step(settings.seed, epoch, step)
        updater.update(batch)
    return len(data.train) / (time.perf_counter() - started)


def batches_alone(batches: Iterator | DataLoader, n_events: int) -> float:
    """Events a second where nothing is done with them."""
    started = time.perf_counter()
    for _ in batches:
        pass
    return n_events / (time.perf_counter() - started)


def build(section: ClassifierSection, events: DataConfig, data: EventData) -> MLPClassifier:
    """The model, with its normalisation."""
    layers = model_section(section, MLPConfig)
    spec = MLPSpec(model=layers, globals=section.globals, norm=events.norm)
    torch.manual_seed(0)
    return build_for_events(MLPClassifier, spec, events, data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", help="H5 file of events; none: toy events")
    parser.add_argument("--from-file", action="store_true", help="plain: a read for each event")
    parser.add_argument("--repeats", type=int, default=5, help="epochs of each")
    parser.add_argument(
        "overrides", nargs="*", help="of the config, e.g. classifier/mlp_size=s600k"
    )
    options = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or str(Path(folder) / "toy.h5")
        if options.file is None:
            write_toy_dataset(path, ToyConfig(n_events=12_000, seed=1))
        given = ["loop=mlp_classifier", "data=h5_tokens", f"data.path={path}", *options.overrides]
        compare(check_config(compose(given)), path, options.from_file, options.repeats)


def compare(config: RunConfig, path: str, from_file: bool, repeats: int) -> None:
    """Print the rates of both, in turn, and their ratios."""
    section, events = classifier_sections(config)
    data, settings = load_events(events), section.trainer
    ours, plain = build(section, events, data), build(section, events, data)
    numerics = Numerics.choose("cpu", settings)

    def step(batch: EventBatch) -> StepOutput:
        return training_output(ours(batch), batch, None, 0.0)

    updater = GradientUpdate(ours, step, settings, 100_000, numerics)
    optimiser = torch.optim.AdamW(plain.parameters(), lr=settings.lr, weight_decay=0.01)
    loader = DataLoader(PlainDataset(path, from_file), settings.batch_size, shuffle=True)
    print(f"{sum(p.numel() for p in ours.parameters()):,} parameters, {len(data.train):,} events")
    print(f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    ratios, alone = [], []
    for repeat in range(repeats):
        reference = plain_epoch(plain, optimiser, loader)
        rate = our_epoch(updater, numerics, data, settings, repeat)
        batches = train_batches(data.train, settings.batch_size, seed=1, epoch=repeat)
        ratios.append(rate / reference)
        alone.append(
            batches_alone(batches, len(data.train)) / batches_alone(loader, len(data.train))
        )
        print(f"plain {reference:7,.0f}   ours {rate:7,.0f} events/s ({ratios[-1]:.1f}x)")
    for name, found in (("training", ratios), ("batches alone", alone)):
        print(
            f"{name}: median {statistics.median(found):.1f}x ({min(found):.1f} to {max(found):.1f})"
        )


if __name__ == "__main__":
    main()
