"""Facts become a run at W&B, with the real library and a server on this machine."""

import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from small_runs import WANDB, config_of
from thesis_facts.locks import run_lock
from thesis_facts.writers import append_jsonl_event, write_json
from thesis_loops.logging_config import WandbSettings
from thesis_loops.tracking import content, library
from thesis_loops.tracking.failures import (
    KeyRefusedError,
    MirrorError,
    NotReachedError,
    ProjectRefusedError,
)
from thesis_loops.tracking.mirror import mirror_run
from thesis_loops.tracking.trainer import ENDED, Trainer
from wandb_files import read_offline
from wandb_server import API_KEY, ENTITY, NORMAL, SILENT, WandbServer

wandb = pytest.importorskip("wandb")


def settings(**changes) -> WandbSettings:
    return WandbSettings(**WANDB | changes)


@pytest.fixture(scope="module")
def once_trained(tmp_path_factory) -> Path:
    from thesis_loops import test_mlp

    run_dir = tmp_path_factory.mktemp("runs") / "run_20260101-120000_seeds_job003"
    test_mlp.train(config_of("test_mlp", run_dir=str(run_dir)))
    return run_dir


@pytest.fixture
def run_dir(once_trained, tmp_path) -> Path:
    return Path(shutil.copytree(once_trained, tmp_path / once_trained.name))


@pytest.fixture
def server(monkeypatch, tmp_path):
    for name in ("MODE", "DIR", "PROJECT", "ENTITY", "CACHE_DIR"):
        monkeypatch.delenv(f"WANDB_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_API_KEY", API_KEY)
    with WandbServer() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        yield server
        wandb.teardown()


def first_epochs(run_dir: Path, n: int) -> None:
    """Leave of a run what it had written after n epochs."""
    for name, lines_an_epoch in (("events.jsonl", 1), ("scalars.csv", 2)):
        path = run_dir / "facts" / name
        lines = path.read_text().splitlines(keepends=True)
        path.write_text("".join(lines[: 1 + n * lines_an_epoch]))


def test_a_run_arrives_whole(server, run_dir):
    outcome = mirror_run(run_dir, settings())
    run = server.runs[run_dir.name]
    assert (run.state, run.steps) == ("finished", [0, 1, 2, 3])
    for (_, row), arrived in zip(content.epoch_rows(run_dir), run.history, strict=False):
        assert row.items() <= arrived.items()
    assert content.final_row(run_dir)[1].items() <= run.history[-1].items()
    assert content.summary(run_dir).items() <= run.summary.items()
    assert run.values == content.curated_config(run_dir)
    assert tuple(run.tags) == content.automatic_tags(run_dir)
    assert (run.group, run.display_name) == ("exp_20260101-120000_seeds", run_dir.name)
    assert (run.project, run.entity) == ("tops", ENTITY)
    assert (outcome.n_rows, outcome.status) == (4, "complete")
    assert outcome.url == f"{server.url}/{ENTITY}/tops/runs/{run_dir.name}"


def test_sending_again_adds_nothing_but_what_changed(server, run_dir):
    mirror_run(run_dir, settings())
    before = server.runs[run_dir.name].history.copy()
    again = mirror_run(run_dir, settings(tags=["thesis"]))
    run = server.runs[run_dir.name]
    assert again.n_rows == 0
    assert (run.history, run.state) == (before, "finished")
    assert run.tags[0] == "thesis"
    assert content.summary(run_dir).items() <= run.summary.items()
    assert len(server.runs) == 1


def test_tags_given_at_w_and_b_stay_and_a_settled_review_goes(server, run_dir):
    mirror_run(run_dir, settings())
    run = server.runs[run_dir.name]
    assert "needs_review" in run.tags
    run.tags = [*run.tags, "for the paper"]
    path = run_dir / "facts" / "meta.json"
    write_json(path, json.loads(path.read_text()) | {"needs_review": False})
    mirror_run(run_dir, settings())
    assert run.tags == [*content.automatic_tags(run_dir), "for the paper"]
    assert "needs_review" not in run.tags


def test_what_a_run_adds_later_joins_what_w_and_b_has(server, run_dir, once_trained):
    first_epochs(run_dir, 2)
    mirror_run(run_dir, settings())
    run = server.runs[run_dir.name]
    assert (run.state, run.steps, run.summary["status"]) == ("failed", [0, 1], "incomplete")
    shutil.rmtree(run_dir / "facts")
    shutil.copytree(once_trained / "facts", run_dir / "facts")
    assert mirror_run(run_dir, settings()).n_rows == 2
    assert (run.state, run.steps, run.summary["status"]) == ("finished", [0, 1, 2, 3], "complete")


def with_ids(run_dir: Path, new_id: Callable[[], str]) -> None:
    """Give each event of a run another run_id."""
    path = run_dir / "facts" / "events.jsonl"
    events = [json.loads(line) for line in path.read_text().splitlines()]
    for event in events:
        event["meta"]["run_id"] = new_id()
    path.write_text("".join(json.dumps(event) + "\n" for event in events))


def test_another_run_of_the_same_name_is_not_mixed_with_the_first(server, run_dir, tmp_path):
    mirror_run(run_dir, settings())
    run = server.runs[run_dir.name]
    before = (run.history.copy(), run.values, run.state, run.tags)
    summary = run.summary["status"], run.summary["best/val_loss"]
    with_ids(run_dir, lambda: "another")
    with pytest.raises(MirrorError, match=f"another run of this name.*{run_dir.name}.*project"):
        mirror_run(run_dir, settings(tags=["mine"]))
    assert (run.history, run.values, run.state, run.tags) == before
    assert (run.summary["status"], run.summary["best/val_loss"]) == summary
    assert not list(run_dir.glob("wandb/run-*"))
    other = run_dir.rename(tmp_path / "run_2")
    assert mirror_run(other, settings()).n_rows == 4


def test_a_run_that_had_no_rows_yet_may_begin_anew(server, run_dir, once_trained):
    first_epochs(run_dir, 0)
    mirror_run(run_dir, settings())
    shutil.rmtree(run_dir / "facts")
    shutil.copytree(once_trained / "facts", run_dir / "facts")
    with_ids(run_dir, lambda: "another")
    assert mirror_run(run_dir, settings()).n_rows == 4
    assert server.runs[run_dir.name].values == content.curated_config(run_dir)


def test_a_run_of_an_older_system_has_another_id_in_each_event(server, run_dir):
    for _ in range(2):
        with_ids(run_dir, lambda: str(uuid.uuid4()))
        mirror_run(run_dir, settings())
    run = server.runs[run_dir.name]
    assert (run.steps, run.state) == ([0, 1, 2, 3], "finished")
    assert "meta.run_id" not in run.values


def test_a_crash_is_a_failed_run_until_it_is_gone_on_with(server, run_dir, once_trained):
    first_epochs(run_dir, 1)
    append_jsonl_event(run_dir, {"moment": "on_exception", "error": "ValueError: no such file"})
    mirror_run(run_dir, settings())
    run = server.runs[run_dir.name]
    assert (run.state, run.summary["error"]) == ("failed", "ValueError: no such file")
    shutil.rmtree(run_dir / "facts")
    shutil.copytree(once_trained / "facts", run_dir / "facts")
    mirror_run(run_dir, settings())
    assert (run.state, run.steps) == ("finished", [0, 1, 2, 3])
    assert "error" not in run.summary


def test_every_key_of_the_config_has_an_effect(server, run_dir, tmp_path):
    chosen = {
        "project": "other",
        "entity": "group",
        "run_name": "mine",
        "group": "together",
        "tags": ["a", "b"],
        "dir": str(tmp_path / "files"),
        "log_freq": 2,
        "log_artifacts": True,
    }
    mirror_run(run_dir, settings(**chosen))
    run = server.runs[run_dir.name]
    assert (run.project, run.entity, run.display_name) == ("other", "group", "mine")
    assert (run.group, run.tags) == ("together", ["a", "b"])
    assert run.steps == [0, 2, 3]
    assert (tmp_path / "files" / "wandb").is_dir()
    name = f"{run_dir.name}-best"
    assert server.artifacts[name]["files"] == ["best_val.pt"]
    assert server.uploads[f"{name}/best_val.pt"] == (run_dir / "best_val.pt").read_bytes()


def test_nothing_is_written_beside_the_run_and_the_key_nowhere(
    server, run_dir, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    mirror_run(run_dir, settings(log_artifacts=True))
    mirror_run(run_dir, settings(mode="offline", log_artifacts=True))
    wandb.teardown()
    assert server.keys == {API_KEY}
    assert not list((tmp_path / "home").rglob("*"))
    assert {path.name for path in tmp_path.iterdir()} == {run_dir.name}
    files = [path for path in run_dir.rglob("*") if path.is_file()]
    assert any(path.suffix == ".wandb" for path in files)
    assert not [path for path in files if API_KEY.encode() in path.read_bytes()]


def test_offline_the_newest_piece_is_the_whole_run(server, run_dir, once_trained):
    first_epochs(run_dir, 2)
    mirror_run(run_dir, settings(mode="offline"))
    (piece,) = read_offline(run_dir)
    assert [row["_step"] for row in piece.history] == [0, 1]
    shutil.rmtree(run_dir / "facts")
    shutil.copytree(once_trained / "facts", run_dir / "facts")
    outcome = mirror_run(run_dir, settings(mode="offline", log_artifacts=True))
    (run,) = read_offline(run_dir)
    assert (run.run_id, run.name, run.project) == (run_dir.name, run_dir.name, "tops")
    assert (run.group, tuple(run.tags)) == (
        "exp_20260101-120000_seeds",
        content.automatic_tags(run_dir),
    )
    assert [row["_step"] for row in run.history] == [0, 1, 2, 3]
    for (_, row), written in zip(content.epoch_rows(run_dir), run.history, strict=False):
        assert row.items() <= written.items()
    assert content.curated_config(run_dir).items() <= run.config.items()
    assert json.loads(json.dumps(content.summary(run_dir))).items() <= run.summary.items()
    assert (run.exit_code, run.preempting) == (0, False)
    assert run.artifacts == [f"{run_dir.name}-best"]
    assert Path(outcome.directory).parent == run_dir / "wandb"
    assert server.asked == []


def test_the_mode_of_the_environment_wins(server, run_dir, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    assert mirror_run(run_dir, settings()).mode == "offline"
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "kind", "said"),
    [
        (401, KeyRefusedError, "refuses the key"),
        (403, ProjectRefusedError, "no such project"),
        (429, NotReachedError, "answers with an error"),
        (500, NotReachedError, "answers with an error"),
        (SILENT, NotReachedError, "does not answer"),
    ],
)
def test_a_server_that_does_not_help_is_one_sentence(
    server, run_dir, monkeypatch, status, kind, said
):
    monkeypatch.setattr(library, "INIT_TIMEOUT_S", 1.0)
    server.mode = status
    with pytest.raises(kind, match=said) as caught:
        mirror_run(run_dir, settings())
    assert type(caught.value) is kind
    assert API_KEY not in str(caught.value)
    server.mode = NORMAL
    assert mirror_run(run_dir, settings()).n_rows == 4


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (403, "permission denied", ProjectRefusedError),
        (404, "entity wrong not found during upsertBucket", ProjectRefusedError),
        (200, "permission denied", ProjectRefusedError),
        (401, "user is not logged in", KeyRefusedError),
        (400, "personal entities are disabled", MirrorError),
        (200, "name is too long", MirrorError),
    ],
)
def test_a_refusal_of_the_run_alone_is_no_server_that_is_down(
    server, run_dir, status, message, kind
):
    server.refusing["UpsertBucket"] = (status, message)
    with pytest.raises(MirrorError, match=message) as caught:
        mirror_run(run_dir, settings())
    assert type(caught.value) is kind


def test_a_server_that_comes_back_while_the_run_trains_gets_all_of_it(server, run_dir, monkeypatch):
    monkeypatch.setattr(library, "INIT_TIMEOUT_S", 1.0)
    monkeypatch.setattr("thesis_loops.tracking.mirror._RETRY_S", 0.1)
    server.mode = 500
    states, (reading, writing) = [], os.pipe()
    pieces = []

    def follow(state) -> None:
        states.append(state.state)
        if state.state == "waiting":
            pieces.append(len(list(run_dir.glob("wandb/run-*"))))
            if len(pieces) == 3:
                server.mode = NORMAL
        else:  # now the training ends
            os.write(writing, ENDED)

    try:
        outcome = mirror_run(run_dir, settings(), Trainer(reading), follow)
    finally:
        os.close(reading)
        os.close(writing)
    assert states == ["waiting", "waiting", "waiting", "sending"]
    assert max(pieces) <= 1
    assert not list(run_dir.glob("wandb/run-*"))
    assert (outcome.n_rows, server.runs[run_dir.name].state) == (4, "finished")


@pytest.mark.parametrize("status", [403, SILENT])
def test_a_server_that_stops_taking_data_is_noticed(server, run_dir, monkeypatch, status):
    monkeypatch.setattr(library, "FINISH_TIMEOUT_S", 1.0)

    def turn(_) -> None:
        server.mode = status

    with pytest.raises(NotReachedError):
        mirror_run(run_dir, settings(), tell=turn)


@pytest.mark.parametrize("key", [None, "too-short"])
def test_without_a_key_that_can_be_one_nobody_is_asked_for_it(
    server, run_dir, monkeypatch, tmp_path, key
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("thesis_loops.tracking.library.find_api_key", lambda: key)
    monkeypatch.delenv("WANDB_API_KEY")
    with pytest.raises(MirrorError, match="no key for W&B" if key is None else "refuses the key"):
        mirror_run(run_dir, settings())
    assert server.asked == []


def test_a_run_that_is_going_on_or_being_sent_is_left_alone(server, run_dir):
    with run_lock(run_dir), pytest.raises(MirrorError, match=r"still going on.*process"):
        mirror_run(run_dir, settings())
    (run_dir / "wandb").mkdir()
    with open(run_dir / "wandb" / ".lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(MirrorError, match="another process mirrors"):
            mirror_run(run_dir, settings())
    assert server.asked == []


class Training(Trainer):
    """One that has news whenever it is asked, so many times, and then is over."""

    def __init__(self, n_news: int) -> None:
        super().__init__(-1)
        self.n_left = n_news

    def wait(self, timeout_s: float | None = None) -> None:
        self.n_left -= 1
        self.is_over = self.n_left <= 0


def test_facts_are_not_read_again_at_each_news(server, run_dir, monkeypatch):
    read, epoch_rows = [], content.epoch_rows
    monkeypatch.setattr("thesis_loops.tracking.mirror._PAUSE_S", 600.0)
    monkeypatch.setattr(content, "epoch_rows", lambda path: read.append(1) or epoch_rows(path))
    mirror_run(run_dir, settings(mode="offline"))
    n_once = len(read)
    mirror_run(run_dir, settings(mode="offline"), Training(20))
    assert len(read) == 2 * n_once + 1


def test_a_mirror_that_holds_on_to_a_run_is_not_waited_for_for_ever(server, run_dir, monkeypatch):
    monkeypatch.setattr(library, "FINISH_TIMEOUT_S", 0.1)
    monkeypatch.setattr("thesis_loops.tracking.lock._AGAIN_S", 0.05)
    (run_dir / "wandb").mkdir()
    training = Training(5)
    with open(run_dir / "wandb" / ".lock", "w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(MirrorError, match="another process mirrors"):
            mirror_run(run_dir, settings(), training)
    assert training.is_over
    assert server.asked == []


def test_files_may_lie_in_the_home_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_DIR", "~/from_environment")
    assert library.files_dir("run", settings(dir="~/wb")) == tmp_path / "wb"
    assert library.files_dir("run", settings()) == tmp_path / "from_environment"
