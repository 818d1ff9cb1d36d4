"""Training speed of `ae` beside an ordinary per-event Dataset and DataLoader.

Both train an autoencoder of the same parts with the same optimiser in this process, in turn:

    OMP_NUM_THREADS=1 uv run --all-packages python benchmarks/train_autoencoder.py [FILE.h5]

Without a file, toy events are generated. The plain loop is what one would write first: a `Dataset`
that makes tensors of one row of the file when it is asked for an event, a `DataLoader` that
shuffles and collates them, and the model on all 18 slots with a mask on its losses. Its codebook is
ours, which sees only the objects. `--from-file` lets it read each row from the open file instead of
an array in memory. `--same-model` lets it train our model, which skips padding, to compare the
pipelines alone.
"""

import argparse
import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from train_mlp import PlainBatch, PlainDataset

from thesis_arch.autoencoder.config import AutoencoderSpec
from thesis_arch.autoencoder.latents.vq import VqLatent
from thesis_arch.autoencoder.model import Autoencoder
from thesis_arch.auxiliary import auxiliary_loss
from thesis_data.batches import train_batches
from thesis_data.config import DataConfig
from thesis_data.events import EventBatch
from thesis_data.loading import EventData, load_events
from thesis_data.synthetic.config import ToyConfig
from thesis_data.synthetic.dataset import write_toy_dataset
from thesis_loops.config import AutoencoderSection, RunConfig, check_config
from thesis_loops.engine.numerics import Numerics
from thesis_loops.engine.optimisation import GradientUpdate, StepOutput
from thesis_loops.engine.seeds import seed_step
from thesis_loops.reconstruction import normalisation, phase1_sections, step_output
from thesis_loops.starting import build_for_events
from thesis_train import compose

N_IDS = 7


class PlainAutoencoder(nn.Module):
    """The parts of `loop=ae` on padded slots: momenta and ids in, a code, momenta and ids out."""

    def __init__(self, section: AutoencoderSection) -> None:
        super().__init__()
        latent = section.latent_space
        widths = (4 + 1 + 8, *section.encoder.enc_hidden)
        self.embedding = nn.Embedding(N_IDS + 1, 8)
        self.encoder = layers(widths)
        self.latent = VqLatent(latent, widths[-1])
        self.decoder = layers((latent.latent_dim, *section.decoder.dec_hidden))
        self.momenta = nn.Linear(section.decoder.dec_hidden[-1], 5)
        self.ids = nn.Linear(section.decoder.dec_hidden[-1], N_IDS)
        self.met = nn.Sequential(nn.Linear(latent.latent_dim, 32), nn.GELU(), nn.Linear(32, 3))

    def forward(self, batch: PlainBatch) -> Tensor:
        """Loss."""
        energy, pt, eta, phi = batch.tokens_cont.unbind(-1)
        size = torch.stack([energy, pt], -1).clamp_min(1e-3).log() - 4
        momenta = torch.cat([size, eta[..., None], phi.sin()[..., None], phi.cos()[..., None]], -1)
        x = self.encoder(torch.cat([momenta, self.embedding(batch.tokens_id)], -1))
        codes = x.new_zeros(*x.shape[:2], self.latent.out_features)
        codes[batch.mask] = self.latent(x[batch.mask]).vectors
        commitment = self.latent.take_penalty()
        hidden = self.decoder(codes)
        squares = (self.momenta(hidden) - momenta).square().mean(-1)
        ids = (batch.tokens_id - 1).clamp_min(0)
        surprise = functional.cross_entropy(
            self.ids(hidden).flatten(0, 1), ids.flatten(), reduction="none"
        )
        weight = batch.mask / batch.mask.sum(1, keepdim=True).clamp_min(1)
        per_event = ((squares + surprise.view_as(squares)) * weight).sum(1)
        mean = (codes * weight[..., None]).sum(1)
        met, met_phi = batch.globals.unbind(-1)
        truth = torch.stack([met.log1p() - 4, met_phi.sin(), met_phi.cos()], -1)
        return (per_event + (self.met(mean) - truth).square().mean(-1)).mean() + commitment


def layers(widths: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with GELU after each."""
    pairs = pairwise(widths)
    return nn.Sequential(*[part for a, b in pairs for part in (nn.Linear(a, b), nn.GELU())])


def plain_epoch(model: nn.Module, optimiser: torch.optim.Optimizer, loader: DataLoader) -> float:
    """Events a second of the plain pipeline, over one epoch."""
    torch.set_float32_matmul_precision("highest")
    model.train()
    started = time.perf_counter()
    for batch in loader:
        optimiser.zero_grad(set_to_none=True)
        if isinstance(model, Autoencoder):
            loss = model.objective(model(batch)).mean()
            penalty = auxiliary_loss(model)
            loss = loss if penalty is None else loss + penalty
        else:
            loss = model(batch)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return len(loader.dataset) / (time.perf_counter() - started)


def our_epoch(
    updater: GradientUpdate, numerics: Numerics, data: EventData, batch_size: int, epoch: int
) -> float:
    """Events a second of the engine's steps, over one epoch."""
    torch.set_float32_matmul_precision(numerics.matmul_precision)
    updater.model.train()
    started = time.perf_counter()
    for step, batch in enumerate(train_batches(data.train, batch_size, seed=1, epoch=epoch)):
        seed_step(1, epoch, step)
        updater.update(batch)
    return len(data.train) / (time.perf_counter() - started)


def build(section: AutoencoderSection, events: DataConfig, data: EventData) -> Autoencoder:
    """The model, with its normalisation."""
    torch.manual_seed(0)
    spec = AutoencoderSpec(
        encoder=section.encoder,
        latent_space=section.latent_space,
        decoder=section.decoder,
        norm=normalisation(events),
    )
    return build_for_events(Autoencoder, spec, events, data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", nargs="?", help="H5 file of events; none: toy events")
    parser.add_argument("--from-file", action="store_true", help="plain: a read for each event")
    parser.add_argument("--same-model", action="store_true", help="plain: our model too")
    parser.add_argument("--repeats", type=int, default=5, help="epochs of each")
    parser.add_argument("overrides", nargs="*", help="of the config")
    options = parser.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or str(Path(folder) / "toy.h5")
        if options.file is None:
            write_toy_dataset(path, ToyConfig(n_events=12_000, seed=1))
        given = ["loop=ae", "data=h5_tokens", f"data.path={path}", *options.overrides]
        compare(check_config(compose(given)), path, options)


def compare(config: RunConfig, path: str, options: argparse.Namespace) -> None:
    """Print the rates of both, in turn, and their ratios."""
    section, events = phase1_sections(config, AutoencoderSection)
    data, settings = load_events(events), section.trainer
    ours = build(section, events, data)
    plain = build(section, events, data) if options.same_model else PlainAutoencoder(section)
    numerics = Numerics.choose("cpu", settings)

    def step(batch: EventBatch) -> StepOutput:
        return step_output(ours, batch, ours(batch))

    updater = GradientUpdate(ours, step, settings, 100_000, numerics)
    optimiser = torch.optim.AdamW(plain.parameters(), lr=settings.lr)
    loader = DataLoader(PlainDataset(path, options.from_file), settings.batch_size, shuffle=True)
    sizes = [f"{sum(p.numel() for p in model.parameters()):,}" for model in (ours, plain)]
    print(f"{sizes[0]} parameters (plain: {sizes[1]}), {len(data.train):,} events")
    print(f"{torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}")
    ratios = []
    for repeat in range(options.repeats):
        reference = plain_epoch(plain, optimiser, loader)
        rate = our_epoch(updater, numerics, data, settings.batch_size, repeat)
        ratios.append(rate / reference)
        print(f"plain {reference:7,.0f}   ours {rate:7,.0f} events/s ({ratios[-1]:.1f}x)")
    print(
        f"training: median {statistics.median(ratios):.1f}x "
        f"({min(ratios):.1f} to {max(ratios):.1f})"
    )


if __name__ == "__main__":
    main()
