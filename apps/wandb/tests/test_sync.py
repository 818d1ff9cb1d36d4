"""`thesis-wandb sync`: offline runs of the real library arrive once and whole."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import wandb

from api_server import ApiServer
from thesis_facts import run_lock, write_pointer
from thesis_facts.errors import RunError
from thesis_loops.logging_config import WandbSettings
from thesis_loops.tracking import content
from thesis_loops.tracking.mirror import mirror_run
from thesis_wandb import sending
from thesis_wandb.cli import main
from thesis_wandb.offline_log import n_rows_in, read_records, read_run
from thesis_wandb.project import default_settings
from tiny_runs import go_on, write_run


def mirror_offline(run_dir: Path, **changes: object) -> Path:
    """Record a run as its training does without a network; the library's file of it."""
    settings = default_settings() | {"mode": "offline"} | changes
    outcome = mirror_run(run_dir, WandbSettings.model_validate(settings))
    assert outcome.directory is not None
    (file,) = Path(outcome.directory).glob("*.wandb")
    return file


@pytest.fixture
def offline(server: ApiServer, tmp_path: Path) -> Path:
    """A folder with two runs that were recorded offline, and one that was not."""
    for name in ("run_a", "run_b"):
        mirror_offline(write_run(tmp_path / "runs" / name))
    write_run(tmp_path / "runs" / "run_c")
    return tmp_path / "runs"


def steps(server: ApiServer) -> dict[str, list[int]]:
    return {name: run.steps for name, run in server.runs.items()}


WHOLE = [0, 1, 2, 3]

TRAINING = """
import sys, wandb
run = wandb.init(
    mode="offline", dir=sys.argv[1], project="own", id="run_live",
    settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
)
def log(epochs):
    for epoch in epochs:
        run.log({"epoch": epoch, "text": "x" * 3000}, step=epoch, commit=True)
log(range(40))
print("40 epochs", flush=True)
sys.stdin.readline()
log(range(40, 60))
run.finish()
"""


@contextmanager
def training(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The library at work offline, with some rows on disk; it goes on when it is told to."""
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINING, str(folder)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        until = time.monotonic() + 30
        while not sum(map(rows_on_disk, folder.rglob("*.wandb"))) and time.monotonic() < until:
            time.sleep(0.05)
        yield process


def rows_on_disk(file: Path) -> int:
    try:
        return n_rows_in(file)
    except RunError:  # not even its head
        return 0


def test_offline_runs_arrive_as_their_facts_say(
    server: ApiServer, offline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sync", str(offline)]) == 0
    assert steps(server) == {"run_a": WHOLE, "run_b": WHOLE}
    run = server.runs["run_a"]
    assert (run.project, run.state, run.display_name) == ("thesis-ml", "finished", "run_a")
    assert run.values == content.curated_config(offline / "run_a")
    assert content.summary(offline / "run_a").items() <= run.summary.items()
    told = capsys.readouterr().out
    assert "run_a: 4 rows sent to thesis-ml" in told
    assert "2 of 2 offline runs sent" in told


def test_a_second_time_there_is_nothing_to_do(
    server: ApiServer, offline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["sync", str(offline)])
    n_asked = len(server.asked)
    assert main(["sync", str(offline)]) == 0
    assert len(server.asked) == n_asked
    assert "nothing to send" in capsys.readouterr().out


def test_the_library_knows_the_mark(server: ApiServer, offline: Path) -> None:
    main(["sync", str(offline)])
    marks = sorted(path.name for path in offline.rglob("*.synced"))
    assert marks == ["run-run_a.wandb.synced", "run-run_b.wandb.synced"]


def test_of_a_run_that_was_gone_on_with_what_is_new_is_sent(
    server: ApiServer, tmp_path: Path
) -> None:
    run_dir = write_run(tmp_path / "run_a", 2, is_over=False)
    mirror_offline(run_dir)
    main(["sync", str(tmp_path)])
    assert server.runs["run_a"].state == "failed"
    go_on(run_dir, 5)
    mirror_offline(run_dir)
    assert main(["sync", str(tmp_path)]) == 0
    assert steps(server) == {"run_a": [0, 1, 2, 3, 4, 5]}
    assert server.runs["run_a"].state == "finished"


def test_what_grew_after_it_was_marked_is_not_done(
    server: ApiServer, offline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["sync", str(offline)])
    (file,) = (offline / "run_a").rglob("*.wandb")
    later = file.with_suffix(".wandb.synced").stat().st_mtime + 1
    os.utime(file, (later, later))
    assert main(["sync", str(offline)]) == 0
    assert "run_a: up to date in thesis-ml" in capsys.readouterr().out
    assert steps(server) == {"run_a": WHOLE, "run_b": WHOLE}


def test_the_runs_of_a_sweep(server: ApiServer, tmp_path: Path) -> None:
    run_dir = write_run(tmp_path / "outputs" / "runs" / "run_20260101-120000_s_job000")
    mirror_offline(run_dir)
    sweep = tmp_path / "outputs" / "multiruns" / "exp_20260101-120000_s"
    write_pointer(sweep, 0, run_dir, [])
    assert main(["sync", str(sweep)]) == 0
    assert steps(server) == {run_dir.name: WHOLE}
    assert server.runs[run_dir.name].group == sweep.name


def test_a_running_run_waits(
    server: ApiServer, offline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with run_lock(offline / "run_a"):
        assert main(["sync", str(offline)]) == 1
    assert steps(server) == {"run_b": WHOLE}
    assert "run_a: still running" in capsys.readouterr().err
    assert main(["sync", str(offline)]) == 0
    assert steps(server) == {"run_a": WHOLE, "run_b": WHOLE}


def test_a_server_that_fails_twice_is_asked_again(
    server: ApiServer, offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PAUSES_S", (0.0, 0.0))
    server.failing["UpsertBucket"] = 2
    assert main(["sync", str(offline)]) == 0
    assert steps(server) == {"run_a": WHOLE, "run_b": WHOLE}


def test_what_failed_is_told_and_goes_the_next_time(
    server: ApiServer,
    offline: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sending, "PAUSES_S", ())
    server.failing["UpsertBucket"] = 1
    assert main(["sync", str(offline)]) == 1
    told = capsys.readouterr()
    assert "run_a: " in told.err
    assert "out of order" in told.err
    assert "1 of 2 offline runs sent" in told.out
    assert steps(server) == {"run_b": WHOLE}
    assert main(["sync", str(offline)]) == 0
    assert "1 of 1 offline runs sent, 1 were sent before" in capsys.readouterr().out


def test_a_server_that_refuses_the_key(
    server: ApiServer, offline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.mode = 401
    assert main(["sync", str(offline)]) == 1
    assert "W&B refuses the key" in capsys.readouterr().err
    assert not list(offline.rglob("*.synced"))


def test_killed_in_the_middle_and_given_again(server: ApiServer, offline: Path) -> None:
    server.delay_s = 0.3
    command = [sys.executable, "-c", "from thesis_wandb.cli import main; main()", "sync"]
    process = subprocess.Popen([*command, str(offline)], start_new_session=True)
    server.wait_for(lambda told: told.runs.get("run_a") and told.runs["run_a"].history)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    server.delay_s = 0
    assert main(["sync", str(offline)]) == 0
    assert steps(server) == {"run_a": WHOLE, "run_b": WHOLE}


def test_ctrl_c_says_that_the_same_command_goes_on(server: ApiServer, offline: Path) -> None:
    server.mode = "silent"
    command = [
        sys.executable,
        "-c",
        "import sys; from thesis_wandb.cli import main; sys.exit(main())",
    ]
    process = subprocess.Popen(
        [*command, "sync", str(offline)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    server.wait_for(lambda told: told.asked)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate()
    assert process.returncode == 130
    assert "interrupted; the same command goes on" in told


def test_no_offline_runs(
    server: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "runs" / "run_a")
    assert main(["sync", str(tmp_path / "runs")]) == 0
    assert "no offline runs" in capsys.readouterr().out
    assert main(["sync", str(tmp_path / "nowhere")]) == 1
    assert "no such folder" in capsys.readouterr().err
    assert not server.asked


def test_of_two_directories_of_one_name_only_the_first_is_sent(
    server: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = write_run(tmp_path / "alice" / "test", 2)
    other = write_run(tmp_path / "bob" / "test", 5)
    for run_dir in (first, other):
        mirror_offline(run_dir)
    for _ in range(2):  # it stays so
        assert main(["sync", str(tmp_path)]) == 1
        assert f"test: {other} has the name of {first}, by which" in capsys.readouterr().err
        assert steps(server) == {"test": [0, 1, 2]}
        assert len(list(first.rglob("*.synced"))) == 1
        assert not list(other.rglob("*.synced"))


def test_of_one_name_that_with_facts_is_the_first(
    server: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = write_run(tmp_path / "runs" / "run_a")
    mirror_offline(run_dir, dir=str(tmp_path / "a_scratch"))
    mirror_offline(run_dir)
    assert main(["sync", str(tmp_path)]) == 1
    assert f"{tmp_path / 'a_scratch'} has the name of {run_dir}" in capsys.readouterr().err
    assert steps(server) == {"run_a": WHOLE}
    assert not list((tmp_path / "a_scratch").rglob("*.synced"))


class TestWithoutFacts:
    """Files of the library that lie on their own, as after `logging.wandb.dir`."""

    @pytest.fixture
    def folder(self, server: ApiServer, tmp_path: Path) -> Path:
        run_dir = write_run(tmp_path / "runs" / "run_a")
        mirror_offline(run_dir, dir=str(tmp_path / "scratch"), project="own", log_freq=1)
        shutil.rmtree(run_dir)
        return tmp_path / "scratch"

    def test_they_arrive_as_they_are(
        self, server: ApiServer, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (file,) = folder.rglob("*.wandb")
        assert main(["sync", str(folder)]) == 0
        run = server.runs["run_a"]
        assert (run.project, run.display_name, run.state) == ("own", "run_a", "finished")
        assert run.steps == WHOLE
        assert {"classification", "transformer"} <= set(run.tags)
        assert run.values["raw/classifier/model/dim"] == 16
        assert run.summary["test/auroc"] == 0.8
        assert "run_a: 4 rows sent to own" in capsys.readouterr().out
        assert file.with_suffix(".wandb.synced").exists()
        assert main(["sync", str(folder)]) == 0
        assert run.steps == WHOLE

    def test_a_project_that_is_named_wins(self, server: ApiServer, folder: Path) -> None:
        assert main(["sync", str(folder), "--project", "ours"]) == 0
        assert server.runs["run_a"].project == "ours"

    def test_rows_that_are_there_are_not_sent_twice(
        self, server: ApiServer, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        main(["sync", str(folder)])
        (mark,) = folder.rglob("*.synced")
        mark.unlink()
        assert main(["sync", str(folder)]) == 0
        assert "up to date" in capsys.readouterr().out
        assert steps(server) == {"run_a": WHOLE}

    def test_a_part_that_is_there_is_not_mixed_with_the_whole(
        self, server: ApiServer, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        main(["sync", str(folder)])
        (mark,) = folder.rglob("*.synced")
        mark.unlink()
        del server.runs["run_a"].history[2:]
        assert main(["sync", str(folder)]) == 1
        assert "2 of its 4 rows are in own already" in capsys.readouterr().err
        assert steps(server) == {"run_a": [0, 1]}

    def test_a_refusal_of_the_server_is_told(
        self,
        server: ApiServer,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        monkeypatch.setattr(sending, "PAUSES_S", ())
        server.failing["UpsertBucket"] = 1
        assert main(["sync", str(folder)]) == 1
        assert "out of order" in capsys.readouterr().err
        assert not list(folder.rglob("*.synced"))

    def test_of_a_run_that_still_trains_nothing_is_sent(
        self, server: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with training(tmp_path) as process:
            assert main(["sync", str(tmp_path)]) == 1
            assert "run_live: still running, or killed: " in capsys.readouterr().err
            assert server.runs == {}
            process.communicate("go on\n")
        assert main(["sync", str(tmp_path)]) == 0
        assert steps(server) == {"run_live": list(range(60))}

    def test_what_a_killed_run_left_is_sent_on_demand(
        self, server: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with training(tmp_path / "live"):
            shutil.copytree(tmp_path / "live", tmp_path / "killed", symlinks=True)
        (file,) = (tmp_path / "killed").rglob("*.wandb")
        os.truncate(file, file.stat().st_size - 3)
        command = ["sync", str(tmp_path / "killed")]
        assert main(command) == 1
        assert "give --killed" in capsys.readouterr().err
        assert main([*command, "--killed"]) == 0
        sent = server.runs["run_live"].steps
        assert sent == list(range(n_rows_in(file))) != []
        assert main(command) == 0
        assert "all sent before" in capsys.readouterr().out

    def test_a_torn_file_among_good_ones(
        self, server: ApiServer, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (file,) = folder.rglob("*.wandb")
        torn = file.parent.with_name("offline-run-20260101_120000-torn")
        torn.mkdir()
        (torn / "run-torn.wandb").write_bytes(file.read_bytes()[:40])
        assert main(["sync", str(folder)]) == 1
        assert "torn: holds no run" in capsys.readouterr().err
        assert steps(server) == {"run_a": WHOLE}


def test_records_longer_than_a_block_are_read_whole(tmp_path: Path) -> None:
    run = wandb.init(
        mode="offline", dir=str(tmp_path), project="p", id="long",
        config={f"key{number}": "x" * 1000 for number in range(100)},
        settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
    )  # fmt: skip
    for number in range(300):
        run.log({"text": "y" * (37 * number % 1500)})
    run.finish()
    wandb.teardown()
    (file,) = tmp_path.rglob("*.wandb")
    assert n_rows_in(file) == 300
    assert sum(record.HasField("exit") for record in read_records(file)) == 1
    assert len(read_run(file).config.update) >= 100
