import tracemalloc

import h5py
import numpy as np
import pytest
import torch

from thesis_data.batches import eval_batches
from thesis_data.config import DataConfig
from thesis_data.layout import Layout
from thesis_data.loading import load_events
from thesis_facts.errors import DataError

LAYOUT = Layout()


def load(path, splits=("train", "val", "test"), require_labels=True, **keys):
    return load_events(DataConfig(path=str(path), **keys), splits, require_labels)


def test_events_arrive_in_physical_units_as_they_stand_in_the_file(datasets, write):
    arrays = datasets()
    data = load(write(arrays))
    rows = arrays["X_train"]
    assert torch.equal(data.train.tokens_id, torch.from_numpy(LAYOUT.ids(rows).astype(np.int8)))
    assert torch.equal(data.train.tokens_cont, torch.from_numpy(LAYOUT.objects(rows)))
    assert torch.equal(data.train.globals, torch.from_numpy(LAYOUT.globals(rows)))
    assert [len(split) for split in (data.train, data.val, data.test)] == [300, 100, 100]


def test_labels_become_classes_and_processes_are_kept(datasets, write):
    arrays = datasets()
    data = load(write(arrays))
    process = torch.from_numpy(arrays["y_val"]).long()
    assert data.class_names == ("ttH+ttW+ttWW+ttZ", "4t")
    assert data.n_classes == 2
    assert torch.equal(data.val.process.long(), process)
    assert torch.equal(data.val.label, (process == 1).long())


def test_processes_outside_the_task_are_left_out(datasets, write):
    arrays = datasets()
    data = load(write(arrays), classifier={"selected_labels": "3,1"})
    assert data.class_names == ("ttW", "4t")
    kept = np.flatnonzero(np.isin(arrays["Y_train"], [1, 3]))
    assert data.train.row.tolist() == kept.tolist()
    assert data.train.label.tolist() == (arrays["Y_train"][kept] == 1).astype(int).tolist()
    assert torch.equal(
        data.train.tokens_cont, torch.from_numpy(LAYOUT.objects(arrays["X_train"][kept]))
    )


def test_only_some_processes_of_the_task(datasets, write):
    arrays = datasets()
    config = DataConfig(path=str(write(arrays)))
    data = load_events(config, only=(3, 5))
    kept = np.flatnonzero(np.isin(arrays["Y_train"], [3, 5]))
    assert data.train.row.tolist() == kept.tolist()
    assert set(data.train.label.tolist()) == {0}
    assert data.class_names == ("ttH+ttW+ttWW+ttZ", "4t")  # what the numbers mean stays
    four_tops = DataConfig(path=config.path, classifier={"selected_labels": "1,2"})
    with pytest.raises(DataError, match=r"no class with label 3"):
        load_events(four_tops, only=(1, 3))


def test_only_the_splits_asked_for_are_read(datasets, write):
    path = write(datasets(), X_train=None, Y_train=None)
    assert list(load(path, splits=("val",)).splits) == ["val"]
    with pytest.raises(DataError, match="X_train"):
        load(path)


def test_a_split_that_was_not_loaded_is_named(sound_file):
    with pytest.raises(DataError, match="test split was not loaded"):
        _ = load(sound_file, splits=("train",)).test


@pytest.mark.parametrize("columns", [(1, 2, 3), (3, 1)])
def test_chosen_features_come_in_the_order_given(sound_file, columns):
    whole, part = load(sound_file), load(sound_file, cont_features=columns)
    assert torch.equal(part.train.tokens_cont, whole.train.tokens_cont[..., columns])
    assert part.cont_features == part.train.cont_features == columns


def test_objects_can_be_ordered_by_pt_even_where_pt_is_no_feature(sound_file):
    pt = load(sound_file, token_order="pt_ordered", cont_features=(1,)).train.tokens_cont[..., 0]
    assert (pt.diff(dim=1) <= 0).all()
    energy = load(sound_file, token_order="pt_ordered", cont_features=(0,)).train
    whole = load(sound_file, token_order="pt_ordered").train
    assert torch.equal(energy.tokens_cont[..., 0], whole.tokens_cont[..., 0])


def test_shuffled_objects_are_the_same_each_time_and_in_every_subset(sound_file):
    whole, again = (load(sound_file, token_order="shuffled").train for _ in range(2))
    assert torch.equal(whole.tokens_cont, again.tokens_cont)
    part = load(sound_file, token_order="shuffled", limit_samples=20).train
    assert torch.equal(part.tokens_cont, whole.tokens_cont[part.row])
    assert not torch.equal(whole.tokens_cont, load(sound_file).train.tokens_cont)


def test_a_limit_takes_as_many_of_each_class(sound_file):
    data = load(sound_file, limit_samples=40)
    for split in data.splits.values():
        assert torch.bincount(split.label).tolist() == [20, 20]
    again = load(sound_file, limit_samples=40)
    other = load(sound_file, limit_samples=40, seed=1)
    assert torch.equal(data.train.row, again.train.row)
    assert not torch.equal(data.train.row, other.train.row)
    assert not torch.equal(data.val.row, data.test.row)


def test_the_training_split_alone_is_limited(sound_file):
    data, whole = load(sound_file, limit_train_samples=20), load(sound_file)
    assert len(data.train) == 20
    assert len(data.val) == len(whole.val)
    assert len(load(sound_file, limit_samples=10, limit_train_samples=20).train) == 10
    assert len(load(sound_file, limit_samples=20, limit_train_samples=10).train) == 10


def test_rubbish_in_padded_slots_never_arrives(datasets, write):
    arrays = datasets()
    clean = load(write(arrays))
    dirty = arrays["X_train"].copy()
    LAYOUT.objects(dirty)[LAYOUT.ids(dirty) == 0] = -999
    loaded = load(write(arrays, X_train=dirty))
    assert torch.equal(loaded.train.tokens_cont, clean.train.tokens_cont)


def test_event_weights_come_along_with_their_events(datasets, write):
    arrays = datasets()
    weights = np.linspace(-1, 2, 300)
    data = load(
        write(arrays, W=weights), datasets={"w_train": "W"}, classifier={"selected_labels": [1, 2]}
    )
    assert data.train.weight is not None
    np.testing.assert_allclose(data.train.weight, weights[data.train.row], rtol=1e-6)
    assert data.val.weight is None


def test_scoring_takes_events_without_labels_and_training_does_not(datasets, write):
    path = write(datasets(), y_test=None)
    with pytest.raises(DataError, match=r"y_test"):
        load(path, splits=("test",))
    test = load(path, splits=("test",), require_labels=False).test
    assert len(test) == 100
    assert set(test.label.tolist()) == {-1}
    assert set(test.process.tolist()) == {0}
    limited = load(path, splits=("test",), require_labels=False, limit_samples=30).test
    assert len(limited) == len(set(limited.row.tolist())) == 30


def test_files_without_missing_momentum_can_be_read(datasets, write):
    arrays = datasets()
    for name in ("X_train", "X_val", "X_test"):
        arrays[name] = np.delete(arrays[name], [18, 19], axis=1)
    data = load(write(arrays), globals={"present": False})
    assert data.train.globals.shape == (300, 0)


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_other_number_types_become_single_precision(datasets, write, dtype):
    arrays = datasets()
    data = load(write(arrays, X_val=arrays["X_val"].astype(dtype), y_val=arrays["y_val"] + 0.0))
    assert data.val.tokens_cont.dtype == torch.float32


def test_loading_needs_little_more_memory_than_the_bytes_of_the_file(rows, tmp_path):
    n_events = 60_000
    events = np.tile(rows(1_000), (n_events // 1_000, 1))
    path = tmp_path / "large.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("X_train", data=events, chunks=(2_000, 46))
        file["Y_train"] = np.tile([1.0, 2.0], n_events // 2)
    tracemalloc.start()
    try:
        load(path, splits=("train",))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    block = 16_384 * LAYOUT.width * 4
    assert peak < 1.2 * events.nbytes + 3 * block


def test_a_sample_is_always_the_same_events_with_their_positions(sound_file):
    whole = load(sound_file).train
    sample = whole.sample(40)
    assert len(sample) == 40
    (batch,) = eval_batches(sample, 100, trim=False)
    assert batch.index.unique().tolist() == batch.index.tolist()
    assert torch.equal(batch.tokens_cont, whole.tokens_cont[batch.index])
    assert torch.equal(batch.row, whole.row[batch.index])
    assert torch.equal(sample.row, load(sound_file).train.sample(40).row)
    assert whole.sample(300) is whole
