"""Short trainings, killed at random moments and resumed until they are complete.

    OMP_NUM_THREADS=1 python benchmarks/soak.py [--runs 200] [--seed 1] [--folder DIR]

Every run is compared with a twin that was left alone, and checked as `thesis-facts check` does.
Trainings are copies of this process (`fork`), which has torch loaded already.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from thesis_data.toy_dataset import ensure_dataset
from thesis_facts import read_events
from thesis_facts.check import check_run
from thesis_loops.config import RunConfig, check_config
from thesis_loops.engine.signals import Interrupted
from thesis_train.config import compose
from thesis_train.dispatch import find_loop

KILLS = (2, 5)  # of a run, at least and at most
EVERY_WITH_EVENTS = 5  # each fifth run is a transformer on events, the others small networks
CIRCUMSTANCES = ("epoch_time_s", "throughput", "max_memory_mib")


def main() -> None:
    arguments = read_arguments()
    draw = random.Random(arguments.seed)
    told: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="soak_") as folder:
        started = time.monotonic()
        for number in range(arguments.runs):
            soak(Path(folder), number, draw, told)
            if number % 20 == 19 or number == arguments.runs - 1:
                minutes = (time.monotonic() - started) / 60
                print(f"{number + 1} runs, {minutes:.1f} min: {dict(told)}", flush=True)
    killed = told["SIGKILL"] + told["SIGTERM"]
    print(f"killed {killed}, resumed {told['resumed']}, lost {told['lost']}")
    sys.exit(1 if told["lost"] else 0)


def soak(folder: Path, number: int, draw: random.Random, told: Counter[str]) -> None:
    """One run and its twin; what happened is counted in `told`."""
    whole, cut = folder / f"{number}_whole", folder / f"{number}_cut"
    changes = draw_config(folder, number, draw)
    config = compose_config(changes)
    started = time.monotonic()
    if wait(start(config, whole)) != 0:
        raise SystemExit(f"a run that nobody disturbed failed: {changes}")
    duration = time.monotonic() - started
    for _ in range(draw.randint(*KILLS)):
        told["resumed"] += (cut / "facts" / "events.jsonl").exists()
        child = start(config, cut)
        time.sleep(draw.uniform(0, 0.8 * duration))
        number_of_signal = draw.choice([signal.SIGKILL, signal.SIGTERM])
        os.kill(child, number_of_signal)
        code = wait(child)
        told[describe(code)] += 1
        if code == 0:
            break
    else:
        told["resumed"] += 1
        if (code := wait(start(config, cut))) != 0:
            print(f"{cut.name} did not end: exit code {code}, {changes}")
    difference = compare(whole, cut)
    if difference:
        told["lost"] += 1
        print(f"{cut.name}: {difference}, {changes}")
    told["runs"] += 1


def draw_config(folder: Path, number: int, draw: random.Random) -> list[str]:
    """Overrides of a short training of about a second."""
    with_events = number % EVERY_WITH_EVENTS == EVERY_WITH_EVENTS - 1
    section = "classifier.trainer" if with_events else "general.trainer"
    changes = [
        f"{section}.seed={number}",
        f"{section}.ema_decay={draw.choice(['null', '0.9'])}",
        f"{section}.amp={draw.choice(['off', 'bf16'])}",
        f"{section}.early_stopping.enabled={draw.choice(['true', 'false'])}",
        f"{section}.early_stopping.patience=3",
        f"checkpoint_every_s={draw.choice(['null', '0.001', '0.1'])}",
        "device=cpu",
    ]
    if not with_events:
        return [*changes, "loop=test_mlp", f"{section}.epochs=40", "data.n_samples=2000"]
    return [
        *changes,
        "+classifier/model_size=s30k",
        f"{section}.epochs=6",
        f"{section}.batch_size=64",
        f"{section}.class_weights={draw.choice(['none', 'balanced'])}",
        f"data.path={folder / 'events.h5'}",
        "data.synthetic.n_events=1500",
    ]


def compose_config(changes: list[str]) -> RunConfig:
    """The config of a run, without its directory; its events are made where there are none."""
    config = check_config(compose([*changes, "resume=auto"]))
    if config.data.kind == "events":
        ensure_dataset(config.data)
    return config


def start(config: RunConfig, run_dir: Path) -> int:
    """Train, or go on training, in a copy of this process; its id."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            torch.set_num_threads(1)
            plain = config.model_dump(mode="json", exclude_unset=True)
            find_loop(config.loop)(plain | {"run_dir": str(run_dir)})
            code = 0
        except Interrupted as stop:
            code = stop.exit_code
        except BaseException:  # noqa: BLE001 - nothing may leave the copy
            traceback.print_exc()
        finally:
            os._exit(code)
    return child


def wait(child: int) -> int:
    """Its exit code, or minus the signal that it died of."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def describe(code: int) -> str:
    """What an attempt that was sent a signal ended with; 85 saved itself."""
    if code == 85 or code == -signal.SIGTERM:
        return "SIGTERM"
    if code == -signal.SIGKILL:
        return "SIGKILL"
    return "ended before its signal" if code == 0 else f"exit code {code}"


def compare(whole: Path, cut: Path) -> str | None:
    """What is wrong with a run that was killed; None where nothing is."""
    wrong = [finding.what for finding in check_run(cut) if finding.is_wrong]
    if wrong:
        return "; ".join(wrong)
    if numbers(cut) != numbers(whole):
        return "other numbers than its twin"
    if results(cut) != results(whole):
        return "other results than its twin"
    if len({event["meta"]["run_id"] for event in read_events(cut)}) > 1:
        return "two run ids"
    return None


def numbers(run_dir: Path) -> list[list[str]]:
    """Rows of scalars.csv without time and memory."""
    rows = [line.split(",") for line in (run_dir / "facts" / "scalars.csv").read_text().split()]
    kept = [i for i, name in enumerate(rows[0]) if name not in CIRCUMSTANCES]
    return [[row[i] for i in kept] for row in rows]


def results(run_dir: Path) -> dict[str, Any]:
    return read_events(run_dir)[-1]["results"]


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", help="where to train; the system's own by default")
    return parser.parse_args()


if __name__ == "__main__":
    main()
