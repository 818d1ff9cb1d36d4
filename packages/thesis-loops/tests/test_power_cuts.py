"""What reaches the disk, in which order: after a power cut no name may stand for half a file."""

import os
import re

import pytest

from thesis_facts.writers import append_jsonl_event
from thesis_loops.engine.checkpoints import Checkpoints


@pytest.fixture
def journal(monkeypatch, tmp_path):
    """Every call that matters, in order: names without what makes them unique, sizes at a sync."""
    calls: list[str] = []

    def name(path) -> str:
        relative = os.path.relpath(path, tmp_path)
        return re.sub(r"\d+-[0-9a-f]{8}", "*", relative)

    def note(function, words):
        original = getattr(os, function)

        def noted(*arguments, **keywords):
            calls.append(words(*arguments))
            return original(*arguments, **keywords)

        monkeypatch.setattr(os, function, noted)

    def sync(descriptor) -> str:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        size = os.fstat(descriptor).st_size
        return f"sync {name(path)}" + (f" of {size}" if os.path.isfile(path) else "")

    note("fsync", sync)
    note("write", lambda descriptor, data: f"write {len(data)}")
    note("replace", lambda old, new: f"rename {name(old)} to {name(new)}")
    note("link", lambda old, new: f"link {name(old)} as {name(new)}")
    return calls


def test_a_checkpoint_is_whole_on_disk_before_it_has_its_name(journal, tmp_path):
    """`last.pt` first, from which `best_val.pt` follows; the old one keeps a name throughout."""
    checkpoints = Checkpoints(tmp_path)
    for epoch in range(2):
        journal.clear()
        checkpoints.keep_best({"weights": {}, "epoch": epoch})
        checkpoints.save({"epoch": epoch})
    last, best = ((tmp_path / name).stat().st_size for name in ("last.pt", "best_val.pt"))
    assert journal == [
        "link last.pt as last.prev.pt",
        f"sync .last.pt.*.tmp of {last}",
        "rename .last.pt.*.tmp to last.pt",
        "sync .",
        f"sync .best_val.pt.*.tmp of {best}",
        "rename .best_val.pt.*.tmp to best_val.pt",
        "sync .",
    ]


def test_a_fact_is_on_disk_when_its_append_returns(journal, tmp_path):
    """The names of a new file and its folder too."""
    append_jsonl_event(tmp_path, {"moment": "on_start"})
    line = (tmp_path / "facts" / "events.jsonl").stat().st_size
    first = [f"write {line}", f"sync facts/events.jsonl of {line}"]
    assert journal == [*first, "sync facts", "sync ."]
    journal.clear()
    append_jsonl_event(tmp_path, {"moment": "on_start"})
    assert journal == [f"write {line}", f"sync facts/events.jsonl of {2 * line}"]
