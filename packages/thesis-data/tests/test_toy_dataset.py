import errno
import multiprocessing
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from thesis_data.config import DataConfig
from thesis_data.loading import load_events
from thesis_data.synthetic.config import ToyConfig
from thesis_data.toy_dataset import ensure_dataset
from thesis_data.validation import inspect_file
from thesis_facts.errors import DataError

TOY = ToyConfig(n_events=400, seed=1)


def config(path: Path, toy: ToyConfig | None = TOY) -> DataConfig:
    return DataConfig(path=str(path), synthetic=toy)


def test_a_toy_sample_is_made_on_first_use_and_kept(tmp_path):
    path = tmp_path / "datasets" / "toy.h5"
    data = load_events(config(path))
    assert sum(map(len, data.splits.values())) == 400
    assert not inspect_file(path).errors
    made = path.stat().st_mtime_ns
    load_events(config(path))
    assert path.stat().st_mtime_ns == made


def test_a_sample_of_other_parameters_is_refused_with_the_difference(tmp_path):
    path = tmp_path / "toy.h5"
    ensure_dataset(config(path))
    with pytest.raises(DataError, match=r"found config\.seed 1, but expected config\.seed 2"):
        ensure_dataset(config(path, TOY.model_copy(update={"seed": 2})))


def test_a_file_of_ones_own_is_never_taken_for_a_toy_sample(sound_file):
    with pytest.raises(DataError, match=r"no toy sample.*data=h5_tokens"):
        ensure_dataset(config(sound_file))
    assert ensure_dataset(config(sound_file, toy=None)) == [sound_file]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, as_nobody):
    tmp_path.chmod(0o500)
    with as_nobody(), pytest.raises(DataError, match=r"cannot be written.*Permission denied"):
        ensure_dataset(config(tmp_path / "toy.h5"))


def test_a_file_in_place_of_the_folder_is_named(tmp_path):
    (tmp_path / "datasets").write_text("")
    with pytest.raises(DataError, match=r"toy\.h5 cannot be written"):
        ensure_dataset(config(tmp_path / "datasets" / "toy.h5"))


def test_processes_that_start_together_make_one_file(tmp_path):
    path = tmp_path / "toy.h5"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=ensure_dataset, args=(config(path),)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert not inspect_file(path).errors
    assert sorted(p.name for p in tmp_path.iterdir()) in (["toy.h5"], ["toy.h5", "toy.h5.lock"])


@pytest.mark.parametrize("missing", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_no_obstacle(tmp_path, monkeypatch, missing):
    def refuse(*_):
        raise OSError(missing, os.strerror(missing))

    monkeypatch.setattr("fcntl.flock", refuse)
    path = tmp_path / "toy.h5"
    assert ensure_dataset(config(path)) == [path]
    assert not inspect_file(path).errors


def test_a_toy_sample_is_one_file(tmp_path):
    with pytest.raises(ValidationError, match="synthetic makes one file"):
        DataConfig(path=["a.h5", "b.h5"], synthetic=TOY)
