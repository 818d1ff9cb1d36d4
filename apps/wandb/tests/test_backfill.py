"""`thesis-wandb backfill-labels`: stamps what lacks a key, overwrites nothing."""

from pathlib import Path

import pytest

from api_server import ApiServer
from thesis_wandb.cli import main
from thesis_wandb.filters import LIVE
from tiny_runs import go_on, write_run

LABELS = '{"data/detector": "CMS", "meta.checked": false}'


@pytest.fixture
def runs(server: ApiServer) -> ApiServer:
    server.add("bare", 40, values={"trainer/lr": 0.1}, summary={"best_epoch": 3}, tags=["toy"])
    server.add("has_one", 9, values={"data/detector": "ATLAS"}, group="exp_a", display_name="one")
    server.add("has_both", 9, values={"data/detector": None, "meta.checked": True})
    server.add("living", 0, values={}, state="running")
    return server


def values(server: ApiServer) -> dict[str, dict[str, object]]:
    return {name: run.values for name, run in server.runs.items()}


def test_gives_what_is_lacking_and_changes_nothing_else(
    runs: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backfill-labels", "--labels", LABELS]) == 0
    assert values(runs) == {
        "bare": {"trainer/lr": 0.1, "data/detector": "CMS", "meta.checked": False},
        "has_one": {"data/detector": "ATLAS", "meta.checked": False},
        "has_both": {"data/detector": None, "meta.checked": True},
        "living": {},
    }
    bare, one = runs.runs["bare"], runs.runs["has_one"]
    assert (bare.summary, bare.tags, bare.group) == ({"best_epoch": 3}, ["toy"], None)
    assert (one.display_name, one.group) == ("one", "exp_a")
    told = capsys.readouterr()
    assert 'bare: got data/detector = "CMS", meta.checked = false' in told.out
    assert "2 changed in thesis-ml, 1 had all keys, 1 at work and left alone" in told.out
    assert "living: running, left alone" in told.err


def test_a_second_time_there_is_nothing_to_do(
    runs: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["backfill-labels", "--labels", LABELS])
    n_changes = len(runs.asked_for("UpsertBucket"))
    assert main(["backfill-labels", "--labels", LABELS]) == 0
    assert len(runs.asked_for("UpsertBucket")) == n_changes
    assert "0 changed in thesis-ml, 3 had all keys" in capsys.readouterr().out


def test_dry_run_changes_nothing(runs: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    before = values(runs)
    assert main(["backfill-labels", "--labels", LABELS, "--dry-run"]) == 0
    assert values(runs) == before
    assert not runs.asked_for("UpsertBucket")
    told = capsys.readouterr().out
    assert "has_one: would get meta.checked = false" in told
    assert "2 would change in thesis-ml" in told


def test_one_that_is_refused_does_not_stop_the_others(
    runs: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.locked.add("bare")
    assert main(["backfill-labels", "--labels", LABELS]) == 1
    assert "data/detector" not in runs.runs["bare"].values
    assert runs.runs["has_one"].values["meta.checked"] is False
    told = capsys.readouterr()
    assert "bare: " in told.err
    assert "1 changed in thesis-ml, 1 had all keys, 1 at work and left alone, 1 failed" in told.out


def test_labels_outlive_another_migration(server: ApiServer, tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "run_a", 2, is_over=False)
    main(["migrate", str(run_dir)])
    assert main(["backfill-labels", "--labels", LABELS]) == 0
    go_on(run_dir, 3)
    assert main(["migrate", str(run_dir)]) == 0
    run = server.runs["run_a"]
    assert (run.values["data/detector"], run.values["meta.checked"]) == ("CMS", False)
    assert run.steps == [0, 1, 2, 3]


@pytest.mark.parametrize("state", LIVE)
def test_a_run_at_work_is_left_alone(
    server: ApiServer, state: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.add("working", 0, values={}, state=state)
    assert main(["backfill-labels", "--labels", LABELS]) == 0
    assert server.runs["working"].values == {}
    assert f"working: {state}, left alone" in capsys.readouterr().err


@pytest.mark.parametrize(
    "labels",
    ["", "{}", "[1]", "{'a': 1}", '{"a": NaN}', '{"a": 1, "a": 2}', '{"a": {"b": 1}}', '{" ": 1}',
     '{"_wandb": 1}', '"text"'],
)  # fmt: skip
def test_labels_that_are_none(
    server: ApiServer, labels: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backfill-labels", "--labels", labels]) == 1
    told = capsys.readouterr().err
    assert told.startswith("thesis-wandb: wrong value: --labels: found ")
    assert '{"data/detector": "CMS"}' in told
    assert not server.asked
