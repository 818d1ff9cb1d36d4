"""A file of binned tokens: written from a file of events, trained on like one."""

import shutil

import h5py
import numpy as np
import pytest
import torch

from batch_equality import assert_equal
from thesis_data import binned_file
from thesis_data.batches import eval_batches, train_batches
from thesis_data.binned_file import read_binning, write_binned_file
from thesis_data.binning import Binning, quantile_edges
from thesis_data.cli import main
from thesis_data.config import DataConfig
from thesis_data.layout import Layout
from thesis_data.loading import load_events
from thesis_data.streaming import StreamedSplit
from thesis_data.validation import inspect_file
from thesis_facts.digests import file_digest
from thesis_facts.errors import DataError, RunError

LAYOUT = Layout()
BINNED = {"tokenization": "binned", "norm": "none", "cont_features": ()}


def load(path, **keys):
    return load_events(DataConfig(path=str(path), **(BINNED | keys)))


@pytest.fixture
def binned(sound_file, tmp_path):
    path = tmp_path / "binned.h5"
    write_binned_file(sound_file, path)
    return path


def edges_of(rows: np.ndarray, n_bins: int = 5) -> Binning:
    objects = LAYOUT.objects(rows)[LAYOUT.ids(rows) > 0]
    columns = (objects[:, 1], objects[:, 2], LAYOUT.globals(rows)[:, 0])
    return Binning(*(quantile_edges(column, n_bins) for column in columns))


def assert_same(first: Binning, second: Binning) -> None:
    for name in ("pt_edges", "eta_edges", "met_edges"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_the_file_holds_tokens_labels_and_how_it_was_made(datasets, write, tmp_path):
    arrays = datasets()
    source = write(arrays, w_test=np.linspace(-1, 1, 100))
    expected = edges_of(arrays["X_train"])
    assert_same(write_binned_file(source, tmp_path / "binned.h5"), expected)
    with h5py.File(tmp_path / "binned.h5") as file:
        assert_same(read_binning(file), expected)
        assert file.attrs["n_bins"] == 5
        assert file.attrs["edges_from"] == "all"
        assert file.attrs["source"] == "events.h5"
        assert file.attrs["source_sha256"] == file_digest(source)
        for name in ("X_train", "X_val", "X_test"):
            rows = arrays[name]
            assert file[name].dtype.kind == "i"
            tokens = expected.tokens(LAYOUT.ids(rows), LAYOUT.objects(rows), LAYOUT.globals(rows))
            np.testing.assert_array_equal(file[name][:], tokens)
        for name in ("Y_train", "y_val", "y_test"):
            np.testing.assert_array_equal(file[name][:], arrays[name])
        np.testing.assert_array_equal(file["w_test"][:], np.linspace(-1, 1, 100))


def test_edges_can_come_from_the_background_alone(datasets, write, tmp_path):
    arrays = datasets()
    background = arrays["X_train"][arrays["Y_train"] != 1]
    binning = write_binned_file(write(arrays), tmp_path / "b.h5", background_only=True)
    assert_same(binning, edges_of(background))
    with pytest.raises(DataError, match="y_train"):
        write_binned_file(write(arrays, Y_train=None), tmp_path / "other.h5", background_only=True)


def test_of_a_large_split_every_kth_event_gives_the_edges(datasets, write, tmp_path, monkeypatch):
    monkeypatch.setattr(binned_file, "_EDGES_FROM_AT_MOST", 100)
    arrays = datasets(n_train=290)
    binning = write_binned_file(write(arrays), tmp_path / "b.h5")
    assert_same(binning, edges_of(arrays["X_train"][::3]))


@pytest.mark.parametrize("n_bins", [2, 5, 16])
def test_batches_hold_tokens_in_place_of_ids_and_numbers(datasets, write, tmp_path, n_bins):
    arrays = datasets()
    write_binned_file(write(arrays), tmp_path / "b.h5", n_bins)
    data = load(tmp_path / "b.h5")
    assert data.vocab_size == 7 * n_bins**3 + 2 * n_bins + 1
    assert data.cont_features == ()
    rows = arrays["X_val"]
    tokens = edges_of(arrays["X_train"], n_bins).tokens(
        LAYOUT.ids(rows), LAYOUT.objects(rows), LAYOUT.globals(rows)
    )
    (batch,) = eval_batches(data.val, 100)
    length = batch.tokens_id.shape[1]
    assert batch.tokens_cont.shape == (100, length, 0)
    assert batch.tokens_id.dtype == torch.int64
    assert batch.tokens_id.tolist() == tokens[:, :length].tolist()
    assert not tokens[:, length:18].any()
    assert batch.mask.tolist() == (tokens[:, :length] > 0).tolist()
    assert batch.globals.dtype == torch.float32
    assert batch.globals.tolist() == tokens[:, 18:].tolist()
    assert batch.process.tolist() == arrays["y_val"].tolist()
    assert batch.label.tolist() == (arrays["y_val"] == 1).tolist()
    assert batch.non_finite() is None


def test_direct_tokens_have_no_vocabulary(sound_file):
    assert load_events(DataConfig(path=str(sound_file))).vocab_size is None


@pytest.mark.parametrize("order", ["input_order", "shuffled"])
def test_streamed_tokens_are_those_in_memory(binned, order):
    whole = load(binned, token_order=order)
    streamed = load(binned, token_order=order, memory_budget_gib=1e-5)
    assert isinstance(streamed.train, StreamedSplit)
    assert streamed.vocab_size == whole.vocab_size
    for first, second in zip(
        eval_batches(streamed.train, 64), eval_batches(whole.train, 64), strict=True
    ):
        assert_equal(first, second)
    batches = list(train_batches(streamed.train, 64, seed=1, epoch=0))
    index = torch.cat([batch.index for batch in batches])
    assert index.sort().values.tolist() == list(range(300))


def test_a_shuffle_permutes_the_tokens_of_an_event_and_leaves_padding_last(binned):
    plain, shuffled = load(binned).train, load(binned, token_order="shuffled").train
    assert not torch.equal(plain.tokens_id, shuffled.tokens_id)
    assert torch.equal(plain.tokens_id.sort().values, shuffled.tokens_id.sort().values)
    assert torch.equal(plain.mask, shuffled.mask)


def test_padding_between_tokens_is_closed(datasets, write, tmp_path):
    rows = datasets()
    LAYOUT.ids(rows["X_train"])[:, 0] = 0
    write_binned_file(write(rows), tmp_path / "b.h5")
    mask = load(tmp_path / "b.h5").train.mask
    assert (mask[:, :-1] >= mask[:, 1:]).all()


def test_a_binned_file_is_sound_in_the_eyes_of_its_own_checks(binned, capsys):
    assert main(["validate", str(binned)]) == 0
    assert main(["inspect", str(binned)]) == 0
    text = capsys.readouterr().out
    assert "20 columns = 18 tokens (5 bins) + MET token, METphi token" in text
    assert "Share of each bin" in text
    assert "GeV" not in text


def test_inspection_counts_objects_and_bins(datasets, write, tmp_path):
    arrays = datasets()
    source = write(arrays)
    write_binned_file(source, tmp_path / "b.h5")
    direct, binned = (inspect_file(path).splits[0].summary for path in (source, tmp_path / "b.h5"))
    assert binned.id_counts.tolist() == direct.id_counts.tolist()
    assert binned.multiplicity.tolist() == direct.multiplicity.tolist()
    n_objects = binned.n_objects
    for quantity in ("pt", "eta"):
        np.testing.assert_allclose(binned.bin_counts[quantity], n_objects / 5, atol=2)
    np.testing.assert_allclose(binned.bin_counts["MET"], 60, atol=1)
    assert binned.bin_counts["phi"].sum() == n_objects


DAMAGE = {
    "tokens outside 0..875": (3, 876),
    "tokens of MET outside 876..880": (18, 881),
    "tokens of METphi outside 881..885": (19, 0),
}


@pytest.mark.parametrize(("what", "place"), DAMAGE.items())
def test_tokens_that_are_none_are_found(binned, what, place, capsys):
    column, value = place
    with h5py.File(binned, "r+") as file:
        file["X_val"][[4, 8], column] = value
    assert main(["validate", str(binned)]) == 1
    assert f"2 of 100 events have {what}, the first in row 4" in capsys.readouterr().out
    with pytest.raises(DataError, match=rf"unknown tokens.*found {value} in row 4") as caught:
        load(binned)
    assert caught.value.key == "data.datasets.x_val"


def test_events_that_binning_made_alike_are_a_warning_only(binned):
    with h5py.File(binned, "r+") as file:
        file["X_val"][3] = file["X_train"][5]
    report = inspect_file(binned)
    assert report.errors == []
    assert any("row 3 is row 5 of train" in problem.what for problem in report.problems)


def test_a_binned_file_under_direct_tokens_is_refused(binned):
    with pytest.raises(DataError, match=r"data=h5_tokens_binned") as caught:
        load_events(DataConfig(path=str(binned)))
    assert caught.value.key == "data.tokenization"


def test_a_direct_file_under_binned_tokens_is_refused(sound_file):
    with pytest.raises(DataError, match=r"thesis-data bin .* or set data=h5_tokens") as caught:
        load(sound_file)
    assert caught.value.key == "data.tokenization"


def test_tokens_of_unknown_bins_are_refused(binned, datasets, write):
    with h5py.File(binned) as file:
        arrays = {name: values[:] for name, values in file.items()}
    nameless = write(arrays, "nameless.h5")
    with pytest.raises(DataError, match="no file that `thesis-data bin` made"):
        load(nameless)
    with pytest.raises(DataError, match="20 columns are a file of binned tokens"):
        load_events(DataConfig(path=str(nameless)))


@pytest.mark.parametrize(("name", "value"), [("binning_version", 2), ("pt_edges", [1.0])])
def test_attributes_that_make_no_sense_are_refused(binned, name, value):
    with h5py.File(binned, "r+") as file:
        file.attrs[name] = value
    with pytest.raises(DataError, match="make it again with `thesis-data bin`"):
        load(binned)


def test_files_of_a_data_set_have_the_same_edges(datasets, write, tmp_path):
    first, second = tmp_path / "bin_1.h5", tmp_path / "bin_2.h5"
    write_binned_file(write(datasets()), first)
    shutil.copy(first, second)
    assert len(load(tmp_path / "bin_*.h5").train) == 600
    second.unlink()
    write_binned_file(write(datasets(seed=1), "other.h5"), second)
    with pytest.raises(DataError, match=r"bin_2\.h5 is binned otherwise than .*bin_1\.h5"):
        load(tmp_path / "bin_*.h5")


def test_an_existing_file_is_never_replaced(sound_file, capsys):
    before = sound_file.read_bytes()
    assert main(["bin", str(sound_file), str(sound_file)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert sound_file.read_bytes() == before


@pytest.mark.parametrize("n_bins", ["1", "17", "-3"])
def test_an_impossible_number_of_bins_is_one_line(sound_file, tmp_path, capsys, n_bins):
    assert main(["bin", str(sound_file), str(tmp_path / "b.h5"), "--bins", n_bins]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "expected 2 to 16" in error


def test_a_binned_file_is_not_binned_again(binned, tmp_path, capsys):
    assert main(["bin", str(binned), str(tmp_path / "twice.h5")]) == 1
    assert "name the file that it was made from" in capsys.readouterr().err


def test_a_value_that_is_not_finite_leaves_no_file(datasets, write, tmp_path, capsys):
    arrays = datasets()
    arrays["X_test"][7, 30] = np.nan  # in the last split, when the file is half written
    source = write(arrays)
    before = set(tmp_path.iterdir())
    assert main(["bin", str(source), str(tmp_path / "b.h5")]) == 1
    assert "not finite" in capsys.readouterr().err
    assert set(tmp_path.iterdir()) == before


def test_a_source_that_breaks_off_while_it_is_written_is_named(datasets, tmp_path):
    source = tmp_path / "events.h5"
    with h5py.File(source, "w") as file:
        for name, values in datasets().items():
            packed = {"chunks": True, "compression": "gzip"} if name == "X_test" else {}
            file.create_dataset(name, data=values, **packed)
        place = file["X_test"].id.get_chunk_info(0).byte_offset
    with open(source, "r+b") as file:
        file.seek(place)
        file.write(b"\xff" * 100)
    before = set(tmp_path.iterdir())
    with pytest.raises(DataError, match=r"events\.h5 cannot be read as H5"):
        write_binned_file(source, tmp_path / "b.h5")
    assert set(tmp_path.iterdir()) == before


def test_a_folder_that_can_not_be_written_to_is_named(sound_file, tmp_path, as_nobody):
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    with as_nobody(), pytest.raises(RunError, match=r"closed.*b\.h5"):
        write_binned_file(sound_file, folder / "b.h5")


def test_a_source_that_is_missing_is_one_line(tmp_path, capsys):
    assert main(["bin", str(tmp_path / "nowhere.h5"), str(tmp_path / "b.h5")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_a_sample_without_a_validation_split_can_be_binned(datasets, write, tmp_path):
    source = write(datasets(), X_val=None, y_val=None)
    write_binned_file(source, tmp_path / "b.h5")
    with h5py.File(tmp_path / "b.h5") as file:
        assert sorted(file) == ["X_test", "X_train", "Y_train", "y_test"]


def test_datasets_of_other_names_keep_them(datasets, tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["events"] = datasets()["X_train"]
        file["truth"] = datasets()["Y_train"]
    names = ["--dataset", "x_train=events", "--dataset", "y_train=truth"]
    assert main(["bin", str(tmp_path / "x.h5"), str(tmp_path / "b.h5"), *names]) == 0
    with h5py.File(tmp_path / "b.h5") as file:
        assert sorted(file) == ["events", "truth"]
