"""Configs of runs that take a second, and ways to read what they left."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

CONFIGS = Path(__file__).parents[3] / "configs"


def options(name: str, group: str = "model", **changes: Any) -> dict[str, Any]:
    """The options of a classifier as `configs/` has them, but for these changes."""
    config = OmegaConf.load(CONFIGS / "classifier" / group / f"{name}.yaml")
    return OmegaConf.to_container(OmegaConf.merge(config, changes))  # type: ignore[return-value]


def part(group: str, name: str, **changes: Any) -> dict[str, Any]:
    """A part of an autoencoder as `configs/` has it, but for these changes."""
    folder = CONFIGS / "phase1" / group
    own = OmegaConf.load(folder / f"{name}.yaml")
    shared = [OmegaConf.load(folder / f"{n}.yaml") for n in own.pop("defaults", [])[:-1]]
    return OmegaConf.to_container(OmegaConf.merge(*shared, own, changes))  # type: ignore[return-value]


TRAINER: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 32,
    "lr": 1e-3,
    "weight_decay": 0.01,
    "warmup_steps": 2,
    "lr_schedule": "cosine",
    "grad_clip": 1.0,
    "ema_decay": None,
    "seed": 7,
    "amp": "off",
    "matmul_precision": "highest",
    "early_stopping": {
        "enabled": False,
        "patience": 2,
        "min_delta": 0.0,
        "restore_best_weights": True,
    },
}

ROOT: dict[str, Any] = {
    "env": {"output_root": "outputs", "data_root": "data"},
    "logging": {
        "epoch_histories": True,
        "scores": {"max_events": 0, "embeddings": True},
        "evaluation": {"train_events": 50, "cost": False},
        "make_plots": False,
        "fig_format": "png",
        "dpi": 150,
        "figures_subdir": "figures",
        "file_naming": "{family}-{moment}-{epoch_or_step}",
        "use_wandb": False,
    },
    "meta": {"goal": "classification"},
    "experiment": {"name": "test"},
    "device": "cpu",
    "deterministic": False,
    "checkpoint_every_s": None,
    "stop_signals": ["SIGTERM", "SIGUSR1"],
    "resume": None,
    "run_dir": None,
    "job_id": None,
}

WANDB: dict[str, Any] = {
    "project": "tops",
    "entity": None,
    "run_name": None,
    "group": None,
    "tags": None,
    "mode": "online",
    "dir": None,
    "log_freq": 1,
    "log_artifacts": False,
}

TEST_MLP: dict[str, Any] = {
    "loop": "test_mlp",
    "objective": "best_val_loss",
    "data": {"kind": "toy_regression", "n_samples": 200, "n_features": 4, "seed": 1},
    "general": {"trainer": TRAINER},
    "simple": {
        "mlp": {
            "hidden_sizes": [16],
            "dropout": 0.2,
            "activation": "gelu",
            "use_batch_norm": True,
        }
    },
}

TRANSFORMER: dict[str, Any] = {
    "loop": "transformer_classifier",
    "objective": "best_val_auroc",
    "data": {"kind": "events", "augment": {"phi_rotation": True, "eta_flip": True}},
    "classifier": {
        "model": options(
            "transformer_classifier",
            dim=16,
            depth=1,
            heads=2,
            mlp_dim=16,
            head={"pooling": "mean"},
            tokenizer={"id_embed_dim": 4},
            attention={"dropout": 0.1},
            attention_biases="lorentz_scalar",
            bias_config={
                "lorentz_scalar": {
                    "features": ["log_m2", "deltaR"],
                    "hidden_dim": 4,
                    "per_head": True,
                }
            },
        ),
        "globals": {"include_met": True},
        "trainer": options("default", "trainer", **TRAINER),
    },
}

MLP: dict[str, Any] = {
    "loop": "mlp_classifier",
    "objective": "best_val_auroc",
    "data": TRANSFORMER["data"],
    "classifier": TRANSFORMER["classifier"]
    | {"model": options("mlp_classifier", hidden_sizes=[16, 8])},
}

AE: dict[str, Any] = {
    "loop": "ae",
    "objective": "best_val_loss",
    "data": {
        "kind": "events",
        "norm": "log_zscore",
        "augment": {"phi_rotation": True, "eta_flip": True},
    },
    "phase1": {
        "encoder": part("encoder", "mlp", enc_hidden=[16], dropout=0.1),
        "latent_space": part("latent_space", "vq", latent_dim=4, codebook_size=16),
        "decoder": part("decoder", "mlp", dec_hidden=[16]),
        "anomaly": part("anomaly", "default"),
        "trainer": TRAINER,
    },
}

GAN_AE: dict[str, Any] = AE | {
    "loop": "gan_ae",
    "phase1": AE["phase1"]
    | {
        "encoder": part("encoder", "gnn", enc_hidden=[12]),
        "decoder": part("decoder", "gnn", dec_hidden=[12]),
        "discriminator": part("discriminator", "default", hidden=[12]),
        "trainer": TRAINER
        | {"adversarial": {"weight": 0.1, "adaptive": True, "start_epoch": 0, "lr": 1e-3}},
    },
}

DIFFUSION_AE: dict[str, Any] = AE | {
    "loop": "diffusion_ae",
    "phase1": AE["phase1"]
    | {
        "encoder": part("encoder", "transformer", dim=8, depth=1, heads=2, mlp_dim=8),
        "decoder": part(
            "decoder", "denoiser", dim=8, depth=1, heads=2, mlp_dim=8, sampling_steps=2
        ),
    },
}

BDT: dict[str, Any] = {
    "loop": "bdt_classifier",
    "objective": "best_val_auroc",
    "data": {"kind": "events"},
    "classifier": {
        "model": options("bdt_classifier", n_estimators=3, max_depth=3, n_jobs=1),
        "globals": {"include_met": True},
        "trainer": {
            "batch_size": 32,
            "class_weights": "none",
            "metrics": ["acc", "auroc", "f1"],
            "seed": 7,
        },
    },
}

STOPPING = {"enabled": True, "patience": 1, "min_delta": 0.0, "restore_best_weights": True}

# Besides a file in small chunks: pools of about 7 events, so that every batch comes out of several.
STREAMED: dict[str, Any] = {
    "data__memory_budget_gib": 9e-6,
    "trainer__amp": "bf16",
    "trainer__epochs": 8,
    "trainer__early_stopping": STOPPING | {"patience": 2, "min_delta": 0.03},
}

# Those that `fit` trains, and the one that does without.
LOOPS = {
    "test_mlp": TEST_MLP,
    "transformer_classifier": TRANSFORMER,
    "mlp_classifier": MLP,
    "ae": AE,
    "gan_ae": GAN_AE,
    "diffusion_ae": DIFFUSION_AE,
}
TRAINER_OF = {
    "ae": "phase1.trainer",
    "gan_ae": "phase1.trainer",
    "diffusion_ae": "phase1.trainer",
    "test_mlp": "general.trainer",
    "transformer_classifier": "classifier.trainer",
    "mlp_classifier": "classifier.trainer",
    "bdt_classifier": "classifier.trainer",
}
ANY_LOOPS = LOOPS | {"bdt_classifier": BDT}


def config_of(loop: str, /, **changes: Any) -> dict[str, Any]:
    """A complete config; ``trainer__lr=1`` reaches the trainer of whatever loop."""
    config = deepcopy(ROOT | ANY_LOOPS[loop])
    for key, value in changes.items():
        path = key.replace("__", ".")
        if path.startswith("trainer."):
            path = path.replace("trainer", TRAINER_OF[loop], 1)
        *sections, leaf = path.split(".")
        section = config
        for name in sections:
            section = section[name]
        section[leaf] = value
    return config


def events_of(run_dir: Path) -> list[dict[str, Any]]:
    """The events of a run, in order."""
    text = (run_dir / "facts" / "events.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def numbers_of(run_dir: Path) -> list[str]:
    """Rows of scalars.csv without what time and memory say."""
    lines = [line.split(",") for line in (run_dir / "facts" / "scalars.csv").read_text().split()]
    changing = {"epoch_time_s", "throughput", "max_memory_mib"}
    kept = [i for i, name in enumerate(lines[0]) if name not in changing]
    return [",".join(line[i] for i in kept) for line in lines]
