"""Where runs are found, and what is refused."""

import json
import os
from pathlib import Path

import pytest

from thesis_facts import RunError, discover_runs, write_pointer
from thesis_facts.discovery import find_runs

STAMP = "20260211-115323"


def run(path, mark="facts"):
    (path / mark).mkdir(parents=True)
    return path


def names(found):
    return [path.name for path in found]


@pytest.fixture
def root(tmp_path):
    """An output root with two sweeps of the same second and a run of neither."""
    for name in ("exp_{}_pid", "exp_{}_pid_big"):
        (tmp_path / "multiruns" / name.format(STAMP)).mkdir(parents=True)
    for name in ("pid_job000", "pid_job1", "pid_big_job000", "other"):
        run(tmp_path / "runs" / f"run_{STAMP}_{name}")
    return tmp_path


@pytest.fixture
def sweep(root):
    return root / "multiruns" / f"exp_{STAMP}_pid"


def test_a_sweep_without_pointers_has_the_runs_of_its_stamp_and_name(sweep):
    assert names(discover_runs(sweep)) == [f"run_{STAMP}_pid_job000", f"run_{STAMP}_pid_job1"]


def test_pointers_decide_where_there_are_any(root, sweep):
    write_pointer(sweep, 0, root / "runs" / f"run_{STAMP}_other", ["a=1"])
    assert names(discover_runs(sweep)) == [f"run_{STAMP}_other"]


def test_a_folder_of_sweeps_has_the_runs_of_all_of_them(root, sweep):
    other = root / "multiruns" / f"exp_{STAMP}_pid_big"
    write_pointer(sweep, 1, root / "runs" / f"run_{STAMP}_pid_job1", [])
    write_pointer(other, 0, root / "runs" / f"run_{STAMP}_pid_big_job000", ["a=1"])
    found = find_runs(root / "multiruns")
    assert names(map(Path, found.run_dirs)) == [
        f"run_{STAMP}_pid_big_job000",
        f"run_{STAMP}_pid_job1",
    ]
    assert found.overrides[found.run_dirs[0]] == ["a=1"]


def test_job_directories_inside_a_sweep_come_before_stamps(sweep):
    run(sweep / "job0", ".hydra")
    run(sweep / "job1")
    assert names(discover_runs(sweep)) == ["job0", "job1"]


@pytest.mark.parametrize("folder", ["", "runs"])
def test_an_output_root_and_its_runs_folder_are_searched(root, folder):
    assert len(discover_runs(root / folder)) == 4


def test_a_run_given_as_a_sweep_is_itself(root):
    path = root / "runs" / f"run_{STAMP}_other"
    assert discover_runs(path) == [path]


def test_a_pointer_is_relative_so_that_an_output_root_can_move(root, sweep, tmp_path_factory):
    write_pointer(sweep, 3, root / "runs" / f"run_{STAMP}_other", ["a=1"])
    pointer = json.loads((sweep / "jobs" / "0003.json").read_text())
    assert pointer["job"] == 3
    assert pointer["overrides"] == ["a=1"]
    moved = tmp_path_factory.mktemp("elsewhere") / "outputs"
    root.rename(moved)
    found = discover_runs(moved / "multiruns" / sweep.name)
    assert found == [moved / "runs" / f"run_{STAMP}_other"]


def test_a_pointer_may_not_be_written_to_the_outside(sweep, tmp_path_factory):
    with pytest.raises(RunError, match="one output root"):
        write_pointer(sweep, 0, tmp_path_factory.mktemp("elsewhere"), [])


@pytest.mark.parametrize("kind", ["relative", "absolute", "link"])
def test_a_pointer_that_leaves_the_output_root_is_refused(root, sweep, tmp_path_factory, kind):
    outside = run(tmp_path_factory.mktemp("outside") / "run_secret")
    target = {"relative": os.path.relpath(outside, sweep), "absolute": str(outside)}.get(kind)
    if kind == "link":
        (root / "runs" / "innocent").symlink_to(outside)
        target = "../../runs/innocent"
    write_pointer(sweep, 0, root / "runs" / f"run_{STAMP}_other", [])
    (sweep / "jobs" / "0001.json").write_text(json.dumps({"run_dir": target}))
    found = find_runs(sweep)
    assert [os.path.basename(path) for path in found.run_dirs] == [f"run_{STAMP}_other"]
    [(pointer, reason)] = found.skipped
    assert pointer.endswith("0001.json")
    assert "outside the output root" in reason


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"run_dir": 3}', b"\xff", b"{}"])
def test_an_unreadable_pointer_is_passed_over(root, sweep, content):
    write_pointer(sweep, 0, root / "runs" / f"run_{STAMP}_other", [])
    (sweep / "jobs" / "0001.json").write_bytes(content)
    found = find_runs(sweep)
    assert len(found.run_dirs) == 1
    assert found.skipped[0][1] == "unreadable pointer file"


def test_odd_overrides_in_a_pointer_are_none(root, sweep):
    run_dir = f"../../runs/run_{STAMP}_other"
    (sweep / "jobs").mkdir()
    (sweep / "jobs" / "0.json").write_text(json.dumps({"run_dir": run_dir, "overrides": 3}))
    assert list(find_runs(sweep).overrides.values()) == [[]]


def test_a_pointer_to_a_run_that_was_deleted_is_passed_over(root, sweep):
    write_pointer(sweep, 0, root / "runs" / "gone", [])
    write_pointer(sweep, 1, root / "runs" / f"run_{STAMP}_other", [])
    assert find_runs(sweep).skipped == [(str(root / "runs" / "gone"), "no such directory")]


def test_wildcards_work_in_either(root):
    assert len(discover_runs(run_dirs=root / "runs" / "*_pid_*")) == 3
    assert len(discover_runs(root / "multiruns" / "exp_*")) == 3


def test_a_name_with_brackets_is_itself_before_it_is_a_pattern(tmp_path):
    path = run(tmp_path / "run_features=[0,1]")
    run(tmp_path / "run_features=0")
    assert discover_runs(run_dirs=path) == [path]


def test_links_to_one_run_count_once(root):
    (root / "runs" / "again").symlink_to(root / "runs" / f"run_{STAMP}_other")
    (root / "link").symlink_to(root / "runs")
    assert len(discover_runs(root / "runs")) == 4
    assert len(discover_runs([root / "runs", root / "link"])) == 4


def test_runs_are_sorted_and_absolute(root, monkeypatch):
    monkeypatch.chdir(root / "runs")
    found = discover_runs(run_dirs=["run_*_pid_job1", f"run_{STAMP}_other", "run_*job000"])
    assert found == sorted(found)
    assert all(path.is_absolute() for path in found)


def test_a_path_of_the_home_directory_is_expanded(root, monkeypatch):
    monkeypatch.setenv("HOME", str(root))
    assert len(discover_runs("~/runs")) == 4


def test_garbage_beside_runs_is_recorded(root):
    (root / "runs" / "empty").mkdir()
    (root / "runs" / ".ipynb_checkpoints").mkdir()
    (root / "runs" / "notes.txt").write_text("")
    assert find_runs(root / "runs").skipped == [(str(root / "runs/empty"), "not a run directory")]


def test_an_older_run_is_known_by_its_configuration(tmp_path):
    path = tmp_path / "runs" / "job0"
    path.mkdir(parents=True)
    (path / "cfg.yaml").write_text("loop: ae")
    assert discover_runs(tmp_path) == [path]


@pytest.mark.parametrize("given", [{}, {"sweep_dir": "a", "run_dirs": "b"}])
def test_exactly_one_of_the_two_must_be_given(given):
    with pytest.raises(RunError, match="either a sweep directory or run directories"):
        discover_runs(**given)


def test_nothing_found_says_where_it_looked(tmp_path):
    sweep = tmp_path / "multiruns" / f"exp_{STAMP}_pid"
    sweep.mkdir(parents=True)
    with pytest.raises(RunError) as caught:
        discover_runs(sweep)
    assert f"{sweep}/jobs/*.json" in str(caught.value)
    assert f"{tmp_path}/runs/run_{STAMP}_pid_job*" in str(caught.value)
    with pytest.raises(RunError, match=r"no_such_\*"):
        discover_runs(run_dirs=tmp_path / "no_such_*")
    with pytest.raises(RunError, match="no such directory"):
        discover_runs(run_dirs=tmp_path / "gone")
