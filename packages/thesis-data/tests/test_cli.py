import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from thesis_data.cli import main


def test_inspect_prints_layout_counts_and_verdict(sound_file, capsys):
    assert main(["inspect", str(sound_file)]) == 0
    text = capsys.readouterr().out
    assert "92 columns = 18 ids + MET, METphi + 18 x (E, pt, eta, phi)" in text
    assert "No problems found." in text
    for word in ("train", "300", "4t", "b-jet", "GeV", "X_train"):
        assert word in text


def test_validate_fails_on_errors_and_names_them(datasets, write, capsys):
    arrays = datasets()
    arrays["X_test"][0] = arrays["X_train"][0]
    assert main(["validate", str(write(arrays))]) == 1
    text = capsys.readouterr().out
    assert "1 error:" in text
    assert "1 of 100 events of test are in train" in text


def test_validate_passes_a_file_with_warnings(datasets, write, capsys):
    assert main(["validate", str(write(datasets(), y_test=None))]) == 0
    assert "1 warning:" in capsys.readouterr().out


def test_several_files_are_looked_at_in_turn(datasets, write, capsys):
    arrays = datasets()
    sound, broken = write(arrays, "a.h5"), write(arrays, "b.h5", y_val=np.full(100, 9.0))
    assert main(["inspect", str(sound), str(broken)]) == 0
    assert capsys.readouterr().out.count("Layout:") == 2
    assert main(["validate", str(broken), str(sound)]) == 1
    text = capsys.readouterr().out
    assert f"{sound}: No problems found." in text
    assert "1 error:" in text


@pytest.mark.parametrize("command", ["inspect", "validate"])
def test_a_file_that_is_no_h5_is_one_line(command, tmp_path, capsys):
    path = tmp_path / "notes.txt"
    path.write_text("nothing")
    assert main([command, str(path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "no H5 signature" in captured.err


def test_datasets_of_other_names_can_be_named(datasets, tmp_path, capsys):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["events"] = datasets()["X_train"]
        file["truth"] = datasets()["Y_train"]
    names = ["--dataset", "x_train=events", "--dataset", "y_train=truth"]
    assert main(["inspect", str(tmp_path / "x.h5"), *names]) == 0
    assert "300" in capsys.readouterr().out


@pytest.mark.parametrize("setting", ["events", "x_tain=events"])
def test_a_mistyped_dataset_option_is_one_line(setting, sound_file, capsys):
    assert main(["inspect", str(sound_file), "--dataset", setting]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_command_is_installed(sound_file):
    command = Path(sys.executable).with_name("thesis-data")
    done = subprocess.run([command, "validate", str(sound_file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_toy_file_can_be_made_and_passes_its_own_checks(tmp_path, capsys):
    path = tmp_path / "toy.h5"
    assert main(["simulate-toy", str(path), "--events", "200", "--seed", "3"]) == 0
    assert f"thesis-data inspect {path}" in capsys.readouterr().out
    assert main(["validate", str(path)]) == 0


def test_making_a_toy_file_never_replaces_a_file(sound_file, capsys):
    before = sound_file.read_bytes()
    assert main(["simulate-toy", str(sound_file)]) == 1
    assert "exists already" in capsys.readouterr().err
    assert sound_file.read_bytes() == before


def test_an_impossible_number_of_events_is_one_line(tmp_path, capsys):
    assert main(["simulate-toy", str(tmp_path / "toy.h5"), "--events", "-1"]) == 1
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("command", ["inspect", "validate"])
def test_an_unreadable_file_stops_no_other(sound_file, tmp_path, capsys, command):
    (tmp_path / "bad.h5").write_text("no events")
    assert main([command, str(tmp_path / "bad.h5"), str(sound_file)]) == 1
    said = capsys.readouterr()
    assert "bad.h5 cannot be read as H5" in said.err
    assert "No problems found." in said.out


def test_a_reader_that_has_seen_enough_is_no_error(sound_file):
    command = Path(sys.executable).with_name("thesis-data")
    done = subprocess.run(
        f"'{command}' inspect '{sound_file}' '{sound_file}' | head -n 1",
        shell=True, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout.count("\n") == 1
