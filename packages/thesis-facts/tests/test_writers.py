"""Facts on disk: whole lines, aligned columns, and nothing that a crash can spoil."""

import csv
import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thesis_facts import (
    RunError,
    append_jsonl_event,
    append_scalars_csv,
    build_event_payload,
    read_events,
    truncate_scalars,
    write_atomic,
    write_json,
)
from thesis_facts.writers import SCALAR_COLUMNS


def event(epoch):
    return build_event_payload("on_epoch_end", run_dir=None, epoch=epoch, train_loss=0.1 * epoch)


def rows(run_dir):
    with open(run_dir / "facts" / "scalars.csv", newline="") as file:
        return list(csv.DictReader(file))


def events_file(run_dir):
    return run_dir / "facts" / "events.jsonl"


def scalars_file(run_dir):
    return run_dir / "facts" / "scalars.csv"


def test_each_event_is_one_line_of_utf8(tmp_path):
    for epoch in range(3):
        append_jsonl_event(tmp_path, event(epoch) | {"note": "Δφ\nline"})
    lines = events_file(tmp_path).read_bytes().decode("utf-8").splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [0, 1, 2]
    assert json.loads(lines[0])["note"] == "Δφ\nline"


def test_a_bare_nan_never_reaches_the_file(tmp_path):
    append_jsonl_event(tmp_path, {"moment": "on_epoch_end", "val_loss": float("nan")})
    assert "NaN" not in events_file(tmp_path).read_text()


@pytest.mark.parametrize("torn", [b'{"moment": "on_epoch_end", "epo', b"\0\0\0\0", b"\xff\xfe"])
def test_a_torn_event_is_cut_off_by_the_next(tmp_path, torn):
    append_jsonl_event(tmp_path, event(0))
    with open(events_file(tmp_path), "ab") as file:
        file.write(torn)
    append_jsonl_event(tmp_path, event(1))
    lines = events_file(tmp_path).read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [0, 1]


def test_an_event_that_lacks_only_its_line_end_is_kept(tmp_path):
    append_jsonl_event(tmp_path, event(0))
    whole = events_file(tmp_path).read_bytes()
    events_file(tmp_path).write_bytes(whole.rstrip(b"\n"))
    append_jsonl_event(tmp_path, event(1))
    assert [e["epoch"] for e in read_events(tmp_path)] == [0, 1]


def test_a_torn_event_longer_than_a_block_is_cut_off(tmp_path):
    append_jsonl_event(tmp_path, event(0))
    with open(events_file(tmp_path), "ab") as file:
        file.write(b'{"histories": [' + b"0.5, " * 50_000)
    append_jsonl_event(tmp_path, event(1))
    assert len(events_file(tmp_path).read_bytes().splitlines()) == 2


def test_scalars_begin_with_the_fixed_columns(tmp_path):
    append_scalars_csv(tmp_path, {"epoch": 0, "split": "train", "metric_acc": np.float32(0.5)})
    header = scalars_file(tmp_path).read_text().splitlines()[0]
    assert header == ",".join((*SCALAR_COLUMNS, "metric_acc"))


def test_a_column_that_appears_later_leaves_earlier_rows_aligned(tmp_path):
    append_scalars_csv(tmp_path, {"epoch": 0, "split": "train", "train_loss": 0.5})
    append_scalars_csv(tmp_path, {"epoch": 0, "split": "val", "metric_acc": 0.25, "val_loss": 1})
    append_scalars_csv(tmp_path, {"epoch": 1, "split": "val", "metric_f1": 0.75, "val_loss": 2})
    found = rows(tmp_path)
    assert [row["train_loss"] for row in found] == ["0.5", "", ""]
    assert [row["metric_acc"] for row in found] == ["", "0.25", ""]
    assert [row["metric_f1"] for row in found] == ["", "", "0.75"]


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), np.float32("-inf")])
def test_what_is_no_number_is_an_empty_cell(tmp_path, value):
    append_scalars_csv(tmp_path, {"epoch": 0, "split": "val", "val_loss": value})
    assert rows(tmp_path)[0]["val_loss"] == ""


@pytest.mark.parametrize("torn", [b"1,va", b"1,val,,0.31", b"1,val,,0.3,2.0,9.0,64.0"])
def test_a_torn_row_is_repaired_by_the_next(tmp_path, torn):
    append_scalars_csv(tmp_path, {"epoch": 0, "split": "val", "val_loss": 0.5})
    with open(scalars_file(tmp_path), "ab") as file:
        file.write(torn)
    append_scalars_csv(tmp_path, {"epoch": 1, "split": "val", "val_loss": 0.25})
    assert [(row["epoch"], row["val_loss"]) for row in rows(tmp_path)] == [
        ("0", "0.5"),
        ("1", "0.25"),
    ]


def test_a_torn_header_is_written_anew(tmp_path):
    scalars_file(tmp_path).parent.mkdir()
    scalars_file(tmp_path).write_bytes(b"epoch,spl")
    append_scalars_csv(tmp_path, {"epoch": 0, "split": "val", "val_loss": 0.5})
    assert rows(tmp_path)[0]["val_loss"] == "0.5"


@pytest.mark.parametrize("row", [{"split": "val"}, {"epoch": 0}, {"epoch": 0, "split": ""}])
def test_a_row_without_epoch_or_split_is_refused(tmp_path, row):
    with pytest.raises(RunError, match="needs an epoch and a split"):
        append_scalars_csv(tmp_path, row)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["train_loss", "metric_a", "metric_b", "metric_c"]),
            st.floats(allow_nan=False, allow_infinity=False),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_every_value_comes_back_exactly_whatever_columns_appear_when(tmp_path_factory, cells):
    run_dir = tmp_path_factory.mktemp("run")
    for epoch, cell in enumerate(cells):
        append_scalars_csv(run_dir, {"epoch": epoch, "split": "val", **cell})
    for row, cell in zip(rows(run_dir), cells, strict=True):
        for name in ("train_loss", "metric_a", "metric_b", "metric_c"):
            assert (float(row[name]) if row.get(name) else None) == cell.get(name)


def test_truncating_forgets_rows_beyond_the_checkpoint_and_the_test(tmp_path):
    for epoch in range(4):
        append_scalars_csv(tmp_path, {"epoch": epoch, "split": "val", "val_loss": epoch})
    append_scalars_csv(tmp_path, {"epoch": 1, "split": "test", "metric_loss": 0.5})
    with open(scalars_file(tmp_path), "ab") as file:
        file.write(b"4,va")
    truncate_scalars(tmp_path, last_epoch=1)
    assert [(row["epoch"], row["split"]) for row in rows(tmp_path)] == [("0", "val"), ("1", "val")]


def test_truncating_a_run_without_scalars_does_nothing(tmp_path):
    truncate_scalars(tmp_path, last_epoch=3)
    assert not scalars_file(tmp_path).exists()


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    path = write_json(tmp_path / "a.json", {"x": 1})

    def fail(file):
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, fail)
    assert json.loads(path.read_text()) == {"x": 1}
    assert os.listdir(tmp_path) == ["a.json"]


def test_a_file_is_on_the_disk_before_it_takes_its_name(tmp_path, monkeypatch):
    done = []
    replace = os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append("sync"))
    monkeypatch.setattr(os, "replace", lambda *paths: done.append("rename") or replace(*paths))
    write_json(tmp_path / "a.json", {})
    assert done == ["sync", "rename", "sync"]  # the second is of the directory
    append_jsonl_event(tmp_path, event(0))
    append_scalars_csv(tmp_path, {"epoch": 0, "split": "val"})
    append_scalars_csv(tmp_path, {"epoch": 1, "split": "val"})
    assert done[3:].count("sync") >= 3


def test_a_directory_that_is_a_file_is_reported_with_its_path(tmp_path):
    (tmp_path / "run").write_text("")
    with pytest.raises(RunError, match=r"can't write .*run/facts/events.jsonl: found"):
        append_jsonl_event(tmp_path / "run", event(0))


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB, where this machine lets us mount one."""
    mount = tmp_path / "disk"
    mount.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(mount)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small file system")
    yield mount
    subprocess.run(["umount", str(mount)], check=True)


def test_a_full_disk_is_reported_and_leaves_the_files_whole(small_disk):
    def fill():
        for epoch in range(1000):
            append_jsonl_event(small_disk, event(epoch) | {"filling": "x" * 1000})
            written.append(epoch)

    written = []
    with pytest.raises(RunError, match="free space"):
        fill()
    assert len(read_events(small_disk)) == len(written) > 10
    assert events_file(small_disk).read_bytes().endswith(b"\n")
    with pytest.raises(RunError, match="free space"):
        write_atomic(small_disk / "best.pt", lambda file: file.write(b"x" * 100_000))
    assert os.listdir(small_disk) == ["facts"]


def test_a_read_only_disk_is_reported(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(RunError, match="Read-only file system; choose"):
        append_scalars_csv(small_disk, {"epoch": 0, "split": "val"})


APPEND_FOREVER = """
    import sys
    from thesis_facts import append_jsonl_event, append_scalars_csv, build_event_payload
    epoch = 0
    while True:
        event = build_event_payload("on_epoch_end", run_dir=None, epoch=epoch, note="x" * 20_000)
        append_jsonl_event(sys.argv[1], event)
        # every fifth row brings a new column, which rewrites the file
        row = {"epoch": epoch, "split": "val", "val_loss": 0.5, f"metric_{epoch // 5}": 1.0}
        append_scalars_csv(sys.argv[1], row)
        print(epoch, flush=True)
        epoch += 1
"""


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.011])
def test_killed_in_the_middle_of_appending_nothing_that_was_written_is_lost(tmp_path, delay):
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(APPEND_FOREVER), str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        for _ in range(12):
            done = int(process.stdout.readline())
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().split()
    done = int(rest[-1]) if rest else done
    append_jsonl_event(tmp_path, event(10_000))
    append_scalars_csv(tmp_path, {"epoch": 10_000, "split": "val", "val_loss": 0.25})
    epochs = [e["epoch"] for e in read_events(tmp_path)]
    assert epochs[: done + 1] == list(range(done + 1))
    assert epochs[-1] == 10_000
    found = rows(tmp_path)
    assert [int(row["epoch"]) for row in found[: done + 1]] == list(range(done + 1))
    assert all(row[f"metric_{int(row['epoch']) // 5}"] == "1.0" for row in found[:-1])
    assert found[-1]["val_loss"] == "0.25"
