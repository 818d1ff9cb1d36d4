"""No space left in the middle of one file: it is named, nothing is lost, the run goes on."""

import errno
import os
from contextlib import contextmanager
from pathlib import Path

import pytest

from small_runs import events_of, numbers_of
from thesis_arch.checkpoint import read_checkpoint
from thesis_facts import durable
from thesis_facts.check import check_run
from thesis_facts.errors import RunError
from thesis_facts.scores import read_scores

FILES = {
    "events.jsonl": 4,
    "scalars.csv": 4,
    "config.json": 1,
    "axes.json": 1,
    "meta.json": 1,
    "last.pt": 3,
    "best_val.pt": 2,
    "val.npz": 1,
    "test.npz": 1,
}
"""And the n-th write of each from which on there is no space: within the run, where it has many."""


@contextmanager
def no_space_for(name, nth, monkeypatch):
    """Half of what is written there still fits; yields what stood there when space ran out."""
    write, open_file, calls, before = os.write, open, [], []

    def runs_out(path, is_it):
        if is_it:
            calls.append(1)
        if is_it and len(calls) == nth:
            before.append(path.read_bytes() if path.exists() else None)
        return is_it and len(calls) >= nth

    def half(descriptor, data):
        write(descriptor, bytes(data)[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def append(descriptor, data):
        path = os.path.realpath(f"/proc/self/fd/{descriptor}")
        if runs_out(Path(path), os.path.basename(path) == name):
            half(descriptor, data)
        return write(descriptor, data)

    def open_whole(path, mode):
        file = open_file(path, mode)
        if runs_out(path.parent / name, path.name.startswith(f".{name}.")):
            file.write = lambda data: half(file.fileno(), data)
        return file

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", append)
        patch.setattr(durable, "open", open_whole, raising=False)
        yield before


@pytest.mark.parametrize("name", FILES)
def test_a_disk_that_is_full_in_the_middle_of_a_file(name, config, train, tmp_path, monkeypatch):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    expected = train(config("transformer_classifier", run_dir=str(whole)))
    cfg = config("transformer_classifier", run_dir=str(cut))
    with (
        no_space_for(name, FILES[name], monkeypatch) as before,
        pytest.raises(RunError, match=f"can't write .*{name}: found No space left on device; free"),
    ):
        train(cfg)
    (kept,) = before
    (path,) = list(cut.rglob(name)) or [None]
    assert (path.read_bytes() if path else None) == (kept or None)
    assert not list(cut.rglob(".*.tmp"))
    for checkpoint in cut.glob("*.pt"):
        read_checkpoint(checkpoint)
    for scores in cut.glob("scores/*.npz"):
        read_scores(scores)
    if name != "events.jsonl":  # which could not say it
        assert events_of(cut)[-1]["moment"] == "on_exception"
    assert train(cfg | {"resume": "auto"}) == expected
    assert numbers_of(cut) == numbers_of(whole)
    assert [found.what for found in check_run(cut) if found.is_wrong] == []
