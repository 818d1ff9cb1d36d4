"""`thesis-wandb migrate`: each run once, whatever was there before."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from api_server import ENTITY, ApiServer
from small_runs import config_of
from thesis_facts import run_lock, write_pointer
from thesis_loops.tracking import content
from thesis_wandb import sending
from thesis_wandb.cli import main
from thesis_wandb.project import default_settings
from tiny_runs import go_on, write_run

SWEEP = "20260101-120000_seeds"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A sweep of two runs, one of them not over, and a run of its own."""
    outputs = tmp_path / "outputs"
    for job, is_over in enumerate((True, False)):
        run_dir = write_run(outputs / "runs" / f"run_{SWEEP}_job{job:03d}", 3, is_over)
        write_pointer(outputs / "multiruns" / f"exp_{SWEEP}", job, run_dir, [])
    write_run(outputs / "runs" / "run_20260102-120000_alone", 2)
    return outputs


def steps(server: ApiServer) -> dict[str, list[int]]:
    return {name.split("_", 2)[2]: run.steps for name, run in server.runs.items()}


def test_runs_arrive_as_their_facts_say(
    server: ApiServer, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", str(runs)]) == 0
    assert steps(server) == {
        "seeds_job000": [0, 1, 2, 3], "seeds_job001": [0, 1, 2], "alone": [0, 1, 2],
    }  # fmt: skip
    run_dir = runs / "runs" / f"run_{SWEEP}_job000"
    run = server.runs[run_dir.name]
    assert (run.project, run.entity, run.display_name) == ("thesis-ml", ENTITY, run_dir.name)
    assert (run.group, run.state) == (f"exp_{SWEEP}", "finished")
    assert run.values == content.curated_config(run_dir)
    assert content.summary(run_dir).items() <= run.summary.items()
    assert tuple(run.tags) == content.automatic_tags(run_dir) != ()
    assert run.history[1].items() >= {"epoch": 1, "val/loss": 0.6, "val/auroc": 0.4}.items()
    assert server.runs[f"run_{SWEEP}_job001"].state == "failed"
    told = capsys.readouterr().out
    assert f"run_{SWEEP}_job000: 4 rows sent, complete" in told
    assert f"run_{SWEEP}_job001: 3 rows sent, incomplete" in told
    assert "3 of 3 runs are at W&B: thesis-ml" in told


def test_a_second_time_nothing_is_added(
    server: ApiServer, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["migrate", str(runs)])
    before = {name: (run.history.copy(), run.values) for name, run in server.runs.items()}
    capsys.readouterr()
    assert main(["migrate", str(runs / "runs" / "run_*")]) == 0
    assert {name: (run.history, run.values) for name, run in server.runs.items()} == before
    assert capsys.readouterr().out.count("up to date") == 3


def test_a_sweep_means_its_runs(server: ApiServer, runs: Path) -> None:
    assert main(["migrate", str(runs / "multiruns" / f"exp_{SWEEP}"), "--project", "seeds"]) == 0
    assert set(steps(server)) == {"seeds_job000", "seeds_job001"}
    assert {run.project for run in server.runs.values()} == {"seeds"}


def test_a_run_that_was_mirrored_before_gets_what_it_lacks(server: ApiServer, runs: Path) -> None:
    run_dir = runs / "runs" / f"run_{SWEEP}_job001"
    main(["migrate", str(run_dir)])
    go_on(run_dir, n_epochs=5)
    assert main(["migrate", str(run_dir)]) == 0
    run = server.runs[run_dir.name]
    assert (run.steps, run.state) == ([0, 1, 2, 3, 4, 5], "finished")
    assert len(server.runs) == 1


def test_a_run_that_was_mirrored_while_it_trained(server: ApiServer, tmp_path: Path) -> None:
    from thesis_loops.test_mlp import train  # and torch, which no other test needs

    run_dir = tmp_path / "run_live"
    train(
        config_of(
            "test_mlp",
            run_dir=str(run_dir),
            logging__use_wandb=True,
            logging__wandb=default_settings() | {"project": "live"},
        )
    )
    server.wait_for(lambda told: "run_live" in told.runs and told.runs["run_live"].exit_code == 0)
    before = server.runs["run_live"].history.copy()
    assert [row["_step"] for row in before] == [0, 1, 2, 3]
    assert main(["migrate", str(run_dir)]) == 0
    assert list(server.runs) == ["run_live"]
    run = server.runs["run_live"]
    assert (run.history, run.state, run.project) == (before, "finished", "live")


def test_dry_run_says_what_is_new_and_sends_nothing(
    server: ApiServer, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["migrate", str(runs / "runs" / f"run_{SWEEP}_job001")])
    go_on(runs / "runs" / f"run_{SWEEP}_job001", n_epochs=5)
    n_asked = len(server.asked_for("UpsertBucket"))
    capsys.readouterr()
    assert main(["migrate", str(runs), "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert f"run_{SWEEP}_job000: 4 rows, new" in told
    assert f"run_{SWEEP}_job001: 6 rows, there with 3 rows" in told
    assert "3 of 3 runs would be sent: thesis-ml" in told
    assert len(server.asked_for("UpsertBucket")) == n_asked


def test_dry_run_needs_no_key(
    server: ApiServer,
    runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("thesis_wandb.project.find_api_key", lambda: None)
    assert main(["migrate", str(runs), "--dry-run"]) == 0
    told = capsys.readouterr()
    assert "not compared with W&B: no key for W&B" in told.err
    assert "3 of 3 runs would be sent" in told.out
    assert not server.asked


def test_dry_run_into_a_project_that_is_not_there_yet(
    server: ApiServer, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", str(runs), "--dry-run", "--project", "fresh"]) == 0
    assert capsys.readouterr().out.count(", new") == 3


def test_broken_runs_are_passed_over_with_the_reason(
    server: ApiServer, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torn = write_run(runs / "runs" / "run_torn") / "facts" / "events.jsonl"
    torn.write_bytes(b'{"moment": "on_st')
    (runs / "runs" / "run_empty" / "facts").mkdir(parents=True)
    (runs / "runs" / "notes").mkdir()
    assert main(["migrate", str(runs)]) == 1
    assert len(server.runs) == 3
    told = capsys.readouterr()
    assert "run_torn: " in told.err
    assert "run_empty: " in told.err
    assert "notes: not a run directory" in told.err
    assert "3 of 6 runs are at W&B" in told.out


def test_a_directory_that_takes_no_lock_is_mirrored_all_the_same(
    server: ApiServer, runs: Path
) -> None:
    (runs / "runs" / f"run_{SWEEP}_job000" / "wandb").write_text("in the way")
    assert main(["migrate", str(runs)]) == 0
    assert set(steps(server)) == {"seeds_job000", "seeds_job001", "alone"}


def test_two_directories_of_one_name_are_not_mixed(
    server: ApiServer, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twin = runs.parent / "other" / "run_20260102-120000_alone"
    shutil.copytree(runs / "runs" / twin.name, twin)
    assert main(["migrate", str(runs), str(twin)]) == 1
    assert steps(server)["alone"] == [0, 1, 2]
    assert "has the name of " in capsys.readouterr().err


def test_a_running_run_is_left_to_its_own_mirror(
    server: ApiServer, runs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with run_lock(runs / "runs" / f"run_{SWEEP}_job001"):
        assert main(["migrate", str(runs)]) == 0
    assert len(server.runs) == 2
    told = capsys.readouterr()
    assert "job001: still running" in told.err
    assert "2 of 3 runs are at W&B" in told.out


@pytest.mark.parametrize("name", ["lr=0.1, [a,b] 'deep'", "run\x1b[2J\n2", "läuft ..", "-rf"])
def test_any_name_of_a_directory(
    server: ApiServer, tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = write_run(tmp_path / "runs" / name)
    for _ in range(2):
        assert main(["migrate", str(tmp_path / "runs")]) == 0
    assert [run.steps for run in server.runs.values()] == [[0, 1, 2, 3]]
    assert set(server.runs) == {content.wandb_id(run_dir)}
    assert capsys.readouterr().out.replace("\n", "").isprintable()


OWN = {
    "project": "own", "entity": None, "run_name": "short", "group": "mine", "tags": ["x"],
    "mode": "offline", "dir": "/nowhere", "log_freq": 2, "log_artifacts": False,
}  # fmt: skip


@pytest.mark.parametrize(("named", "expected"), [([], "own"), (["--project", "ours"], "ours")])
def test_a_run_with_settings_of_its_own_keeps_them(
    server: ApiServer, tmp_path: Path, named: list[str], expected: str
) -> None:
    write_run(tmp_path / "run_own", 4, wandb=OWN)
    assert main(["migrate", str(tmp_path / "run_own"), *named]) == 0
    run = server.runs["run_own"]
    assert (run.project, run.display_name, run.group) == (expected, "short", "mine")
    assert (run.tags, run.steps) == (["x"], [0, 2, 3, 4])


def test_dry_run_counts_the_rows_that_are_sent(
    server: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = write_run(tmp_path / "run_own", 4, wandb=OWN)
    main(["migrate", str(run_dir)])
    assert len(server.runs["run_own"].steps) == 4
    assert main(["migrate", str(run_dir), "--dry-run"]) == 0
    assert "run_own: 4 rows, there with 4 rows" in capsys.readouterr().out


def test_settings_of_an_older_system_mean_something_else(server: ApiServer, tmp_path: Path) -> None:
    older = OWN | {"tags": [], "log_freq": 100, "watch_model": False}
    run_dir = write_run(tmp_path / "run_older", 4, wandb=older)
    assert main(["migrate", str(run_dir)]) == 0
    run = server.runs["run_older"]
    assert (run.project, run.steps) == ("thesis-ml", [0, 1, 2, 3, 4])
    assert tuple(run.tags) == content.automatic_tags(run_dir)


def test_wandb_mode_of_the_shell_is_that_of_trainings(
    server: ApiServer, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert main(["migrate", str(runs)]) == 0
    assert len(server.runs) == 3


def test_nothing_is_left_beside_the_facts(server: ApiServer, runs: Path, tmp_path: Path) -> None:
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    main(["migrate", str(runs)])
    left = {path.name for path in tmp_path.rglob("*") if path.is_file() and path not in before}
    assert left <= {".lock"}  # with which mirrors of one run keep out of each other's way


def test_a_server_that_fails_twice_is_asked_again(
    server: ApiServer, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PAUSES_S", (0.0, 0.0))
    server.failing["UpsertBucket"] = 2
    assert main(["migrate", str(runs)]) == 0
    assert steps(server)["seeds_job000"] == [0, 1, 2, 3]


def test_one_that_fails_for_good_does_not_stop_the_others(
    server: ApiServer,
    runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sending, "PAUSES_S", (0.0,))
    server.failing["UpsertBucket"] = 2
    assert main(["migrate", str(runs)]) == 1
    assert len(server.runs) == 2
    told = capsys.readouterr()
    assert "out of order" in told.err
    assert "2 of 3 runs are at W&B" in told.out


def test_a_server_that_takes_no_more_ends_the_command(
    server: ApiServer,
    runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    upsert = server.operations["UpsertBucket"]

    def last(given: dict[str, object]) -> dict[str, object]:
        server.mode = 401
        return upsert(given)

    server.operations["UpsertBucket"] = last
    assert main(["migrate", str(runs)]) == 1
    told = capsys.readouterr()
    assert "2 more not tried" in told.err
    assert "0 of 3 runs are at W&B" in told.out


@pytest.mark.parametrize("status", [403, 404, 200])
def test_a_project_that_is_refused_ends_the_command(
    server: ApiServer,
    runs: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: int,
) -> None:
    monkeypatch.setattr(sending, "PAUSES_S", (0.0, 0.0))
    server.refusing["UpsertBucket"] = (status, "permission denied")
    assert main(["migrate", str(runs), "--entity", "wrong", "--project", "ours"]) == 1
    assert len(server.asked_for("UpsertBucket")) == 1
    told = capsys.readouterr()
    assert "no such project at W&B, or no permission for it: wrong/ours" in told.err
    assert "give --project and --entity" in told.err
    assert "wrong/ours is refused: 2 more not tried" in told.err
    assert "0 of 3 runs are at W&B" in told.out


def test_only_the_project_that_is_refused_is_left_out(
    server: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, project in (("run_1", "closed"), ("run_2", "open"), ("run_3", "closed")):
        write_run(tmp_path / "runs" / name, wandb=OWN | {"project": project})
    upsert = server.graphql

    def refuse(body: dict[str, Any]) -> tuple[int, Any]:
        is_closed = (body.get("variables") or {}).get("project") == "closed"
        server.refusing = {"UpsertBucket": (403, "permission denied")} if is_closed else {}
        return upsert(body)

    server.graphql = refuse  # ty: ignore[invalid-assignment]
    assert main(["migrate", str(tmp_path / "runs")]) == 1
    assert set(server.runs) == {"run_2"}
    told = capsys.readouterr()
    assert "closed is refused: 1 more not tried" in told.err
    assert "1 of 3 runs are at W&B" in told.out


def test_no_runs(server: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", str(tmp_path / "nothing")]) == 1
    assert "no runs found" in capsys.readouterr().err
    assert not server.asked
