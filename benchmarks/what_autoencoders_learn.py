"""What trained autoencoders are worth: the tables and pictures of docs/results.md.

    uv run --all-packages python benchmarks/what_autoencoders_learn.py RUN_DIR [RUN_DIR …] \
        [--pictures FOLDER]

On the test events of the runs' own data set, of the processes that they learned from:

- error of the reconstruction in normalised units, beside that of the training mean and of principal
  components (PCA) of the momenta of single objects, fitted on training objects;
- a two-sample test: boosted trees learn to tell events of the data from reconstructed ones, and
  from sampled ones where the model makes events up; their AUROC on events that they have not seen
  is 0.5 where they can't;
- pictures of pt, eta, mass of jet pairs, HT and multiplicity; of a `gan_ae`, of its game.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
import torch
import xgboost
from torch import Tensor

from thesis_arch import load_model
from thesis_arch.autoencoder.base import AutoencoderBase
from thesis_arch.autoencoder.diffusion.model import DiffusionAutoencoder
from thesis_arch.autoencoder.features import EventFeatures
from thesis_arch.autoencoder.latents.linear import LinearLatent
from thesis_arch.autoencoder.latents.vq import VqLatent
from thesis_arch.baselines.table import TableLayout
from thesis_arch.physics.event_objects import EventObjects
from thesis_data.batches import eval_batches
from thesis_data.config import DataConfig
from thesis_data.events import EventBatch
from thesis_data.loading import Split, load_events
from thesis_facts import read_histories
from thesis_facts.metrics import auroc, auroc_uncertainty
from thesis_facts.metrics.codebook import codes_used, perplexity

mpl.use("agg")
import matplotlib.pyplot as plt

BATCH = 512
COLOURS = {"data": "#333333", "reconstructed": "#0072b2", "sampled": "#d55e00"}


@dataclass(frozen=True)
class Events:
    """N events: [N, T, F] in GeV and rad, ids [N, T], and the MET of the data events [N, 2]."""

    tokens_cont: Tensor
    tokens_id: Tensor
    globals: Tensor

    @property
    def mask(self) -> Tensor:
        return self.tokens_id > 0

    def hardest_first(self) -> "Events":
        """The same events, their objects by pt: which comes first is not a property of an event."""
        pt = self.tokens_cont[..., 1].masked_fill(~self.mask, -torch.inf)
        order = pt.argsort(dim=1, descending=True, stable=True)
        momenta = self.tokens_cont.take_along_dim(order[..., None], 1)
        return Events(momenta, self.tokens_id.take_along_dim(order, 1), self.globals)

    def part(self, start: int, stop: int) -> "Events":
        return Events(
            self.tokens_cont[start:stop], self.tokens_id[start:stop], self.globals[start:stop]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run_dirs", nargs="+")
    parser.add_argument("--pictures", type=Path, help="folder to draw into")
    options = parser.parse_args()
    print_header()
    for run_dir in options.run_dirs:
        config = json.loads((Path(run_dir) / "facts" / "config.json").read_text())
        model = load_model(Path(run_dir) / "best_val.pt")
        assert isinstance(model, AutoencoderBase)
        known = config["phase1"]["anomaly"]["background"]  # events as those it learned from
        data = load_events(DataConfig(**config["data"]), ("train", "test"), only=known)
        name = f"{config['loop']} {Path(run_dir).name}"
        report(name, model, data.train, data.test, options.pictures)
        if options.pictures is not None and config["loop"] == "gan_ae":
            draw_game(run_dir, name, options.pictures / f"{name.replace(' ', '_')}_game.png")


def print_header() -> None:
    print(
        "| run | latent | error | mean | PCA of as many | ids wrong | perplexity | codes used | "
        "data or reconstructed | data or sampled |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")


def report(
    name: str, model: AutoencoderBase, train: Split, test: Split, folder: Path | None
) -> None:
    """A row of the table, and the pictures."""
    learned, unseen = momenta_of(model, train), momenta_of(model, test)
    kinds = {"data": as_events(test), "reconstructed": reconstructed(model, test)}
    if isinstance(model, DiffusionAutoencoder):
        generator = torch.Generator().manual_seed(1)
        n = len(kinds["data"].tokens_id)
        kinds["sampled"] = Events(*model.sample(n, generator), kinds["data"].globals)
    wrong = (kinds["reconstructed"].tokens_id != kinds["data"].tokens_id)[kinds["data"].mask]
    codes = codes_of(model, test)
    of_mean = error(learned.mean(0).expand_as(unseen), unseen)
    print(
        f"| {name} | {describe_latent(model)} | {model_error(model, test):.4f} | "
        f"{of_mean:.3f} | {pca_error(model, learned, unseen)}"
        f" | {wrong.float().mean():.4f} | "
        + (f"{perplexity(codes):.0f} | {codes_used(codes)}" if codes is not None else " | ")
        + f" | {told_apart(model, kinds['data'], kinds['reconstructed'])} | "
        + (told_apart(model, kinds["data"], kinds["sampled"]) if "sampled" in kinds else "")
        + " |"
    )
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        draw(kinds, name, folder / f"{name.replace(' ', '_')}.png")


def describe_latent(model: AutoencoderBase) -> str:
    """Its size in words."""
    if isinstance(model.latent, VqLatent):
        return f"1 of {model.latent.codebook_size}"
    if isinstance(model.latent, LinearLatent):
        return f"{model.latent.out_features} numbers"
    return "all"


def batches(split: Split) -> Iterator[EventBatch]:
    yield from eval_batches(split, BATCH, trim=False)


def as_events(split: Split) -> Events:
    """The data themselves."""
    parts = list(batches(split))
    return Events(
        torch.cat([p.tokens_cont for p in parts]),
        torch.cat([p.tokens_id for p in parts]),
        torch.cat([p.globals for p in parts]),
    )


def reconstructed(model: AutoencoderBase, split: Split) -> Events:
    """What the model makes of them; MET is that of the data, which no decoder of objects tells."""
    parts = [(*model.reconstructed(batch), batch.globals) for batch in batches(split)]
    return Events(*(torch.cat(values) for values in zip(*parts, strict=True)))


@torch.no_grad()
def momenta_of(model: AutoencoderBase, split: Split) -> Tensor:
    """[n, K] normalised momenta of all objects."""
    features: EventFeatures = model.features
    objects = (EventObjects.of(batch, model.spec) for batch in batches(split))
    return torch.cat([features(one).momenta for one in objects])


@torch.no_grad()
def codes_of(model: AutoencoderBase, split: Split) -> np.ndarray | None:
    """Codes of all objects; None without a codebook."""
    if not isinstance(model.latent, VqLatent):
        return None
    objects = (EventObjects.of(batch, model.spec) for batch in batches(split))
    return torch.cat([model.codes(one).index for one in objects]).numpy()


def error(found: Tensor, truth: Tensor) -> float:
    """Mean squared error in normalised units."""
    return float((found - truth).square().mean())


def model_error(model: AutoencoderBase, split: Split) -> float:
    """The same of what the decoder says, over objects: an angle that it does not know is a point
    inside the circle, as it is for principal components and for the mean."""
    total, n_objects = 0.0, 0
    for batch in batches(split):
        numbers = batch.mask.sum(1)
        total += float((model.event_scores(batch)["rec_tokens"] * numbers).sum())
        n_objects += int(numbers.sum())
    return total / n_objects


def pca_error(model: AutoencoderBase, learned: Tensor, unseen: Tensor) -> str:
    """Of as many principal components; of a codebook, with 1 and 2 (it has no such number)."""
    sizes = (1, 2)
    if not isinstance(model.latent, VqLatent):
        sizes = (min(model.latent.out_features, unseen.shape[1]),)
    mean = learned.mean(0)
    _, _, axes = torch.linalg.svd(learned - mean, full_matrices=False)
    errors = []
    for size in sizes:
        kept = axes[:size]
        errors.append(f"{error((unseen - mean) @ kept.T @ kept + mean, unseen):.3f} ({size})")
    return ", ".join(errors)


def told_apart(model: AutoencoderBase, data: Events, others: Events) -> str:
    """AUROC of boosted trees that learn to tell the two, on the half that they have not seen."""
    layout = TableLayout(model.spec, with_met=False, with_physics=True)
    tables, labels, half = [], [], len(data.tokens_id) // 2
    for start, stop in ((0, half), (half, 2 * half)):
        # what was made of the events of a half is in that half: no copy is known from learning
        halves = [kind.part(start, stop).hardest_first() for kind in (data, others)]
        tables.append(np.concatenate([layout.rows(part) for part in halves]))
        labels.append(np.repeat([0, 1], half))
    booster = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 4, "eta": 0.1, "nthread": 1, "seed": 0},
        xgboost.DMatrix(tables[0], labels[0]),
        200,
    )
    scores = booster.predict(xgboost.DMatrix(tables[1]))
    area = auroc(scores, labels[1] == 1)
    return f"{area:.3f} ± {auroc_uncertainty(scores, labels[1] == 1):.3f}"


def quantities(events: Events) -> dict[str, np.ndarray]:
    """What is drawn, by its axis label."""
    energy, pt, eta, phi = (v.double() for v in events.tokens_cont.unbind(-1))
    mask = events.mask
    jets = mask & (events.tokens_id <= 2)
    pairs = jets[:, :, None] & jets[:, None, :] & torch.ones(18, 18).triu(1).bool()[: jets.shape[1]]
    px, py, pz = pt * phi.cos(), pt * phi.sin(), pt * eta.sinh()
    total = [v[:, :, None] + v[:, None, :] for v in (energy, px, py, pz)]
    mass2 = total[0] ** 2 - total[1] ** 2 - total[2] ** 2 - total[3] ** 2
    return {
        "pt of objects [GeV]": pt[mask].numpy(),
        "eta of objects": eta[mask].numpy(),
        "phi of objects [rad]": phi[mask].numpy(),
        "mass of pairs of jets [GeV]": mass2[pairs].clamp_min(0).sqrt().numpy(),
        "HT [GeV]": (pt * mask).sum(1).numpy(),
        "number of objects": mask.sum(1).numpy(),
        "number of b-jets": (events.tokens_id == 2).sum(1).numpy(),
        "mass of objects [GeV]": (energy**2 - px**2 - py**2 - pz**2)[mask]
        .clamp_min(0)
        .sqrt()
        .numpy(),
    }


RANGES = {
    "pt of objects [GeV]": (0, 400),
    "eta of objects": (-2.6, 2.6),
    "phi of objects [rad]": (-np.pi, np.pi),
    "mass of pairs of jets [GeV]": (0, 600),
    "HT [GeV]": (0, 1800),
    "number of objects": (-0.5, 18.5),
    "number of b-jets": (-0.5, 8.5),
    "mass of objects [GeV]": (0, 60),
}


def draw_game(run_dir: str, name: str, path: Path) -> None:
    """What both sides did, epoch by epoch."""
    histories = {
        known: np.array([np.nan if v is None else v for v in values])
        for known, values in read_histories(run_dir).items()
    }
    panels = {
        "error": ("val_rec_tokens", "val_ids"),
        "logit of the discriminator": ("train_logit_true", "train_logit_reconstructed"),
        "factor of the adversarial loss": ("train_pull",),
    }
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.4), layout="constrained")
    for axis, (label, columns) in zip(axes, panels.items(), strict=True):
        for column, colour in zip(columns, ("#0072b2", "#d55e00"), strict=False):
            values = histories.get(column, np.zeros(0))  # none where the game never began
            axis.plot(np.arange(1, len(values) + 1), values, label=column, color=colour)
        axis.set(xlabel="epoch", ylabel=label)
        axis.legend(frameon=False)
    axes[0].set_yscale("log")
    figure.suptitle(name)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw(kinds: dict[str, Events], name: str, path: Path) -> None:
    """A histogram of each quantity, data beside what the model makes."""
    found = {kind: quantities(events) for kind, events in kinds.items()}
    figure, axes = plt.subplots(2, 4, figsize=(13, 6), layout="constrained")
    for axis, (label, limits) in zip(axes.flat, RANGES.items(), strict=True):
        n_bins = int(limits[1] - limits[0]) if label.startswith("number") else 40
        bins = np.linspace(*limits, n_bins + 1)
        for kind, values in found.items():
            heights, _ = np.histogram(values[label], bins)
            share = heights / len(values[label])
            style = {"fill": True, "alpha": 0.25} if kind == "data" else {"linewidth": 1.4}
            axis.stairs(share, bins, color=COLOURS[kind], label=kind, **style)
        axis.set(xlabel=label, ylabel="share", xlim=limits)
    axes.flat[0].legend(frameon=False)
    figure.suptitle(name)
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
