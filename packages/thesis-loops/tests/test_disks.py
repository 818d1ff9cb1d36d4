"""A disk that is full or read-only stops a run with one message, and costs none of its work."""

import json

import pytest
import torch

from small_disks import fill, set_read_only, small_disk
from small_runs import events_of, numbers_of
from thesis_facts.anomaly import read_anomaly_scores
from thesis_facts.errors import RunError, ThesisError
from thesis_facts.scores import read_scores

PAGE = 4096
AUTOENCODERS = {"ae", "gan_ae", "diffusion_ae"}


@pytest.fixture
def disk(tmp_path):
    with small_disk(tmp_path / "disk", n_bytes=4 << 20) as path:
        yield path


def run_loop(run_dir):
    return json.loads((run_dir / "facts" / "config.json").read_text())["loop"]


def assert_intact(run_dir):
    """Whatever stands there can be read."""
    assert events_of(run_dir)
    scalars = run_dir / "facts" / "scalars.csv"
    rows = scalars.read_text().splitlines() if scalars.exists() else []
    assert len({row.count(",") for row in rows}) <= 1
    for path in run_dir.glob("*.pt"):
        torch.load(path, weights_only=True)
    read = read_anomaly_scores if run_loop(run_dir) in AUTOENCODERS else read_scores
    for path in run_dir.glob("scores/*.npz"):
        read(path)
    assert not list(run_dir.rglob(".*.tmp"))


@pytest.mark.parametrize("where", ["inside an epoch", "before the first step"])
def test_a_full_disk_stops_the_run_which_then_goes_on(
    where, loop, config, train, disk, tmp_path, interrupted
):
    """Space for ever more of what an epoch writes: facts, then checkpoints, then scores."""
    train(config(loop, run_dir=str(tmp_path / "whole")))
    run_dir = disk / "run"
    if where == "inside an epoch":
        interrupted(config(loop, run_dir=str(run_dir)), epoch=1, step=2)
    else:
        interrupted(config(loop, run_dir=str(run_dir)), epoch=0, step=0)
    refused = []
    for pages in (0, 1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 128, 256):
        fill(disk, pages * PAGE)
        try:
            train(config(loop, run_dir=str(run_dir), resume="auto"))
            break
        except ThesisError as error:
            assert "No space left on device; free space on this disk" in str(error)  # noqa: PT017
            refused.append(str(error).split(":")[0])
            assert_intact(run_dir)
    assert numbers_of(run_dir) == numbers_of(tmp_path / "whole")
    assert any(".pt" in message for message in refused)
    assert any(".json" in message for message in refused)
    assert_intact(run_dir)


def test_a_disk_that_is_read_only_is_said_at_once(config, train, disk, tmp_path, interrupted):
    train(config("test_mlp", run_dir=str(tmp_path / "whole")))
    run_dir = disk / "run"
    interrupted(config("test_mlp", run_dir=str(run_dir)))
    set_read_only(disk, on=True)
    for path in (run_dir, disk / "another"):
        with pytest.raises(RunError, match=r"can't write .*: found Read-only file system"):
            train(config("test_mlp", run_dir=str(path), resume="auto"))
    assert_intact(run_dir)
    set_read_only(disk, on=False)
    train(config("test_mlp", run_dir=str(run_dir), resume="auto"))
    assert numbers_of(run_dir) == numbers_of(tmp_path / "whole")
