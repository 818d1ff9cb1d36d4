"""Train in several processes, as torchrun starts them."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CODE = """
import json, sys
from importlib import import_module
from thesis_loops.engine import distributed
from thesis_loops.engine.signals import Interrupted
try:
    for cfg in json.loads(sys.argv[1]):
        results = import_module(f"thesis_loops.{cfg['loop']}").train(cfg)
        print(json.dumps(results), flush=True)
except Interrupted as stop:
    sys.exit(stop.exit_code)
"""


def start_ranks(
    configs: list[dict[str, Any]],
    of_rank_one: list[dict[str, Any]] | None = None,
    code: str = CODE,
) -> list[subprocess.Popen[str]]:
    """Two processes, each of which trains one config after the other; rank 1 may have its own.

    Or does something else with them, which is `code`.
    """
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    shared = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
    }
    return [
        subprocess.Popen(
            [sys.executable, "-c", code, json.dumps(given)],
            env=shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, given in enumerate((configs, of_rank_one or configs))
    ]


def results_of(processes: list[subprocess.Popen[str]]) -> list[list[dict[str, Any]]]:
    """What each rank returned for each config; fails where one did not end well."""
    told = [process.communicate(timeout=300) for process in processes]
    for process, (_, stderr) in zip(processes, told, strict=True):
        assert process.returncode == 0, stderr
    return [[json.loads(line) for line in stdout.splitlines()] for stdout, _ in told]


def wait_for_an_epoch(run_dir: Path) -> None:
    """Until the facts tell of one."""
    events = run_dir / "facts" / "events.jsonl"
    deadline = time.monotonic() + 120
    while not (events.exists() and "on_epoch_end" in events.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def kept_files(run_dir: Path) -> list[str]:
    """Names of what a run left."""
    return sorted(str(p.relative_to(run_dir)) for p in run_dir.rglob("*") if p.is_file())
