"""Time ``load_runs`` beside a plain read of the bytes it needs.

    python benchmarks/load_runs.py                # 1,000 runs of 50 epochs
    python benchmarks/load_runs.py --runs 10000 --no-epoch-histories   # 0.6 GB instead of 3

The runs are written to a temporary folder in the form that a live run leaves them: histories in
every epoch event (which makes the events file far longer than what a table needs of it), train and
val scalars, one test row of many metrics, meta, axes, configuration, a sweep with pointers. The
measurements alternate in one process, with the files in the page cache; imports are not counted.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from thesis_facts import build_event_payload, infer_axes, infer_meta, load_runs
from thesis_facts.strict_json import json_ready
from thesis_facts.writers import SCALAR_COLUMNS

TAIL = 1 << 14  # bytes at the end of the events that a table may need
METRICS = ("acc", "auroc", "f1")


def main() -> None:
    arguments = _arguments()
    with tempfile.TemporaryDirectory(prefix="load_runs_") as folder:
        root = Path(folder)
        sweep = write_sweep(root, arguments.runs, arguments.epochs, arguments.epoch_histories)
        needed = needed_bytes(sweep)
        print(f"{arguments.runs} runs of {arguments.epochs} epochs, {needed / 1e6:.1f} MB needed")
        load_runs(sweep)  # imports, and files into the page cache
        times = alternate(
            {
                "plain read": lambda: needed_bytes(sweep),
                "load_runs, pandas": lambda: load_runs(sweep),
                "load_runs, polars": lambda: load_runs(sweep, engine="polars"),
            },
            arguments.repeats,
        )
    plain = statistics.median(times["plain read"])
    print(f"median of {arguments.repeats} (fastest to slowest):")
    for name, seconds in times.items():
        median = statistics.median(seconds)
        spread = f"{min(seconds):.3f} to {max(seconds):.3f}"
        print(f"{name:18s} {median:7.3f} s ({spread})  {median / plain:4.1f} x plain")


def write_sweep(root: Path, runs: int, epochs: int, epoch_histories: bool) -> Path:
    """Write a sweep and its runs under an output root; return the sweep's directory."""
    sweep = root / "multiruns" / "exp_20260101-000000_benchmark"
    (sweep / "jobs").mkdir(parents=True)
    config = composed_config(epochs)
    for job in range(runs):
        seed, dropout = job % 10, 0.05 * (job % 7)
        run_dir = root / "runs" / f"run_20260101-000000_benchmark_job{job:05d}"
        overrides = [
            f"classifier.trainer.seed={seed}",
            f"classifier.model.dropout={dropout}",
            "+classifier/model_size=s200k",
        ]
        write_run(run_dir, _config_of_job(config, seed, dropout), epochs, epoch_histories, job)
        pointer = {"job": job, "run_dir": os.path.relpath(run_dir, sweep), "overrides": overrides}
        (sweep / "jobs" / f"{job:04d}.json").write_text(json.dumps(pointer, indent=2))
    return sweep


def write_run(
    run_dir: Path, config: dict[str, Any], epochs: int, epoch_histories: bool, seed: int
) -> None:
    """Write the facts of one run."""
    facts = run_dir / "facts"
    facts.mkdir(parents=True)
    draw = random.Random(seed).random
    values = {
        f"{s}_{m}": [draw() for _ in range(epochs)] for s in ("train", "val") for m in METRICS
    }
    values |= {f"{split}_loss": [draw() for _ in range(epochs)] for split in ("train", "val")}
    (facts / "config.json").write_text(json.dumps(config, indent=2))
    (facts / "meta.json").write_text(json.dumps(infer_meta(config), indent=2))
    (facts / "axes.json").write_text(
        json.dumps(infer_axes(config, {"n_parameters": 199_234}), indent=2)
    )
    (facts / "scalars.csv").write_text(_scalars(values, epochs, draw))
    with open(facts / "events.jsonl", "w") as file:
        for event in _events(run_dir, values, epochs, epoch_histories):
            file.write(json.dumps(json_ready(event)) + "\n")


def needed_bytes(sweep: Path) -> int:
    """Read what a table of the runs needs, and nothing more; return the number of bytes."""
    total = 0
    for entry in sorted(os.scandir(sweep / "jobs"), key=lambda entry: entry.name):
        with open(entry.path, "rb", buffering=0) as file:
            pointer = file.read()
        facts = os.path.join(sweep, json.loads(pointer)["run_dir"], "facts")
        total += len(pointer)
        for name in ("config.json", "meta.json", "axes.json", "scalars.csv"):
            with open(os.path.join(facts, name), "rb", buffering=0) as file:
                total += len(file.read())
        with open(os.path.join(facts, "events.jsonl"), "rb", buffering=0) as file:
            total += len(file.read(4096))
            file.seek(-min(TAIL, os.fstat(file.fileno()).st_size), os.SEEK_END)
            total += len(file.read(TAIL))
    return total


def alternate(measured: dict[str, Callable[[], Any]], repeats: int) -> dict[str, list[float]]:
    """Time each function in turn, several times over."""
    times: dict[str, list[float]] = {name: [] for name in measured}
    for _ in range(repeats):
        for name, function in measured.items():
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    return times


def _events(run_dir: Path, values: dict, epochs: int, epoch_histories: bool):
    meta = {
        "timestamp": "2026-01-01T00:00:00+00:00",
        "run_id": f"00000000-0000-0000-0000-{run_dir.name[-5:]:0>12}",
        "git_commit": "0" * 40,
        "git_dirty": False,
        "hostname": "node",
        "cuda_info": {"available": False},
        "seed": 1,
        "hydra_job_id": None,
        "versions": {"python": "3.12.0", "torch": "2.9.0", "numpy": "2.3.0"},
    }
    yield build_event_payload("on_start", run_dir=run_dir, meta=meta)
    for epoch in range(epochs):
        so_far = {name: history[: epoch + 1] for name, history in values.items()}
        yield build_event_payload(
            "on_epoch_end",
            run_dir=run_dir,
            epoch=epoch,
            train_loss=values["train_loss"][epoch],
            val_loss=values["val_loss"][epoch],
            metrics={name: values[f"val_{name}"][epoch] for name in METRICS},
            histories=so_far if epoch_histories else None,
            meta=meta,
        )
    yield build_event_payload("on_test_end", run_dir=run_dir, split="test", meta=meta)
    yield build_event_payload(
        "on_train_end", run_dir=run_dir, total_time_s=123.4, histories=values, meta=meta
    )


def _scalars(values: dict, epochs: int, draw: Callable[[], float]) -> str:
    """Train and val rows, and the one test row, whose many metrics are columns of all."""
    of_test = [f"metric_{name}_{n}" for name in ("rejection", "efficiency") for n in range(14)]
    header = [*SCALAR_COLUMNS, *(f"metric_{name}" for name in METRICS), *of_test]
    lines = [",".join(header)]
    for epoch in range(epochs):
        for split in ("train", "val"):
            loss = values[f"{split}_loss"][epoch]
            losses = f"{loss}," if split == "train" else f",{loss}"
            numbers = [draw(), 1e4 * draw(), 900.0]
            numbers += [values[f"{split}_{name}"][epoch] for name in METRICS]
            lines.append(f"{epoch},{split},{losses},{','.join(map(str, numbers))}")
            lines[-1] += "," * len(of_test)
    numbers = [draw() for _ in (*METRICS, *of_test)]
    lines.append(f"{epochs - 1},test,,,,,,{','.join(map(str, numbers))}")
    return "\n".join(lines) + "\n"


def composed_config(epochs: int) -> dict[str, Any]:
    """The default configuration of the project, as a run resolves it."""
    configs = Path(__file__).resolve().parent.parent / "configs"
    with initialize_config_dir(str(configs), version_base="1.3"):
        config = compose("config", [f"classifier.trainer.epochs={epochs}"])
    return OmegaConf.to_container(config, resolve=True)


def _config_of_job(config: dict[str, Any], seed: int, dropout: float) -> dict[str, Any]:
    config = copy.deepcopy(config)
    config["classifier"]["trainer"]["seed"] = seed
    config["classifier"]["model"]["dropout"] = dropout
    return config


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(
        "--epoch-histories",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="histories in every epoch event, as runs of up to 100 epochs write them",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
