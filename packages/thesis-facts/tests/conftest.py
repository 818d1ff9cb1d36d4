"""Small real runs: as a live run leaves them, and as older systems did."""

import csv
import json
import os

import pytest
import yaml
from hypothesis import settings

from thesis_facts import (
    append_jsonl_event,
    append_scalars_csv,
    build_event_payload,
    infer_axes,
    run_meta,
    write_json,
    write_meta,
)

settings.register_profile("facts", deadline=None)  # a busy machine is no failure
settings.load_profile("facts")


@pytest.fixture(scope="session", autouse=True)
def _spare_the_disk():
    """No power fails while tests run; syncing every line of hundreds of runs takes a minute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda descriptor: None)
        yield


def transformer_config(**model):
    """Resolved configuration of a transformer run, with what meta and axes read of it."""
    return {
        "loop": "transformer_classifier",
        "env": {"output_root": "/data/outputs"},
        "meta": {"goal": None},
        "experiment": {"name": "sweep"},
        "data": {
            "path": "/data/4tops_splitted-v2.h5",
            "token_order": "input_order",
            "globals": {"present": True, "size": 2},
            "norm": "zscore",
            "seed": 42,
            "cont_features": [0, 1, 2, 3],
            "classifier": {
                "label_groups": None,
                "signal_vs_background": {"signal": 1, "background": [2, 3, 4, 5]},
                "selected_labels": None,
            },
        },
        "classifier": {
            "trainer": {
                "epochs": 3,
                "batch_size": 64,
                "lr": 1e-4,
                "weight_decay": 0.01,
                "seed": 1,
            },
            "globals": {"include_met": False},
            "model": {
                "dim": 32,
                "depth": 3,
                "heads": 4,
                "mlp_dim": 64,
                "dropout": 0.1,
                "norm": {"policy": "pre", "type": "layernorm"},
                "positional": "none",
                "positional_space": "model",
                "positional_dim_mask": None,
                "attention": {"type": "standard", "norm": "none", "diff_bias_mode": "shared"},
                "causal_attention": False,
                "head": {"type": "linear", "pooling": "cls"},
                "ffn": {"type": "standard", "kan": {"variant": "hybrid"}},
                "attention_biases": "none",
                "bias_config": {
                    "lorentz_scalar": {
                        "features": ["m2", "deltaR"],
                        "per_head": False,
                        "sparse_gating": False,
                        "mlp_type": "standard",
                    },
                    "typepair_kinematic": {
                        "init_from_physics": "none",
                        "freeze_table": False,
                        "kinematic_gate": True,
                    },
                    "sm_interaction": {"mode": "binary"},
                    "global_conditioned": {"mode": "global_scale"},
                },
                "nodewise_mass": {"enabled": False},
                "mia_blocks": {"enabled": False, "placement": "prepend"},
                "moe": {
                    "enabled": False,
                    "top_k": 1,
                    "routing_level": "token",
                    "scope": "all_blocks",
                },
                "kan": {"grid_size": 5, "spline_order": 3},
                "tokenizer": {"name": "raw", "id_embed_dim": 8, "pid_mode": "learned"},
                **model,
            },
        },
    }


@pytest.fixture
def config():
    return transformer_config()


@pytest.fixture(scope="session")
def make_config():
    return transformer_config


@pytest.fixture(scope="session")
def make_run():
    """Write a run as a live one leaves it: ``make_run(path, val_losses=[…], end="…")``."""
    return write_live_run


def write_live_run(
    run_dir,
    *,
    val_losses=(0.9, 0.5, 0.7),
    config=None,
    seed=1,
    end="on_train_end",
    epoch_histories=True,
    reported=None,
    **end_fields,
):
    facts = run_dir / "facts"
    config = config or transformer_config()
    write_json(facts / "config.json", config)
    write_meta(run_dir, config)
    write_json(facts / "axes.json", infer_axes(config, reported or {"n_parameters": 1234}))
    meta = run_meta("11111111-2222-3333-4444-555555555555", seed, versions={"torch": "2.9"})
    histories = {"train_loss": [], "val_loss": [], "val_auroc": [], "train_auroc": []}

    def record(moment, **fields):
        event = build_event_payload(moment, run_dir=run_dir, meta=meta, **fields)
        append_jsonl_event(run_dir, event)

    record("on_start")
    for epoch, loss in enumerate(val_losses):
        row = {"epoch": epoch, "epoch_time_s": 2.0, "throughput": 100.0, "max_memory_mib": 64.0}
        train = {"split": "train", "train_loss": loss + 0.1, "metric_auroc": 0.8}
        val = {"split": "val", "val_loss": loss, "metric_auroc": 1 - loss / 2}
        append_scalars_csv(run_dir, row | train)
        append_scalars_csv(run_dir, row | val)
        for name, value in zip(histories, (loss + 0.1, loss, 1 - loss / 2, 0.8), strict=True):
            histories[name].append(value)
        record(
            "on_epoch_end",
            epoch=epoch,
            train_loss=loss + 0.1,
            val_loss=loss,
            metrics={"auroc": 1 - loss / 2},
            train_metrics={"auroc": 0.8},
            epoch_time_s=2.0,
            throughput=100.0,
            max_memory_mib=64.0,
            histories=histories if epoch_histories else None,
        )
    if end == "on_train_end":
        test = {"metric_loss": 0.55, "metric_auroc": 0.71, "metric_auroc_uncertainty": 0.01}
        append_scalars_csv(run_dir, {"epoch": 1, "split": "test", **test})
        record("on_test_end", split="test", metrics={"auroc": 0.71})
        record("on_train_end", total_time_s=12.5, histories=histories, **end_fields)
    elif end == "on_exception":
        record("on_exception", error=RuntimeError("loss is not finite"))
    return run_dir


@pytest.fixture(scope="session")
def make_older_run():
    """Write a run as older systems left it: schema 1, without ``config.json``."""
    return write_older_run


def write_older_run(run_dir, *, seed=1, loop="transformer_classifier", config_name=None):
    facts = run_dir / "facts"
    facts.mkdir(parents=True)
    config = transformer_config()
    config["loop"] = loop
    config["data"] |= {"num_workers": 0, "path": "${env.output_root}/tops_pythia.h5"}
    del config["data"]["token_order"], config["experiment"]
    config["classifier"]["trainer"]["seed"] = seed
    config["phase1"] = {"trainer": {"epochs": 7, "lr": 1e-3, "batch_size": 128, "seed": 5}}
    name = config_name or ".hydra/config.yaml"
    (run_dir / name).parent.mkdir(exist_ok=True)
    (run_dir / name).write_text(yaml.safe_dump(config))
    if name == ".hydra/config.yaml":
        overrides = ["loop=" + loop, f"classifier.trainer.seed={seed}", "hydra=experiment"]
        (run_dir / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(overrides))
    (facts / "axes.json").write_text(json.dumps(_ungated_axes(config)))
    _write_older_events(run_dir, seed)
    columns = ["epoch", "split", "train_loss", "val_loss", "epoch_time_s", "throughput"]
    with open(facts / "scalars.csv", "w", newline="") as file:
        writer = csv.writer(file)  # Python's own line ends: \r\n
        writer.writerow([*columns, "max_memory_mib", "metric_acc", "metric_auroc"])
        writer.writerow([0, "val", 1.08, 1.13, 0.76, 1217.7, "", 0.48, 0.49])
        writer.writerow([1, "val", 1.05, 1.09, 0.71, 1331.0, "", 0.47, 0.52])
    return run_dir


def _write_older_events(run_dir, seed):
    histories = {"train_loss": [1.08, 1.05], "val_loss": [1.13, 1.09], "rec_tokens": [0.9, 0.8]}
    events = [{"moment": "on_start", "seed": seed}]
    for epoch in range(2):
        so_far = {name: values[: epoch + 1] for name, values in histories.items()}
        events.append(
            {
                "moment": "on_epoch_end",
                "epoch": epoch,
                "train_loss": so_far["train_loss"][-1],
                "val_loss": so_far["val_loss"][-1],
                "metrics": {"auroc": float("nan")},
                "histories": so_far,
                **{f"history_{name}": values for name, values in so_far.items()},
            }
        )
    events.append({"moment": "on_train_end", "total_time_s": 2.2, "histories": histories})
    with open(run_dir / "facts" / "events.jsonl", "w") as file:
        for number, event in enumerate(events):
            # a new id in every event, a seed that the loop didn't use, a bare NaN
            meta = {"run_id": f"id-{number}", "git_commit": "3b5cb94", "seed": 42}
            line = {"schema_version": 1, "run_dir": "/gone", "meta": meta, **event}
            file.write(json.dumps(line) + "\n")


def _ungated_axes(config):
    model = config["classifier"]["model"]
    return {
        "positional": "none",
        "positional_space": "model",
        "tokenizer_name": "raw",
        "pid_mode": "learned",
        "id_embed_dim": 8,
        "token_order": "input_order",
        "cont_features": "[0, 1, 2, 3]",
        "attention_type": "standard",
        "diff_bias_mode": "shared",
        "ffn_type": "standard",
        "kan_ffn_variant": "hybrid",
        "attention_biases": "none",
        "sm_mode": "binary",
        "lorentz_features": "['m2', 'deltaR']",
        "moe_enabled": False,
        "moe_top_k": 1,
        "kan_grid_size": 5,
        "dim": model["dim"],
        "depth": model["depth"],
        "lr": 1e-4,
        "epochs": 2,
        "seed": config["classifier"]["trainer"]["seed"],
        "experiment_name": None,
    }
