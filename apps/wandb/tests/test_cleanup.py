"""`thesis-wandb cleanup`: what it lists, and that it deletes that and nothing else."""

from pathlib import Path

import pytest

from api_server import ENTITY, ApiServer
from thesis_wandb import project
from thesis_wandb.cleanup import delete_runs
from thesis_wandb.cli import main
from thesis_wandb.filters import Filters
from tiny_runs import write_run


@pytest.fixture
def runs(server: ApiServer) -> ApiServer:
    """Runs that differ in all that can be asked for."""
    server.add("old", 40, group="exp_a", tags=["toy", "try"])
    server.add("older", 90, group="exp_b", tags=["try"], state="crashed")
    server.add("new", 2, group="exp_a", tags=["toy"])
    server.add("living", 50, group="exp_a", tags=["toy", "try"], state="running")
    server.add("elsewhere", 400, group="exp_a", project="another")
    return server


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (["--older-than", "30d"], {"old", "older"}),
        (["--older-than", "6w"], {"older"}),
        (["--older-than", "24h"], {"old", "older", "new"}),
        (["--group", "exp_a"], {"old", "new"}),
        (["--group", "exp_a", "--older-than", "30d"], {"old"}),
        (["--tag", "try"], {"old", "older"}),
        (["--tag", "try", "--tag", "toy"], {"old"}),
        (["--state", "crashed"], {"older"}),
        (["--state", "crashed", "--state", "running"], {"older", "living"}),
        (["--group", "exp_a", "--project", "another"], {"elsewhere"}),
    ],
)
@pytest.mark.parametrize("obeys", [True, False], ids=["server filters", "server ignores filters"])
def test_deletes_exactly_what_passes_all_filters(
    runs: ApiServer, filters: list[str], expected: set[str], obeys: bool
) -> None:
    runs.obeys_filters = obeys
    before = set(runs.runs)
    assert main(["cleanup", *filters, "--yes"]) == 0
    assert before - set(runs.runs) == expected


def test_without_yes_it_only_lists(runs: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cleanup", "--older-than", "30d"]) == 0
    told = capsys.readouterr().out
    assert "old " in told
    assert "older " in told
    assert "2 runs in thesis-ml; --yes deletes them" in told
    assert "\nnew " not in told
    assert not runs.asked_for("DeleteRun")
    assert len(runs.runs) == 5


def test_says_whose_each_run_is(runs: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    runs.users["old"] = "somebody"
    assert main(["cleanup", "--older-than", "30d"]) == 0
    header, *rows = [line.split() for line in capsys.readouterr().out.splitlines()[:3]]
    whose = {row[0]: row[header.index("user")] for row in rows}
    assert whose == {"old": "somebody", "older": ENTITY}


def test_says_what_it_deleted(runs: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cleanup", "--group", "exp_a", "--yes"]) == 0
    told = capsys.readouterr().out
    assert "old: deleted\nnew: deleted\n2 of 2 runs deleted in thesis-ml\n" in told


def test_a_refused_deletion_is_told_and_the_others_go_on(
    runs: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    runs.locked.add("old")
    assert main(["cleanup", "--older-than", "30d", "--yes"]) == 1
    told = capsys.readouterr()
    assert "old: not deleted: " in told.err
    assert "permission denied" in told.err
    assert "1 of 2 runs deleted" in told.out
    assert "old" in runs.runs
    assert "older" not in runs.runs


def test_what_was_deleted_can_not_be_sent_again_and_that_is_said(
    server: ApiServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WANDB__GRAPHQL_RETRY_MAX", "1")  # the library tries that again, too
    run_dir = write_run(tmp_path / "run_a")
    main(["migrate", str(run_dir)])
    main(["cleanup", "--state", "finished"])
    assert "W&B takes no run of the same name again" in capsys.readouterr().out
    assert main(["cleanup", "--state", "finished", "--yes"]) == 0
    assert main(["migrate", str(run_dir)]) == 1
    told = capsys.readouterr().err
    assert "run_a: it was deleted at W&B" in told
    assert "another --project" in told


def test_many_pages(runs: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "_RUNS_A_PAGE", 10)
    for number in range(25):
        runs.add(f"run_{number:03d}", 60, group="exp_long")
    assert main(["cleanup", "--group", "exp_long", "--yes"]) == 0
    assert len(runs.runs) == 5


def test_a_filter_is_required(runs: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cleanup", "--yes"]) == 1
    assert "give at least one of --group, --tag, --state, --older-than" in capsys.readouterr().err
    assert not runs.asked


@pytest.mark.parametrize(
    "option", ["--group", "--tag", "--state", "--older-than", "--project", "--entity"]
)
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_value_deletes_nothing(
    runs: ApiServer, option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["cleanup", "--state", "crashed", f"{option}={value}", "--yes"])
    assert ended.value.code == 2
    assert option in capsys.readouterr().err
    assert not runs.asked


def test_an_empty_group_is_a_filter_that_nothing_passes(runs: ApiServer) -> None:
    with pytest.raises(SystemExit):
        main(["cleanup", "--group", "", "--yes"])
    assert Filters(group="")
    assert delete_runs(Filters(group="", states=("crashed",)), None, None, delete=True) == 0
    assert len(runs.runs) == 5


@pytest.mark.parametrize("age", ["30", "d", "-3d", "1.5d", "30 days"])
def test_an_age_that_is_none(runs: ApiServer, age: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cleanup", f"--older-than={age}", "--yes"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("thesis-wandb: wrong value: --older-than: found ")
    assert "30d" in told
    assert not runs.asked


def test_nothing_found(runs: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cleanup", "--tag", "nobody", "--yes"]) == 0
    assert "no run in thesis-ml passes these filters" in capsys.readouterr().out


def test_a_hostile_name_can_not_steer_the_terminal(
    server: ApiServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.add("bad\x1b[2J/../run", 60, display_name="\x1b]0;x\x07\nnew line", tags=["\x1b[1A"])
    assert main(["cleanup", "--older-than", "30d", "--yes"]) == 0
    told = capsys.readouterr().out
    assert "bad\\x1b[2J/../run: deleted" in told
    assert told.replace("\n", "").isprintable()
    assert not server.runs
