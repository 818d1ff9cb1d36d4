"""How the cost of training grows with events, objects and parameters; draws docs/figures.

    uv run --package thesis-report --with pyyaml python benchmarks/scaling.py docs/figures

Training steps of the transformer classifier on random events of a fixed length, batch 256. One
figure a question: seconds an epoch against events, events a second against objects an event, and
against parameters (the sizes of `classifier/model_size`).
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
import yaml
from matplotlib.ticker import LogLocator, StrMethodFormatter

from thesis_arch import DataSpec, TransformerClassifier
from thesis_arch.transformer_classifier.config import ClassifierSpec
from thesis_data.batches import eval_batches, train_batches
from thesis_data.events import EventBatch, EventSplit
from thesis_loops.classification import training_output
from thesis_loops.engine.early_stopping import EarlyStoppingSettings
from thesis_loops.engine.numerics import Numerics
from thesis_loops.engine.optimisation import GradientUpdate, StepOutput
from thesis_loops.engine.settings import TrainerSettings

BATCH_SIZE = 256
CLASSIFIER = Path(__file__).parents[1] / "configs" / "classifier"
MODEL = CLASSIFIER / "model" / "transformer_classifier.yaml"
SIZES = CLASSIFIER / "model_size"
DEFAULT = "s200k"


def random_split(n_events: int, n_objects: int) -> EventSplit:
    """Events of `n_objects` objects each, with plausible kinematics."""
    draw = torch.Generator().manual_seed(1)
    shape = (n_events, n_objects)
    pt = 25 + 100 * torch.rand(shape, generator=draw)
    eta = 4 * torch.rand(shape, generator=draw) - 2
    phi = math.pi * (2 * torch.rand(shape, generator=draw) - 1)
    energy = 1.01 * pt * torch.cosh(eta)
    return EventSplit(
        tokens_cont=torch.stack([energy, pt, eta, phi], dim=-1),
        tokens_id=torch.randint(1, 8, shape, generator=draw).to(torch.int8),
        globals=torch.stack([pt[:, 0], phi[:, 0]], dim=-1),
        label=torch.randint(2, (n_events,), generator=draw),
        weight=None,
        process=torch.ones(n_events, dtype=torch.int8),
        row=torch.arange(n_events),
        cont_features=(0, 1, 2, 3),
        name="train",
    )


def build(size: str, split: EventSplit) -> GradientUpdate:
    """A model of this size with its optimiser."""
    spec = DataSpec(split.tokens_id.shape[1], split.cont_features, ("background", "4t"))
    options = yaml.safe_load(MODEL.read_text())
    options |= yaml.safe_load((SIZES / f"{size}.yaml").read_text())
    config = {"model": options, "globals": {"include_met": True}, "norm": "zscore"}
    model = TransformerClassifier(ClassifierSpec.model_validate(config), spec)
    model.fit_statistics(eval_batches(split, 4096))
    settings = _settings()
    numerics = Numerics.choose("cpu", settings)

    def step(batch: EventBatch) -> StepOutput:
        return training_output(model(batch), batch, None, 0.0)

    return GradientUpdate(model, step, settings, 10_000, numerics)


def seconds(updater: GradientUpdate, split: EventSplit) -> float:
    """Seconds of one pass over the split."""
    started = time.perf_counter()
    for batch in train_batches(split, BATCH_SIZE, seed=1, epoch=0):
        updater.update(batch)
    return time.perf_counter() - started


def rate(size: str, n_objects: int, n_steps: int, repeats: int) -> tuple[float, float, float]:
    """Events a second: median, lowest and highest."""
    split = random_split(n_steps * BATCH_SIZE, n_objects)
    updater = build(size, split)
    seconds(updater, split)
    rates = sorted(len(split) / seconds(updater, split) for _ in range(repeats))
    return statistics.median(rates), rates[0], rates[-1]


def draw(
    path: Path,
    points: list[tuple[float, float, float, float]],
    labels: tuple[str, str],
    guide: Callable[[float], float],
    guide_label: str,
) -> None:
    """A log-log figure of (x, median, low, high) with a line to compare with."""
    x, y, low, high = zip(*points, strict=True)
    figure, axes = plt.subplots(figsize=(4.5, 3.2), layout="constrained")
    errors = [
        [m - a for m, a in zip(y, low, strict=True)],
        [b - m for m, b in zip(y, high, strict=True)],
    ]
    axes.errorbar(x, y, errors, marker="o", capsize=3, color="#0072B2", label="measured")
    axes.plot(x, [guide(value) for value in x], "--", color="#999999", label=guide_label)
    axes.set(xscale="log", yscale="log", xlabel=labels[0], ylabel=labels[1])
    axes.set_xticks(x, [f"{value:,.0f}" for value in x])
    axes.minorticks_off()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:,g}"))
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)
    plt.close(figure)
    print(f"{path}: {', '.join(f'{a:g} -> {b:,.3g}' for a, b in zip(x, y, strict=True))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where to write the figures")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)

    points = []
    for n_events in (2_048, 8_192, 32_768):
        split = random_split(n_events, 8)
        updater = build(DEFAULT, split)
        seconds(updater, split)
        times = sorted(seconds(updater, split) for _ in range(options.repeats))
        points.append((n_events, statistics.median(times), times[0], times[-1]))
    slope = points[0][1] / points[0][0]
    draw(
        options.folder / "cost_of_events.png", points, ("training events", "seconds an epoch"),
        lambda n: slope * n, "in proportion",
    )  # fmt: skip

    points = [(n, *rate(DEFAULT, n, 8, options.repeats)) for n in (4, 8, 16, 32, 64)]
    first = points[0][0] * points[0][1]
    draw(
        options.folder / "cost_of_objects.png", points, ("objects an event", "events/s"),
        lambda n: first / n, "in proportion to objects",
    )  # fmt: skip

    points = []
    for size in ("s30k", "s100k", "s200k", "s500k", "s1m"):
        split = random_split(BATCH_SIZE, 8)
        n = sum(p.numel() for p in build(size, split).model.parameters())
        points.append((n, *rate(size, 8, 8, options.repeats)))
    first = points[0][0] * points[0][1]
    draw(
        options.folder / "cost_of_parameters.png", points, ("parameters", "events/s"),
        lambda n: first / n, "in proportion to parameters",
    )  # fmt: skip


def _settings() -> TrainerSettings:
    stopping = EarlyStoppingSettings(
        enabled=False, patience=1, min_delta=0.0, restore_best_weights=False
    )
    return TrainerSettings(
        epochs=1, batch_size=BATCH_SIZE, lr=1e-3, weight_decay=0.01, warmup_steps=100,
        lr_schedule="cosine", grad_clip=1.0, ema_decay=None, seed=1, amp="off",
        matmul_precision="auto", early_stopping=stopping,
    )  # fmt: skip


if __name__ == "__main__":
    main()
