"""What W&B gets of a run is made of its facts alone, and the key never shows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from thesis_facts.discovery import write_pointer
from thesis_facts.writers import append_jsonl_event, write_json
from thesis_loops.tracking import content
from thesis_loops.tracking.failures import (
    DeletedError,
    KeyRefusedError,
    MirrorError,
    NotReachedError,
    ProjectRefusedError,
    failure_of,
    failure_told,
)
from thesis_loops.tracking.keys import find_api_key

KEY = "a" * 40


@pytest.fixture
def trained(config, train, run_dir: Path) -> Path:
    train(config("mlp_classifier", run_dir=str(run_dir)))
    return run_dir


def test_a_run_has_its_name_as_identifier_where_w_and_b_takes_it(tmp_path):
    assert content.wandb_id(tmp_path / "run_20260101-120000_a.b-c_job001") == (
        "run_20260101-120000_a.b-c_job001"
    )
    odd = [
        content.wandb_id(tmp_path / name)
        for name in ("lr=0.1", "lr:0.1", "é" * 200, "-", "a" * 129)
    ]
    assert len(set(odd)) == len(odd)  # cleaned alike, still told apart
    assert all(
        len(name) <= 128 and name.isascii() and not set(name) & set(r"/\#?%:= ") for name in odd
    )


def test_a_link_to_a_run_is_the_same_run(tmp_path):
    (tmp_path / "run_1").mkdir()
    (tmp_path / "link").symlink_to("run_1")
    assert content.wandb_id(tmp_path / "link") == "run_1"
    assert content.wandb_id(f"{tmp_path}/run_1/.") == "run_1"


def test_no_key_of_the_config_is_lost(trained):
    keys = content.curated_config(trained)
    written = json.loads((trained / "facts" / "config.json").read_text())

    def leaves(section, prefix="raw"):
        for name, value in section.items():
            if isinstance(value, dict) and value:
                yield from leaves(value, f"{prefix}/{name}")
            else:
                yield f"{prefix}/{name}", value

    assert dict(leaves(written)) == {k: v for k, v in keys.items() if k.startswith("raw/")}
    assert keys["model/hidden_sizes"] == [16, 8]
    assert keys["trainer/lr"] == keys["axes/lr"] == 1e-3
    assert keys["data/kind"] == "events"
    assert keys["meta.model_family"] == "mlp"
    events = (trained / "facts" / "events.jsonl").read_text().splitlines()
    assert keys["meta.run_id"] == json.loads(events[-1])["meta"]["run_id"]
    assert {"meta.git_commit", "meta.versions.torch"} <= keys.keys()


@pytest.mark.parametrize("loop", ["ae", "test_mlp", "bdt_classifier"])
def test_model_and_trainer_have_one_place_whatever_the_loop(config, run_dir, loop):
    write_json(run_dir / "facts" / "config.json", config(loop))
    keys = content.curated_config(run_dir)
    model = {
        "ae": "model/encoder/enc_hidden",
        "test_mlp": "model/hidden_sizes",
        "bdt_classifier": "model/n_estimators",
    }
    assert model[loop] in keys
    assert keys["trainer/seed"] == 7
    assert not [key for key in keys if key.startswith("model/trainer")]


def test_each_epoch_is_a_row_and_the_test_split_comes_after_the_last(trained):
    rows = content.epoch_rows(trained)
    assert [step for step, _ in rows] == [0, 1, 2] == [row["epoch"] for _, row in rows]
    assert all(
        {"train/loss", "val/loss", "val/auroc", "perf/throughput"} <= row.keys() for _, row in rows
    )
    step, last = content.final_row(trained)
    assert step == 3
    assert {"test/loss", "test/auroc", "epoch"} <= last.keys()
    known = {name.partition("/")[0] for _, row in [*rows, (step, last)] for name in row}
    assert known == {"epoch", "train", "val", "perf", "test"}


def test_the_summary_holds_what_the_facts_say_of_the_end(trained):
    summary = content.summary(trained)
    rows = dict(content.epoch_rows(trained))
    assert summary["status"] == "complete"
    assert summary["best/val_auroc"] == rows[summary["best_epoch"]]["val/auroc"]
    assert summary["final/val_loss"] == rows[2]["val/loss"]
    assert summary["epochs_run"] == 3
    assert summary["total_time_s"] > 0
    evaluation = json.loads((trained / "facts" / "evaluation.json").read_text())
    assert summary["evaluation/gap/auroc"] == evaluation["gap"]["auroc"]
    assert summary["test/auroc"] == evaluation["splits"]["test"]["metrics"]["auroc"]


def test_a_torn_line_costs_that_line_alone(trained):
    before = content.epoch_rows(trained)
    for name in ("events.jsonl", "scalars.csv"):
        with open(trained / "facts" / name, "a") as file:
            file.write('{"moment": "on_epoch_end", "epoch": 3, "val')
    assert content.epoch_rows(trained) == before
    assert content.summary(trained)["status"] == "complete"


def test_a_run_that_has_hardly_begun_gives_what_there_is(run_dir):
    (run_dir / "facts").mkdir(parents=True)
    assert content.epoch_rows(run_dir) == []
    assert content.final_row(run_dir) is None
    assert content.summary(run_dir) == {"status": "incomplete", "epochs_run": 0}
    assert content.automatic_tags(run_dir) == ()
    assert content.curated_config(run_dir) == {}


def test_a_crash_is_in_the_summary(run_dir):
    append_jsonl_event(
        run_dir, {"moment": "on_start"}, {"moment": "on_exception", "error": "ValueError: x"}
    )
    assert content.summary(run_dir)["status"] == "crashed"
    assert content.summary(run_dir)["error"] == "ValueError: x"


def test_tags_say_what_kind_of_run_it_is(trained):
    assert content.automatic_tags(trained)[:3] == ("sim_event", "classification", "mlp")
    meta = json.loads((trained / "facts" / "meta.json").read_text())
    write_json(trained / "facts" / "meta.json", meta | {"needs_review": True})
    assert content.automatic_tags(trained)[-1] == "needs_review"


def test_the_group_is_the_sweep_that_points_to_the_run(tmp_path):
    run = tmp_path / "runs" / "run_20260101-120000_seeds_job002"
    (run / "facts").mkdir(parents=True)
    assert content.sweep_group(run) == "exp_20260101-120000_seeds"  # all that is left of it
    other = tmp_path / "multiruns" / "exp_20260101-115959_seeds"
    write_pointer(other, 2, run, [])
    write_pointer(
        tmp_path / "multiruns" / "exp_20260101-120000_seeds", 2, tmp_path / "runs" / "x", []
    )
    assert content.sweep_group(run) == other.name
    assert content.sweep_group(tmp_path / "runs" / "run_20260101-120000_alone") is None


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """A home and a working directory without any key."""
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "project" / "deep"
    (tmp_path / "home").mkdir()
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(
        "thesis_loops.tracking.keys.__file__", str(tmp_path / "elsewhere" / "keys.py")
    )
    return tmp_path


def key_file(path: Path, text: str, mode: int = 0o600) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def test_the_key_of_the_environment_comes_first_then_the_cluster_then_home(nowhere, monkeypatch):
    assert find_api_key() is None
    key_file(nowhere / "home" / ".wandb_api_key", f"{KEY}1\n")
    assert find_api_key() == f"{KEY}1"
    key_file(
        nowhere / "project" / "hpc/stoomboot/.wandb_env", f"# mine\nexport WANDB_API_KEY='{KEY}2'\n"
    )
    assert find_api_key() == f"{KEY}2"
    monkeypatch.setenv("WANDB_API_KEY", f"{KEY}3")
    assert find_api_key() == f"{KEY}3"


@pytest.mark.parametrize(
    "text", ["", "\n# nothing\n", "WANDB_ENTITY=me\n", "WANDB_API_KEY=\n", "\xff"]
)
def test_a_file_without_a_key_gives_none(nowhere, text):
    key_file(nowhere / "project" / "hpc/stoomboot/.wandb_env", text)
    assert find_api_key() is None


@pytest.mark.parametrize(
    "line",
    [f"WANDB_API_KEY={KEY}", f'export WANDB_API_KEY="{KEY}"', f"WANDB_API_KEY={KEY}  # mine"],
)
def test_a_key_is_read_as_a_shell_would(nowhere, line):
    key_file(nowhere / "project" / "hpc/stoomboot/.wandb_env", f"export WANDB_ENTITY=me\n{line}\n")
    assert find_api_key() == KEY


def test_a_key_that_others_can_read_is_warned_of_without_showing_it(nowhere, caplog):
    key_file(nowhere / "home" / ".wandb_api_key", KEY, mode=0o644)
    assert find_api_key() == KEY
    assert "chmod 600" in caplog.text
    assert KEY not in caplog.text


def test_no_failure_shows_the_key(monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    failure = failure_of(RuntimeError(f"bad header: Basic {KEY}"))
    assert KEY not in str(failure)
    assert not isinstance(failure, NotReachedError)
    assert isinstance(failure, MirrorError)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("dial tcp 1.2.3.4:443: connect: connection refused", NotReachedError),
        ("dial tcp 1.2.3.4:443: connect: permission denied", NotReachedError),
        ("dial tcp: lookup api.wandb.ai: no such host", NotReachedError),
        ("giving up after 3 attempt(s) while retrying: HTTP 502: not found", NotReachedError),
        ("giving up after 3 attempt(s)", NotReachedError),
        ("returned error 429: slow down", NotReachedError),
        ("returned error 401: {}", KeyRefusedError),
        ("returned error 403: {}", ProjectRefusedError),
        ("HTTP 404: upstream timed out", ProjectRefusedError),
        ("permission denied", ProjectRefusedError),
        ("run a was previously created and deleted; giving up after 3 attempt(s)", DeletedError),
        ("whatever else it says", MirrorError),
    ],
)
def test_what_the_server_says_is_told_apart(text, kind):
    failure = failure_told(f"{text} {KEY}", KEY)
    assert type(failure) is kind
    assert KEY not in str(failure)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimeoutError("60 s"), NotReachedError),
        (ConnectionResetError(104, "Connection reset by peer"), NotReachedError),
        (PermissionError(13, "Permission denied", "wandb"), MirrorError),
        (FileNotFoundError("not found"), MirrorError),
    ],
)
def test_a_fault_of_this_machine_is_no_refusal(error, kind):
    assert type(failure_of(error)) is kind


def test_neither_torch_nor_the_library_is_loaded_before_it_is_needed():
    code = (
        "import sys, thesis_loops.tracking.live, thesis_loops.tracking.content\n"
        "assert 'thesis_loops.tracking.mirror' not in sys.modules\n"
        "import thesis_loops.tracking.__main__\n"
        "assert not {'torch', 'wandb', 'polars'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)
