"""Run `thesis-train` as a user does: in another folder, by its arguments alone."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PLAIN = "logging.make_plots=false"  # pictures take longer than the training of so small a model
QUICK = ("loop=test_mlp", "general.trainer.epochs=2", "data.n_samples=200", _PLAIN)
LONG = ("loop=test_mlp", "general.trainer.epochs=3000", "data.n_samples=200", _PLAIN)
SMALL = (
    _PLAIN,
    "data.synthetic.n_events=300",
    "classifier/model_size=s30k",
    "classifier.model.depth=1",
    "classifier.trainer.epochs=1",
)

_number = itertools.count()


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Started:
    """A command that runs in a process of its own."""

    pid: int
    out: Path
    err: Path
    returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code, or None while it runs."""
        if self.returncode is None:
            self.returncode = server().ask({"poll": self.pid})
        return self.returncode

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until something is the case, or the process ended."""
        deadline = time.monotonic() + 120
        while not condition() and self.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)

    def end(self) -> Done:
        """Wait for its end."""
        self.wait_for(lambda: False)
        assert self.returncode is not None, "it hangs"
        return Done(self.returncode, self.out.read_text(), self.err.read_text())


def start(folder: Path, *arguments: str) -> Started:
    """`thesis-train ARGUMENTS` in a process of its own, where torch is loaded already."""
    said = [folder / f".{next(_number)}.{name}" for name in ("out", "err")]
    request = {
        "folder": str(folder),
        "arguments": arguments,
        "out": str(said[0]),
        "err": str(said[1]),
        "environment": {**os.environ, "OMP_NUM_THREADS": "1"},
    }
    return Started(server().ask({"start": request}), *said)


def run(folder: Path, *arguments: str) -> Done:
    """As `start`, to its end."""
    return start(folder, *arguments).end()


def sweep_in(folder: Path) -> Path:
    """The one sweep that commands made in a folder."""
    (sweep,) = (folder / "outputs" / "multiruns").glob("exp_*")
    return sweep


class Server:
    """Starts commands: see `warm_start`."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("warm_start.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, request: dict) -> int:
        """Its answer to one request."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(request), file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())

    def close(self) -> None:
        """End it."""
        self._process.communicate()


@cache
def server() -> Server:
    """The one of this session, started by the first test that needs it."""
    return Server()
