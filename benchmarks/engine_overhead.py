"""What the engine's services cost: an epoch of `fit` beside a bare loop of the same steps.

    OMP_NUM_THREADS=1 python benchmarks/engine_overhead.py [--events 60000] [--repeats 3]

Both train the same model on the same batches with the same updater and validate it once, in turn.
`fit` adds facts, metrics of both splits, progress, checkpoints inside the epoch (every 5 s here,
600 s by default) and at its end.

On a machine whose speed changes by ten per cent from minute to minute that difference says little.
So the services are timed alone too: the same `fit` with steps that compute nothing.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from pathlib import Path

import torch

from thesis_data.events import EventBatch
from thesis_data.loading import EventData, load_events
from thesis_loops.classification import (
    classification_job,
    classifier_sections,
    evaluation_output,
    training_output,
)
from thesis_loops.config import RunConfig, check_config
from thesis_loops.engine.fit import Job, fit
from thesis_loops.engine.optimisation import StepOutput
from thesis_loops.engine.run import Run, open_run
from thesis_loops.engine.seeds import seed_step
from thesis_loops.starting import begin_facts
from thesis_loops.transformer_classifier import build_model
from thesis_train.config import compose

EVERY_S = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=60_000, help="of the training split")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--size", default="s200k")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = config_of(Path(folder), arguments.events, arguments.size)
        data = load_events(classifier_sections(config)[1])
        overhead: dict[str, list[float]] = {"wall": [], "CPU": []}
        for repeat in range(arguments.repeats):
            order = (bare, engine) if repeat % 2 else (engine, bare)
            seconds = {time_epoch: timed(config, data, folder, time_epoch) for time_epoch in order}
            for clock in overhead:
                ratio = seconds[engine][clock] / seconds[bare][clock]
                overhead[clock].append(100 * (ratio - 1))
            print(
                f"bare {seconds[bare]['wall']:.2f} s, engine {seconds[engine]['wall']:.2f} s: "
                + ", ".join(f"{values[-1]:+.1f}% {clock}" for clock, values in overhead.items()),
                flush=True,
            )
        idle = [timed(config, data, folder, services)["wall"] for _ in range(3)]
        whole = timed(config, data, folder, bare)["wall"]
        print(
            f"services alone {statistics.median(idle):.2f} s ({min(idle):.2f} to {max(idle):.2f}):"
            f" {100 * statistics.median(idle) / whole:.1f}% of {whole:.2f} s"
        )
    print(f"{arguments.events} events, {arguments.size}, median and range:")
    for clock, values in overhead.items():
        print(
            f"  {clock:4s} {statistics.median(values):+.1f}%"
            f" ({min(values):+.1f}% to {max(values):+.1f}%)"
        )


def config_of(folder: Path, n_training: int, size: str) -> RunConfig:
    n_events = n_training * 10 // 8  # a tenth each for validation and test
    return check_config(
        compose(
            [
                f"+classifier/model_size={size}",
                f"data.path={folder / 'events.h5'}",
                f"data.synthetic.n_events={n_events}",
                "classifier.trainer.epochs=1",
                f"checkpoint_every_s={EVERY_S}",
                "device=cpu",
            ]
        )
    )


def timed(
    config: RunConfig, data: EventData, folder: str, time_epoch: Callable[[Run, Job], None]
) -> dict[str, float]:
    """Seconds of one epoch in a new run: of the wall, which others slow down, and of the CPU."""
    with tempfile.TemporaryDirectory(dir=folder) as run_dir:
        section, events = classifier_sections(config)
        with open_run(config.model_copy(update={"run_dir": run_dir}), section.trainer) as run:
            model = build_model(section, events, data)

            def train_step(batch) -> StepOutput:
                return training_output(model(batch), batch, None, 0.0)

            def eval_step(batch) -> StepOutput:
                return evaluation_output(model(batch), batch)

            begin_facts(run, model, events)
            job = classification_job(
                run, section.trainer, model, data, events.augment, train_step, eval_step
            )
            wall, cpu = time.perf_counter(), time.process_time()
            time_epoch(run, job)
            return {"wall": time.perf_counter() - wall, "CPU": time.process_time() - cpu}


def engine(run: Run, job: Job) -> None:
    """As a loop does it."""
    fit(run, job)


def services(run: Run, job: Job) -> None:
    """All that `fit` does around steps that compute nothing."""

    def idle(batch: EventBatch) -> StepOutput:
        outputs = {"logits": torch.randn(len(batch), 2), "label": batch.label}
        return StepOutput(torch.rand(()), len(batch), outputs)

    updater = copy(job.updater)
    updater.update = idle
    fit(run, replace(job, updater=updater, evaluate=idle))


def bare(run: Run, job: Job) -> None:
    """The same steps and one validation, and nothing around them."""
    job.model.train()
    for step, batch in enumerate(job.train_batches(0, 0)):
        seed_step(run.settings.seed, 0, step)
        job.updater.update(batch)
    with job.updater.evaluating(), torch.no_grad():
        for batch in job.val_batches():
            job.evaluate(batch)


if __name__ == "__main__":
    main()
