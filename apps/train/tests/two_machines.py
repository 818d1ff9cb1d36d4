"""Two machines out of one: network namespaces that only see one another, over a virtual cable."""

import os
import shutil
import subprocess
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

INTERFACE = "thesis0"  # the same in both, as on machines of one kind


class NoNamespacesError(Exception):
    """Why they can't be made."""


@dataclass(frozen=True)
class Machine:
    """One of them."""

    name: str
    address: str

    def start(self, folder: Path, words: Sequence[str], **environment: str) -> subprocess.Popen:
        """Run a command there."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, *words],
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def kill_all(self) -> None:
        """End all that runs there, as if the machine broke."""
        subprocess.run(
            f"kill -9 $(ip netns pids {self.name})", shell=True, check=False, capture_output=True
        )


@contextmanager
def two_machines() -> Generator[tuple[Machine, Machine]]:
    """Make them; both see the same files.

    Raises
    ------
    NoNamespacesError
        They can't be made here.
    """
    if shutil.which("ip") is None:
        raise NoNamespacesError("no ip here (Debian: iproute2)")
    number = os.getpid() % 1000
    both = tuple(Machine(f"thesis{number}-{i}", f"10.213.0.{i}") for i in (1, 2))
    first, second = both
    try:
        for machine in both:
            _ip("netns", "add", machine.name)
            _ip("-n", machine.name, "link", "set", "lo", "up")
        cable = ("link", "add", INTERFACE, "type", "veth", "peer", "name", INTERFACE)
        _ip("-n", first.name, *cable, "netns", second.name)
        for machine in both:
            _ip("-n", machine.name, "address", "add", f"{machine.address}/24", "dev", INTERFACE)
            _ip("-n", machine.name, "link", "set", INTERFACE, "up")
        yield first, second
    finally:
        for machine in both:
            machine.kill_all()
            subprocess.run(
                ["ip", "netns", "delete", machine.name], check=False, capture_output=True
            )


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoNamespacesError(f"ip {' '.join(words)}: {done.stderr.strip()}")
