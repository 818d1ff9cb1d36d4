"""A streamed split gives what the same split in memory gives, in another order."""

import os
import subprocess
import sys
import threading
import tracemalloc

import h5py
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from batch_equality import assert_equal
from thesis_data.batches import eval_batches, steps_per_epoch, train_batches
from thesis_data.config import AugmentConfig, DataConfig
from thesis_data.events import EventSplit
from thesis_data.loading import load_events
from thesis_data.streaming import StreamedSplit
from thesis_facts.errors import DataError

TINY = 1e-5  # GiB: about 30 events
BOTH = AugmentConfig(phi_rotation=True, eta_flip=True)


def load(path, split="train", **keys):
    return load_events(DataConfig(path=str(path), **keys), (split,)).splits[split]


@pytest.fixture(scope="module")
def files(tmp_path_factory, datasets):
    """Two files of one data set: 211 and 90 training events, stored without and in chunks."""
    folder = tmp_path_factory.mktemp("streamed")
    for name, chunk, n_train in (("a", None, 211), ("b", (16, 46), 90)):
        with h5py.File(folder / f"{name}.h5", "w") as file:
            for key, values in datasets(n_train, 40, seed=n_train).items():
                file.create_dataset(key, data=values, chunks=chunk if values.ndim == 2 else None)
    return folder / "*.h5"


@pytest.fixture(scope="module")
def in_memory(files):
    return load(files)


@settings(max_examples=15)  # threads and files: each takes a tenth of a second
@given(
    budget=st.integers(5_000, 400_000),
    batch_size=st.integers(1, 350),
    n_ranks=st.integers(1, 4),
    start=st.integers(0, 40),
    epoch=st.integers(0, 2),
)
@example(budget=1, batch_size=64, n_ranks=2, start=1, epoch=0)
def test_an_epoch_holds_every_event_once_and_goes_on_at_any_step(
    files, in_memory, budget, batch_size, n_ranks, start, epoch
):
    streamed = StreamedSplit.within(budget, load(files, memory_budget_gib=TINY).reader)
    seen = []
    for rank in range(n_ranks):
        keys = {"seed": 3, "epoch": epoch, "augment": BOTH, "shard": (rank, n_ranks)}
        batches = list(train_batches(streamed, batch_size, **keys))
        assert len(batches) == steps_per_epoch(in_memory, batch_size)
        rest = list(train_batches(streamed, batch_size, start_step=start, **keys))
        for first, second in zip(batches[start:], rest, strict=True):
            assert_equal(first, second)
        sizes = [len(batch) for batch in batches]
        assert max(sizes) - min(sizes) <= 1
        assert n_ranks > 1 or max(sizes) <= batch_size
        seen += [batch.index for batch in batches]
    assert torch.equal(torch.cat(seen).sort().values, torch.arange(301))


@given(
    budget=st.integers(5_000, 400_000), batch_size=st.integers(1, 350), n_ranks=st.integers(1, 4)
)
def test_evaluation_is_that_of_the_split_in_memory(files, in_memory, budget, batch_size, n_ranks):
    streamed = StreamedSplit.within(budget, load(files, memory_budget_gib=TINY).reader)
    for rank in range(n_ranks):
        pairs = zip(
            eval_batches(in_memory, batch_size, shard=(rank, n_ranks)),
            eval_batches(streamed, batch_size, shard=(rank, n_ranks)),
            strict=True,
        )
        for first, second in pairs:
            assert_equal(first, second)


@pytest.mark.parametrize(
    "keys",
    [
        {"classifier": {"selected_labels": [1, 3]}},
        {"limit_samples": 41},
        {"token_order": "shuffled", "cont_features": [3, 1]},
        {"token_order": "pt_ordered", "limit_samples": 50},
    ],
)
def test_selections_and_treatments_are_those_of_the_split_in_memory(files, keys):
    whole, streamed = load(files, **keys), load(files, memory_budget_gib=TINY, **keys)
    assert isinstance(whole, EventSplit)
    assert isinstance(streamed, StreamedSplit)
    assert len(whole) == len(streamed)
    assert whole.cont_features == streamed.cont_features
    assert torch.equal(whole.class_counts(2), streamed.class_counts(2))
    for batch in train_batches(streamed, 16, seed=0, epoch=0, trim=False):
        assert_equal(batch, whole.select(batch.index))


def test_weights_and_events_without_labels_are_streamed_too(datasets, write):
    arrays = datasets()
    keys = {"w_train": "W", "y_train": None}
    path = write(arrays, W=np.linspace(-1, 2, 300))
    config = DataConfig(path=str(path), datasets=keys, memory_budget_gib=TINY)
    split = load_events(config, ("train",), require_labels=False).train
    assert split.class_counts(2).tolist() == [0, 0]
    batches = list(train_batches(split, 50, seed=0, epoch=0))
    assert {int(x) for batch in batches for x in batch.label} == {-1}
    for batch in batches:
        assert torch.allclose(batch.weight, -1 + 3 * batch.row / 299, atol=1e-6)


def test_the_budget_decides_for_each_split(sound_file):
    event_bytes = load(sound_file, memory_budget_gib=TINY).reader.event_bytes
    budget = 200 * event_bytes / 2**30
    data = load_events(DataConfig(path=str(sound_file), memory_budget_gib=budget))
    assert isinstance(data.train, StreamedSplit)
    assert isinstance(data.val, EventSplit)


@pytest.mark.parametrize("n_ranks", [1, 2])
def test_batches_of_a_file_sorted_by_process_are_mixed(rows, tmp_path, n_ranks):
    n_events = 20_000
    path = tmp_path / "sorted.h5"
    with h5py.File(path, "w") as file:
        file["X_train"] = np.tile(rows(1_000), (n_events // 1_000, 1))
        file["Y_train"] = np.sort(np.tile([1.0, 2.0], n_events // 2))
    streamed = load(path, memory_budget_gib=4e-3)  # pools of about 1 MiB: 7 in all
    assert isinstance(streamed, StreamedSplit)
    batches = list(train_batches(streamed, 200, seed=1, epoch=0, shard=(0, n_ranks)))
    signal = torch.stack([batch.label.float().mean() for batch in batches])
    expected = 0.5 / (200 / n_ranks) ** 0.5  # of independent draws
    assert signal.mean() == pytest.approx(0.5, abs=0.03)
    assert signal.std() < 1.25 * expected
    places = batches[0].row.float() / n_events
    assert places.min() < 0.1
    assert places.max() > 0.9


def test_other_seeds_and_epochs_have_other_orders(files):
    streamed = load(files, memory_budget_gib=TINY)

    def order(seed, epoch):
        return [i for b in train_batches(streamed, 32, seed=seed, epoch=epoch) for i in b.index]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


def test_memory_stays_within_the_budget(rows, tmp_path):
    n_events, budget = 60_000, 4 * 2**20
    path = tmp_path / "large.h5"
    with h5py.File(path, "w") as file:
        events = np.tile(rows(1_000), (n_events // 1_000, 1))
        file.create_dataset("X_train", data=events, chunks=(500, 46))
        file["Y_train"] = np.tile([1.0, 2.0], n_events // 2)
    tracemalloc.start()
    try:
        streamed = load(path, memory_budget_gib=budget / 2**30)
        for batches in (train_batches(streamed, 256, seed=0, epoch=0), eval_batches(streamed, 256)):
            assert sum(len(batch) for batch in batches) == n_events
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    labels = 8 * n_events  # of the file, while they are looked at
    assert peak < budget + labels


def test_pools_before_the_first_step_are_not_read(files, monkeypatch):
    streamed = load(files, memory_budget_gib=TINY)
    n_read = []
    read = type(streamed.reader).read

    def counted(self, spans, *rest):
        events = read(self, spans, *rest)
        n_read.append(len(events))
        return events

    monkeypatch.setattr(type(streamed.reader), "read", counted)
    list(train_batches(streamed, 32, seed=0, epoch=0, start_step=9))
    assert sum(n_read) < 100  # 301 - 9 * 32 = 13 are wanted


def test_an_iteration_that_is_left_leaves_no_thread_behind(files):
    streamed = load(files, memory_budget_gib=TINY)
    for _ in train_batches(streamed, 32, seed=0, epoch=0):
        break
    batches = eval_batches(streamed, 8)
    next(batches)
    batches.close()
    assert threading.active_count() == 1


@pytest.mark.parametrize("change", ["deleted", "grown", "replaced by one of the same size"])
def test_a_file_that_changes_meanwhile_is_found_out(datasets, write, change):
    path = write(datasets())
    streamed = load(path, memory_budget_gib=TINY)
    batches = train_batches(streamed, 16, seed=0, epoch=0)
    next(batches)
    if change == "deleted":
        path.unlink()
    elif change == "grown":
        with path.open("ab") as file:  # h5py refuses while the thread still reads
            file.write(bytes(100))
    else:
        path.unlink()
        write(datasets(seed=1))
    with pytest.raises(DataError, match=r"events\.h5 is no longer the file .*resume the run"):
        list(batches)


@pytest.mark.parametrize("torn", [True, False])
def test_a_file_that_changes_while_it_is_read_is_found_out(torn, datasets, write):
    """What was read of it is given to nobody, and an error on the way is not the reason."""
    path = write(datasets())
    (part,) = load(path, memory_budget_gib=TINY).reader.catalogue.parts

    def read():
        with part.open() as events:
            if torn:
                os.truncate(path, path.stat().st_size // 2)
                raise OSError("can't read")
            os.utime(path)
            return events[:]

    with pytest.raises(DataError, match="is no longer the file"):
        read()


def test_a_split_in_memory_needs_its_file_no_more(datasets, write):
    path = write(datasets())
    split = load(path)
    path.unlink()
    assert len(list(train_batches(split, 100, seed=0, epoch=0))) == 3


def test_values_that_are_not_finite_are_found_while_streaming(datasets, write):
    arrays = datasets()
    arrays["X_train"][250, 60] = np.nan
    streamed = load(write(arrays), memory_budget_gib=TINY)
    with pytest.raises(DataError, match="nan in row 250, column 60"):
        list(train_batches(streamed, 16, seed=0, epoch=0))


FORK = """
import os, pickle, sys
from thesis_data import DataConfig, load_events, train_batches
split = load_events(DataConfig(path=sys.argv[1], memory_budget_gib=1e-5), ("train",)).train
expected = [b.index.tolist() for b in train_batches(split, 32, seed=0, epoch=0)]
opened = [os.path.realpath(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")]
assert not [name for name in opened if name.endswith(".h5")]
batches = train_batches(split, 32, seed=0, epoch=0)
next(batches)
child = os.fork()
again = pickle.loads(pickle.dumps(split))
for one in (split, again):
    assert [b.index.tolist() for b in train_batches(one, 32, seed=0, epoch=0)] == expected
if child == 0:
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
assert [b.index.tolist() for b in batches] == expected[1:]
"""


def test_a_split_can_be_forked_and_pickled(sound_file):
    command = [sys.executable, "-c", FORK, str(sound_file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


HOLD = """
import fcntl, sys
file = open(sys.argv[1], "rb")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("budget", [8.0, TINY])
def test_a_file_that_others_hold_a_lock_on_is_read(sound_file, monkeypatch, budget):
    monkeypatch.delenv("HDF5_USE_FILE_LOCKING", raising=False)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(sound_file)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout.readline() == "held\n"
        split = load(sound_file, memory_budget_gib=budget)
        assert sum(len(batch) for batch in train_batches(split, 64, seed=0, epoch=0)) == 300
    finally:
        holder.communicate("")


@pytest.mark.parametrize("n_events", [1, 40, 200])
def test_a_sample_of_a_streamed_split_is_a_fair_one(files, in_memory, n_events):
    streamed = load(files, memory_budget_gib=TINY)
    sample = StreamedSplit(streamed.reader, streamed.blocks, pool_bytes=10**6).sample(n_events)
    assert len(sample) == n_events
    (batch,) = eval_batches(sample, 400, trim=False)
    assert (batch.index.diff() > 0).all()
    assert torch.equal(batch.tokens_cont, in_memory.tokens_cont[batch.index])
    assert n_events < 200 or ((batch.index < 100).any() and (batch.index > 200).any())


def test_a_sample_takes_no_more_memory_than_a_pool(files):
    streamed = load(files, memory_budget_gib=TINY)
    sample = streamed.sample(250)
    assert 0 < len(sample) * streamed.reader.event_bytes <= 2 * streamed.pool_bytes
