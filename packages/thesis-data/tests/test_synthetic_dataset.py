import doctest

import h5py
import numpy as np
import pytest
from pydantic import ValidationError

from thesis_data.synthetic import dataset, generate
from thesis_data.synthetic.config import DetectorConfig, ToyConfig
from thesis_data.synthetic.dataset import (
    read_toy_parameters,
    toy_parameters,
    write_toy_dataset,
)
from thesis_data.synthetic.generate import simulate
from thesis_facts.errors import DataError

TOY = ToyConfig(n_events=905, seed=7)


def test_splits_hold_the_simulated_events_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(generate, "BLOCK", 100)  # so that blocks and splits cut each other
    path = write_toy_dataset(tmp_path / "toy.h5", TOY)
    events = simulate(905, seed=7)
    with h5py.File(path) as file:
        assert [len(file[x]) for x, _ in dataset.DATASET_NAMES] == [724, 90, 91]
        x = np.concatenate([file[x][:] for x, _ in dataset.DATASET_NAMES])
        labels = np.concatenate([file[y][:] for _, y in dataset.DATASET_NAMES])
    np.testing.assert_array_equal(x, events.x)
    np.testing.assert_array_equal(labels, events.labels)


def test_equal_configs_give_equal_files(tmp_path):
    first, second = (write_toy_dataset(tmp_path / f"{i}.h5", TOY) for i in range(2))
    assert first.read_bytes() == second.read_bytes()


def test_a_file_says_what_it_was_made_from(tmp_path):
    toy = ToyConfig(n_events=50, seed=1, signal_fraction=0.2, detector=DetectorConfig(b_tag=0.6))
    path = write_toy_dataset(tmp_path / "toy.h5", toy)
    stored = read_toy_parameters(path)
    assert stored == toy_parameters(toy)
    assert ToyConfig.model_validate(stored["config"]) == toy
    assert stored != toy_parameters(TOY)


def test_other_files_have_no_toy_parameters(sound_file):
    assert read_toy_parameters(sound_file) is None


def test_the_signal_fraction_acts(tmp_path):
    path = write_toy_dataset(tmp_path / "toy.h5", ToyConfig(n_events=2000, signal_fraction=0.1))
    with h5py.File(path) as file:
        assert np.mean(file["Y_train"][:] == 1) == pytest.approx(0.1, abs=0.03)


def test_an_interrupted_write_leaves_nothing_behind(tmp_path, monkeypatch):
    def interrupted(*args, **kwargs):
        yield simulate(100, seed=1)
        raise KeyboardInterrupt

    path = write_toy_dataset(tmp_path / "toy.h5", TOY)
    before = path.read_bytes()
    monkeypatch.setattr(dataset, "toy_blocks", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_toy_dataset(path, ToyConfig(n_events=500, seed=1))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("splits", [(0.5, 0.5), (0.5, 0.2, 0.2), (1.2, -0.1, -0.1)])
def test_shares_of_splits_that_make_no_sense_are_refused(tmp_path, splits):
    with pytest.raises(DataError, match="shares of the splits"):
        write_toy_dataset(tmp_path / "toy.h5", TOY, splits)


@pytest.mark.parametrize(
    "wrong", [{"n_events": 0}, {"seed": -1}, {"signal_fraction": 1.5}, {"n_event": 10}]
)
def test_wrong_configs_are_refused(wrong):
    with pytest.raises(ValidationError):
        ToyConfig(**wrong)


@pytest.mark.parametrize("module", [generate, dataset])
def test_docstring_examples_run(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    results = doctest.testmod(module)
    assert results.attempted
    assert not results.failed
