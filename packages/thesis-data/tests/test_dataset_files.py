import hashlib

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from thesis_data.batches import eval_batches
from thesis_data.config import DataConfig
from thesis_data.dataset_files import dataset_files, describe_dataset
from thesis_data.events import join
from thesis_data.loading import load_events
from thesis_facts import describe_file
from thesis_facts.errors import DataError, explain


@pytest.fixture
def folder(tmp_path):
    for name in ("part_10.h5", "part_2.h5", "other.h5", "sub[1].h5"):
        (tmp_path / name).write_text(name)
    return tmp_path


def names(folder, *patterns):
    files = dataset_files([str(folder / pattern) for pattern in patterns])
    return [file.name for file in files]


def test_a_pattern_is_sorted_and_a_list_keeps_its_order(folder):
    assert names(folder, "part_*.h5") == ["part_10.h5", "part_2.h5"]
    assert names(folder, "part_2.h5", "part_10.h5") == ["part_2.h5", "part_10.h5"]
    assert names(folder, "part_?.h5", "other.h5") == ["part_2.h5", "other.h5"]
    assert dataset_files(str(folder / "part_*.h5")) == dataset_files([str(folder / "part_*.h5")])


def test_no_file_is_read_twice(folder):
    (folder / "zz_link.h5").symlink_to("other.h5")
    assert names(folder, "part_2.h5", "*.h5", "other.h5") == [
        "part_2.h5",
        "other.h5",
        "part_10.h5",
        "sub[1].h5",
    ]


def test_a_name_that_exists_is_no_pattern(folder):
    assert names(folder, "sub[1].h5") == ["sub[1].h5"]


def test_a_pattern_without_a_match_is_an_error(folder):
    with pytest.raises(DataError, match=r"no file matches .*bits_\*\.h5.*data\.path"):
        names(folder, "other.h5", "bits_*.h5")
    assert names(folder, "nowhere.h5") == ["nowhere.h5"]  # who opens it says so


@pytest.mark.parametrize("path", [[], 3, ["a.h5", 3]])
def test_a_path_is_a_text_or_several(path):
    with pytest.raises(ValidationError) as caught:
        DataConfig(path=path)
    message = str(explain(caught.value, DataConfig, "data"))
    assert message == f"expected a file, a pattern, or a list of these, found {path!r}: data.path"


def test_one_file_is_described_as_ever(folder):
    path = str(folder / "other.h5")
    for spelling in (path, [path], str(folder / "oth*.h5")):
        assert describe_dataset(DataConfig(path=spelling)) == describe_file(path)


def test_several_files_are_described_together_and_each(folder):
    pattern = str(folder / "part_*.h5")
    described = describe_dataset(DataConfig(path=pattern))
    parts = [describe_file(folder / name) for name in ("part_10.h5", "part_2.h5")]
    digests = "".join(part["sha256"] for part in parts).encode()
    assert described == {
        "path": pattern,
        "size": sum(part["size"] for part in parts),
        "sha256": hashlib.sha256(digests).hexdigest(),
        "files": parts,
    }
    listed = [part["path"] for part in parts]
    assert describe_dataset(DataConfig(path=listed)) == {**described, "path": listed}


def test_a_missing_file_has_no_digest(folder):
    described = describe_dataset(DataConfig(path=[str(folder / "other.h5"), "nowhere.h5"]))
    assert described["size"] is described["sha256"] is None
    assert described["files"][0]["size"] == 8


def test_several_files_are_one_split_after_the_other(datasets, write):
    paths = [
        str(write(datasets(n_train=n, n_other=60, seed=n), f"{n}.h5", W=np.arange(n) + n / 1000))
        for n in (120, 250)
    ]
    keys = {"datasets": {"w_train": "W"}, "classifier": {"selected_labels": [1, 2]}}
    parts = [load_events(DataConfig(path=path, **keys), ("train",)).train for path in paths]
    whole = load_events(DataConfig(path=paths, **keys), ("train",)).train
    for name in ("tokens_cont", "tokens_id", "globals", "label", "process", "weight"):
        assert torch.equal(getattr(whole, name), getattr(join(parts), name)), name
    assert whole.row.tolist() == [*parts[0].row.tolist(), *(parts[1].row + 120).tolist()]


def test_a_limit_counts_over_all_files_and_a_shuffle_knows_the_place(datasets, write):
    paths = [str(write(datasets(seed=1), f"{n}.h5")) for n in "ab"]  # the same events twice
    config = DataConfig(path=paths, token_order="shuffled")
    whole = load_events(config).train
    assert torch.equal(
        whole.tokens_cont[:300],
        load_events(DataConfig(path=paths[0], token_order="shuffled")).train.tokens_cont,
    )
    assert not torch.equal(whole.tokens_cont[:300], whole.tokens_cont[300:])
    few = load_events(config.model_copy(update={"limit_samples": 50})).train
    assert few.class_counts(2).tolist() == [25, 25]
    assert (few.row < 300).any()
    assert (few.row >= 300).any()
    assert torch.equal(few.tokens_cont, whole.tokens_cont[few.row])


def test_a_class_may_be_missing_in_a_file_but_not_in_all(datasets, write):
    arrays = datasets()
    alone = {name: np.full_like(arrays[name], 1) for name in ("Y_train", "y_val", "y_test")}
    signal, both = str(write(arrays, "a.h5", **alone)), str(write(arrays, "b.h5"))
    data = load_events(DataConfig(path=[signal, both]))
    assert sum(len(batch) for batch in eval_batches(data.val, 30)) == 200
    with pytest.raises(DataError, match=r"has no event in the train split of 2 files"):
        load_events(DataConfig(path=[signal, str(write(arrays, "c.h5", **alone))]))


@pytest.mark.parametrize("budget", [8.0, 1e-5])
def test_a_file_may_lack_events_of_a_split(datasets, write, budget):
    arrays = datasets()
    nothing = {name: arrays[name][:0] for name in ("X_val", "y_val")}
    empty, full = write(arrays, "a.h5", **nothing), write(arrays, "b.h5")
    for paths in ([empty, full], [full, empty]):
        config = DataConfig(path=list(map(str, paths)), memory_budget_gib=budget)
        batches = list(eval_batches(load_events(config, ("val",)).val, 30))
        assert torch.cat([batch.row for batch in batches]).tolist() == list(range(100))


def test_what_is_wrong_with_one_of_several_files_is_said_of_it(datasets, write):
    arrays = datasets()
    broken = arrays["X_train"].copy()
    broken[17, 3] = np.nan
    paths = [str(write(arrays, "a.h5")), str(write(arrays, "b.h5", X_train=broken))]
    with pytest.raises(DataError, match=r"X_train of .*b\.h5 .* in row 17, column 3"):
        load_events(DataConfig(path=paths))
    narrow = str(write(arrays, "c.h5", X_train=np.zeros((300, 80), np.float32)))
    with pytest.raises(DataError, match=r"c\.h5 is no array of events"):
        load_events(DataConfig(path=[paths[0], narrow]))
