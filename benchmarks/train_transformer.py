"""Training speed of transformer_classifier beside a plain dense torch loop of the same model.

Both run in this process, in turn, on the same batches of events:

    uv run --package thesis-loops python benchmarks/train_transformer.py [FILE.h5]

Without a file, toy events are generated. The dense loop is what one would write first: batches
padded to 18 objects, `nn.TransformerEncoder`, AdamW, clipping.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from thesis_arch import DataSpec, TransformerClassifier
from thesis_arch.transformer_classifier.config import ClassifierSpec
from thesis_data.batches import eval_batches, train_batches
from thesis_data.config import DataConfig
from thesis_data.events import EventBatch, EventSplit
from thesis_data.loading import load_events
from thesis_data.synthetic.config import ToyConfig
from thesis_data.synthetic.dataset import write_toy_dataset
from thesis_loops.classification import training_output
from thesis_loops.engine.early_stopping import EarlyStoppingSettings
from thesis_loops.engine.numerics import Numerics
from thesis_loops.engine.optimisation import GradientUpdate, StepOutput
from thesis_loops.engine.seeds import seed_step
from thesis_loops.engine.settings import TrainerSettings

DIM, DEPTH, HEADS, MLP_DIM, DROPOUT = 64, 6, 8, 128, 0.1
BATCH_SIZE = 256


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
        updater.update(batch, lambda output: None)
        n_events += len(batch)
    return n_events / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", help="H5 file of events; none: toy events")
    parser.add_argument("--steps", type=int, default=20, help="steps of one measurement")
    parser.add_argument("--repeats", type=int, default=7, help="measurements of each loop")
    parser.add_argument("--bias", action="store_true", help="with the Lorentz-scalar bias")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or str(Path(folder) / "toy.h5")
        if options.file is None:
            write_toy_dataset(path, ToyConfig(n_events=12_000, seed=1))
        data = load_events(DataConfig(path=path))

    torch.manual_seed(0)
    spec = DataSpec(data.n_tokens, data.cont_features, data.class_names)
    model = TransformerClassifier(_spec(options.bias), spec)
    model.fit_statistics(eval_batches(data.train, 4096))
    dense = DenseClassifier(model)
    optimiser = torch.optim.AdamW(dense.parameters(), lr=1e-3)
    settings = _settings()
    numerics = Numerics.choose("cpu", settings)

    def step(batch: EventBatch) -> StepOutput:
        return training_output(model(batch), batch, None, 0.0)

    updater = GradientUpdate(model, step, settings, 10_000, numerics)
    dense_rate(dense, optimiser, data.train, 0, 3)
    our_rate(updater, numerics, data.train, 0, 3)
    rates = []
    for repeat in range(options.repeats):
        theirs = dense_rate(dense, optimiser, data.train, repeat, options.steps)
        ours = our_rate(updater, numerics, data.train, repeat, options.steps)
        rates.append((theirs, ours))
        print(f"dense {theirs:7,.0f}   ours {ours:7,.0f} events/s   ratio {ours / theirs:.2f}")
    ratios = sorted(ours / theirs for theirs, ours in rates)
    print(
        f"{sum(p.numel() for p in model.parameters()):,} parameters (dense "
        f"{sum(p.numel() for p in dense.parameters()):,}), {torch.get_num_threads()} threads, "
        f"{numerics.matmul_precision} products\n"
        f"median: dense {statistics.median(r[0] for r in rates):,.0f}, "
        f"ours {statistics.median(r[1] for r in rates):,.0f} events/s; "
        f"ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


def _spec(bias: bool) -> ClassifierSpec:
    lorentz = {
        "features": ("log_m2", "log_kt", "deltaR", "z"),
        "hidden_dim": 16,
        "per_head": True,
        "sparse_gating": False,
    }
    model = {
        "name": "transformer_classifier",
        "dim": DIM,
        "depth": DEPTH,
        "heads": HEADS,
        "mlp_dim": MLP_DIM,
        "dropout": DROPOUT,
        "tokenizer": {"name": "identity", "id_embed_dim": 8},
        "attention": {"type": "standard", "dropout": DROPOUT},
        "head": {"type": "linear", "pooling": "cls"},
        "attention_biases": "lorentz_scalar" if bias else "none",
        "bias_config": {"lorentz_scalar": lorentz},
    }
    return ClassifierSpec.model_validate(
        {"model": model, "globals": {"include_met": False}, "norm": "zscore"}
    )


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
