"""A codebook in two processes, each with objects of its own: one and the same in both."""

import io
import os
import socket
import subprocess
import sys

import pytest
import torch

CODE = """
import sys, torch, torch.distributed as dist
from thesis_arch.autoencoder.latents.codebook import Codebook

dist.init_process_group("gloo")
rank = dist.get_rank()
torch.manual_seed(rank)
book = Codebook(8, 2, 0.5, 0.1, learned=False)
for n in eval(sys.argv[1])[rank]:
    x = torch.randn(n, 2) + 5.0 * rank
    book.place(x)
    book.follow(x, book.nearest(x))
far = torch.randn(30, 2) + 100.0  # most codes die, and are drawn anew
for _ in range(12):
    book.follow(far, book.nearest(far))
torch.save(book.state_dict(), sys.stdout.buffer)
dist.destroy_process_group()
"""


def codebooks(numbers: tuple[list[int], list[int]]) -> list[dict[str, torch.Tensor]]:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    shared = os.environ | {
        "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CODE, repr(numbers)],
            env=shared | {"RANK": str(rank)},
            stdout=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    return [torch.load(io.BytesIO(one), weights_only=True) for one in said]


@pytest.mark.parametrize("numbers", [([40, 40, 40], [40, 7, 40]), ([0, 40, 0], [40, 0, 40])])
def test_both_hold_the_same_codes(numbers):
    """Also where one of them, or the one that draws, has no objects."""
    one, other = codebooks(numbers)
    assert one["placed"]
    assert torch.isfinite(one["vectors"]).all()
    for name, values in one.items():
        torch.testing.assert_close(other[name], values, rtol=0, atol=0)
    assert (one["vectors"].norm(dim=1) > 50).sum() >= 6  # those that were drawn anew
