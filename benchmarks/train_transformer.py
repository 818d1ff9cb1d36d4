"""Training speed of transformer_classifier beside a plain dense torch loop of the same model.

Both run in this process, in turn, on the same batches of events:

    uv run --package thesis-loops python benchmarks/train_transformer.py [FILE.h5]

Without a file, toy events are generated. The dense loop is what one would write first: batches
padded to 18 objects, `nn.TransformerEncoder`, AdamW, clipping, float32.

`--losses EPOCHS` trains both to the end instead, for some seeds, and compares validation losses.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional

from thesis_arch import DataSpec, TransformerClassifier
from thesis_arch.transformer_classifier.config import ClassifierSpec
from thesis_data.batches import eval_batches, steps_per_epoch, train_batches
from thesis_data.config import DataConfig
from thesis_data.events import EventBatch, EventSplit
from thesis_data.loading import EventData, load_events
from thesis_data.synthetic.config import ToyConfig
from thesis_data.synthetic.dataset import write_toy_dataset
from thesis_loops.classification import training_output
from thesis_loops.engine.early_stopping import EarlyStoppingSettings
from thesis_loops.engine.numerics import Numerics
from thesis_loops.engine.optimisation import GradientUpdate, StepOutput
from thesis_loops.engine.schedule import learning_rate
from thesis_loops.engine.seeds import seed_step
from thesis_loops.engine.settings import TrainerSettings

CONFIGS = Path(__file__).parents[1] / "configs"
MODEL = CONFIGS / "classifier" / "model" / "transformer_classifier.yaml"

DIM, DEPTH, HEADS, MLP_DIM, DROPOUT = 64, 6, 8, 128, 0.1
BATCH_SIZE, LR = 256, 1e-3
# Name -> (amp, matmul_precision)
PRECISIONS = {
    "float32": ("off", "highest"),
    "medium": ("off", "medium"),
    "bf16": ("bf16", "medium"),
}


class DenseClassifier(nn.Module):
    """The same transformer on padded batches, of torch's own layers."""

    def __init__(self, model: TransformerClassifier) -> None:
        super().__init__()
        self.inputs = model.inputs
        self.id_embedding = nn.Embedding(8, 8)
        self.project = nn.Linear(model.inputs.n_features + 8, DIM)
        self.cls = nn.Parameter(torch.randn(1, 1, DIM) * 0.02)
        layer = nn.TransformerEncoderLayer(
            DIM, HEADS, MLP_DIM, DROPOUT, "gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(
            layer, DEPTH, norm=nn.LayerNorm(DIM), enable_nested_tensor=False
        )
        self.head = nn.Linear(DIM, model.spec.n_classes)

    def forward(self, batch: EventBatch) -> Tensor:
        features = self.inputs(batch.tokens_cont.flatten(0, 1)).unflatten(0, batch.mask.shape)
        x = self.project(torch.cat([features, self.id_embedding(batch.tokens_id)], dim=-1))
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], dim=1)
        padding = functional.pad(~batch.mask, (1, 0), value=False)
        return self.head(self.encoder(x, src_key_padding_mask=padding)[:, 0])


def dense_rate(
    model: DenseClassifier,
    optimiser: torch.optim.Optimizer,
    split: EventSplit,
    epoch: int,
    n_steps: int,
) -> float:
    """Events a second of the plain loop."""
    torch.set_float32_matmul_precision("highest")
    started, n_events = time.perf_counter(), 0
    batches = train_batches(split, BATCH_SIZE, seed=1, epoch=epoch, trim=False)
    for _, batch in zip(range(n_steps), batches, strict=False):
        optimiser.zero_grad(set_to_none=True)
        functional.cross_entropy(model(batch), batch.label).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        n_events += len(batch)
    return n_events / (time.perf_counter() - started)


def our_rate(
    updater: GradientUpdate, numerics: Numerics, split: EventSplit, epoch: int, n_steps: int
) -> float:
    """Events a second of the engine's step."""
    torch.set_float32_matmul_precision(numerics.matmul_precision)
    started, n_events = time.perf_counter(), 0
    batches = train_batches(split, BATCH_SIZE, seed=1, epoch=epoch)
    for step, batch in zip(range(n_steps), batches, strict=False):
        seed_step(1, epoch, step)
        updater.update(batch)
        n_events += len(batch)
    return n_events / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", help="H5 file of events; none: toy events")
    parser.add_argument("--steps", type=int, default=20, help="steps of one measurement")
    parser.add_argument("--repeats", type=int, default=7, help="measurements of each loop")
    parser.add_argument("--bias", action="store_true", help="with the Lorentz-scalar bias")
    parser.add_argument(
        "--precision", choices=PRECISIONS, nargs="+", default=["medium"], help="of our loop"
    )
    parser.add_argument("--losses", type=int, metavar="EPOCHS", help="compare losses instead")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3], help="for --losses")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or str(Path(folder) / "toy.h5")
        if options.file is None:
            write_toy_dataset(path, ToyConfig(n_events=12_000, seed=1))
        data = load_events(DataConfig(path=path))
    print(f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    if options.losses:
        compare_losses(data, options.precision, options.losses, options.seeds, options.bias)
    else:
        compare_rates(data, options.precision, options.steps, options.repeats, options.bias)


def compare_rates(
    data: EventData, precisions: list[str], n_steps: int, repeats: int, bias: bool
) -> None:
    """Events a second of the dense loop and of ours at each precision, in turn."""
    ours = {precision: _ours(data, precision, bias, seed=0) for precision in precisions}
    dense = DenseClassifier(next(iter(ours.values()))[0].model)
    optimiser = torch.optim.AdamW(dense.parameters(), lr=LR, weight_decay=0.01)
    dense_rate(dense, optimiser, data.train, 0, 3)
    for updater, numerics in ours.values():
        our_rate(updater, numerics, data.train, 0, 3)
    ratios: dict[str, list[float]] = {precision: [] for precision in ours}
    for repeat in range(repeats):
        before = dense_rate(dense, optimiser, data.train, repeat, n_steps // 2)
        rates = {
            precision: our_rate(updater, numerics, data.train, repeat, n_steps)
            for precision, (updater, numerics) in ours.items()
        }
        after = dense_rate(dense, optimiser, data.train, repeat, n_steps // 2)
        reference = statistics.harmonic_mean([before, after])
        shown = ""
        for precision, rate in rates.items():
            ratios[precision].append(rate / reference)
            shown += f"   {precision} {rate:6,.0f} ({rate / reference:.2f}x)"
        print(f"dense {reference:6,.0f} events/s{shown}")
    for precision, found in ratios.items():
        print(
            f"{precision:8} median {statistics.median(found):.2f}x of the dense loop "
            f"({min(found):.2f} to {max(found):.2f})"
        )


def compare_losses(
    data: EventData, precisions: list[str], epochs: int, seeds: list[int], bias: bool
) -> None:
    """Validation loss after `epochs`, of the dense loop and of ours at each precision."""
    losses: dict[str, list[float]] = {"dense": [], **{precision: [] for precision in precisions}}
    n_steps = steps_per_epoch(data.train, BATCH_SIZE)
    for seed in seeds:
        for precision in precisions:
            updater, numerics = _ours(data, precision, bias, seed, n_steps * epochs)
            torch.set_float32_matmul_precision(numerics.matmul_precision)
            for epoch in range(epochs):
                for step, batch in enumerate(_epoch(data, seed, epoch)):
                    seed_step(seed, epoch, step)
                    updater.update(batch)
            losses[precision].append(_validation_loss(updater.model, data, numerics))
            print(f"seed {seed}  {precision:8} {losses[precision][-1]:.4f}", flush=True)
        losses["dense"].append(_train_dense(data, seed, epochs, n_steps))
        print(f"seed {seed}  {'dense':8} {losses['dense'][-1]:.4f}", flush=True)
    for name, found in losses.items():
        spread = statistics.stdev(found) if len(found) > 1 else float("nan")
        print(f"{name:8} mean {statistics.mean(found):.4f}, spread over seeds {spread:.4f}")


def _train_dense(data: EventData, seed: int, epochs: int, n_steps: int) -> float:
    torch.set_float32_matmul_precision("highest")
    torch.manual_seed(seed)
    dense = DenseClassifier(_ours(data, "float32", False, seed)[0].model)
    optimiser = torch.optim.AdamW(dense.parameters(), lr=LR, weight_decay=0.01)
    settings = _settings("float32")
    for epoch in range(epochs):
        for step, batch in enumerate(_epoch(data, seed, epoch, trim=False)):
            rate = learning_rate(epoch * n_steps + step, settings, n_steps * epochs)
            optimiser.param_groups[0]["lr"] = rate
            optimiser.zero_grad(set_to_none=True)
            functional.cross_entropy(dense(batch), batch.label).backward()
            nn.utils.clip_grad_norm_(dense.parameters(), 1.0)
            optimiser.step()
    return _validation_loss(dense, data, Numerics.choose("cpu", settings))


def _epoch(data: EventData, seed: int, epoch: int, trim: bool = True) -> Iterator[EventBatch]:
    return train_batches(data.train, BATCH_SIZE, seed=seed, epoch=epoch, trim=trim)


@torch.no_grad()
def _validation_loss(model: nn.Module, data: EventData, numerics: Numerics) -> float:
    model.eval()
    total = 0.0
    with numerics.autocast():
        for batch in eval_batches(data.val, 1024):
            logits = model(batch).float()
            total += float(functional.cross_entropy(logits, batch.label, reduction="sum"))
    return total / len(data.val)


def _ours(
    data: EventData, precision: str, bias: bool, seed: int, n_steps: int = 10_000
) -> tuple[GradientUpdate, Numerics]:
    torch.manual_seed(seed)
    spec = DataSpec(data.n_tokens, data.cont_features, data.class_names)
    model = TransformerClassifier(_spec(bias), spec)
    model.fit_statistics(eval_batches(data.train, 4096))
    settings = _settings(precision)
    numerics = Numerics.choose("cpu", settings)

    def step(batch: EventBatch) -> StepOutput:
        return training_output(model(batch), batch, None, 0.0)

    return GradientUpdate(model, step, settings, n_steps, numerics), numerics


def _spec(bias: bool) -> ClassifierSpec:
    options = yaml.safe_load(MODEL.read_text())
    options |= {"dim": DIM, "depth": DEPTH, "heads": HEADS, "mlp_dim": MLP_DIM, "dropout": DROPOUT}
    options["attention"]["dropout"] = DROPOUT
    options["attention_biases"] = "lorentz_scalar" if bias else "none"
    options["bias_config"]["lorentz_scalar"] |= {
        "features": ["log_m2", "log_kt", "deltaR", "z"], "hidden_dim": 16, "per_head": True
    }  # fmt: skip
    return ClassifierSpec.model_validate(
        {"model": options, "globals": {"include_met": False}, "norm": "zscore"}
    )


def _settings(precision: str) -> TrainerSettings:
    amp, matmul_precision = PRECISIONS[precision]
    stopping = EarlyStoppingSettings(
        enabled=False, patience=1, min_delta=0.0, restore_best_weights=False
    )
    return TrainerSettings(
        epochs=1, batch_size=BATCH_SIZE, lr=LR, weight_decay=0.01, warmup_steps=100,
        lr_schedule="cosine", grad_clip=1.0, ema_decay=None, seed=1, amp=amp,
        matmul_precision=matmul_precision, early_stopping=stopping,
    )  # fmt: skip


if __name__ == "__main__":
    main()
