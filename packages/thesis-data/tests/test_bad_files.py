"""Each way in which a file can be unusable ends in one message that says what to do."""

import re

import numpy as np
import pytest

from thesis_data.config import DataConfig
from thesis_data.layout import Layout
from thesis_data.loading import load_events
from thesis_facts.errors import DataError

LAYOUT = Layout()


def refuse(path, *words, **keys) -> DataError:
    """Load and expect a `DataError` that holds these words."""
    with pytest.raises(DataError) as caught:
        load_events(DataConfig(path=str(path), **keys))
    for word in words:
        assert re.search(word, str(caught.value)), str(caught.value)
    return caught.value


def changed(array: np.ndarray, row: int, column: int, value: float) -> np.ndarray:
    array = array.copy()
    array[row, column] = value
    return array


def test_no_path():
    with pytest.raises(DataError, match=r"data\.path.*data=synthetic"):
        load_events(DataConfig())


def test_missing_file(tmp_path):
    error = refuse(tmp_path / "nowhere.h5", "nowhere.h5 does not exist")
    assert error.key == "data.path"


def test_folder_instead_of_file(tmp_path):
    refuse(tmp_path, "is not a file")


def test_file_that_is_no_h5(tmp_path):
    path = tmp_path / "notes.h5"
    path.write_text("not a file of events")
    refuse(path, "no H5 signature", "notes.h5")


def test_file_without_permission(sound_file, as_nobody):
    sound_file.chmod(0)
    with as_nobody():
        refuse(sound_file, "you may not read", "permission")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.95])
def test_truncated_file(sound_file, kept):
    content = sound_file.read_bytes()
    sound_file.write_bytes(content[: int(kept * len(content))])
    refuse(sound_file, "truncated", "complete H5 file", "copy or write it again")


def test_damage_inside_a_file(datasets, tmp_path):
    import h5py

    path = tmp_path / "damaged.h5"
    with h5py.File(path, "w") as file:
        for name, values in datasets().items():
            packed = {"chunks": (50, 92), "compression": "gzip"} if values.ndim == 2 else {}
            file.create_dataset(name, data=values, **packed)
        offset = file["X_train"].id.get_chunk_info(2).byte_offset
    content = bytearray(path.read_bytes())
    content[offset : offset + 200] = bytes(200)
    path.write_bytes(content)
    refuse(path, "cannot be read", "copy or write it again")


def test_missing_events(datasets, write):
    error = refuse(write(datasets(), X_val=None), "no dataset 'X_val'", "X_train")
    assert error.key == "data.datasets.x_val"


def test_missing_labels_are_never_replaced(datasets, write):
    error = refuse(write(datasets(), y_val=None), "no dataset 'y_val'")
    assert error.key == "data.datasets.y_val"


def test_labels_in_another_spelling_are_offered(datasets, write):
    arrays = datasets()
    path = write(arrays, y_val=None, Y_val=arrays["y_val"])
    refuse(path, r"set data\.datasets\.y_val=Y_val")


def test_labels_switched_off(sound_file):
    refuse(sound_file, r"data\.datasets\.y_train", datasets={"y_train": None})


def test_missing_weights(sound_file):
    refuse(sound_file, r"data\.datasets\.w_train", datasets={"w_train": "weights"})


def test_wrong_width(datasets, write):
    path = write(datasets(), X_train=np.zeros((300, 80), np.float32))
    error = refuse(path, r"\[300, 80\]", r"\[N, 92\]", r"data\.n_tokens")
    assert error.key == "data.datasets.x_train"


def test_binned_file(datasets, write):
    path = write(datasets(), X_train=np.ones((300, 20), np.int64))
    refuse(path, "20 columns are a file of binned tokens", r"\[N, 92\]")


def test_other_number_of_tokens(sound_file):
    refuse(sound_file, r"\[N, 77\]", n_tokens=15)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("column", [3, 18, 60])
def test_values_that_are_not_finite(datasets, write, value, column):
    arrays = datasets()
    path = write(arrays, X_val=changed(arrays["X_val"], 17, column, value))
    error = refuse(path, f"{value} in row 17, column {column}", "X_val of .*events.h5")
    assert error.key == "data.datasets.x_val"


@pytest.mark.parametrize("value", [8, -1, 1.5])
def test_unknown_object_ids(datasets, write, value):
    arrays = datasets()
    path = write(arrays, X_train=changed(arrays["X_train"], 70, 0, value))
    refuse(path, f"{value:g} in row 70", "0 to 7 in columns 0 to 17")


@pytest.mark.parametrize("value", [0, 6, 2.5, np.nan])
def test_labels_outside_the_map(datasets, write, value):
    arrays = datasets()
    labels = arrays["Y_train"].copy()
    labels[[5, 9]] = value
    path = write(arrays, Y_train=labels)
    refuse(path, f"{value:g} .2 of 300 events, the first in row 5", "1 4t, 2 ttH")


def test_labels_that_are_no_list(datasets, write):
    refuse(write(datasets(), y_val=np.zeros((100, 5))), r"\[100, 5\]", "one number per event")


def test_labels_of_another_split(datasets, write):
    arrays = datasets()
    path = write(arrays, Y_train=arrays["Y_train"][:-1])
    error = refuse(path, "299 entries", "300, one per event")
    assert error.key == "data.datasets.y_train"


def test_weights_that_are_not_finite(datasets, write):
    path = write(datasets(), W=np.full(300, np.nan))
    refuse(path, "W of .*events.h5", r"data\.datasets\.w_train", datasets={"w_train": "W"})


def test_a_class_without_events(datasets, write):
    arrays = datasets()
    path = write(arrays, y_test=np.where(arrays["y_test"] == 3, 2, arrays["y_test"]))
    refuse(
        path,
        "class 'ttW' has no event in the test split",
        "no event with label 3",
        classifier={"selected_labels": [1, 3]},
    )


def test_an_empty_split(datasets, write):
    arrays = datasets()
    path = write(arrays, X_test=arrays["X_test"][:0], y_test=arrays["y_test"][:0])
    refuse(path, "the test split of .* is empty")
