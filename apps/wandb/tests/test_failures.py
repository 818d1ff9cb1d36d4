"""What goes wrong at the server is one message that says what to do; the key never shows."""

import socket
from pathlib import Path

import pytest

from api_server import API_KEY, ApiServer
from thesis_wandb.cli import main

COMMAND = ["cleanup", "--tag", "x"]


def told_by(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr of a command that ends with 1."""
    assert main(arguments) == 1
    told = capsys.readouterr()
    assert told.err.startswith("thesis-wandb: ")
    assert told.err.count("\n") == 1
    assert API_KEY not in told.out + told.err
    return told.err


def test_no_key(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("thesis_wandb.project.find_api_key", lambda: None)
    assert "no key for W&B; set WANDB_API_KEY" in told_by(COMMAND, capsys)
    assert not server.asked


def test_the_key_of_wandb_login(
    server: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thesis_wandb.project.find_api_key", lambda: None)
    monkeypatch.delenv("WANDB_API_KEY")
    host = server.url.removeprefix("http://")
    (tmp_path / "home").mkdir()
    netrc = tmp_path / "home" / ".netrc"
    netrc.write_text(f"machine {host}\n  login user\n  password {API_KEY}\n")
    netrc.chmod(0o600)
    server.add("old", 60)
    assert main(["cleanup", "--older-than", "30d"]) == 0
    assert server.keys == {API_KEY}


def test_a_key_that_is_none(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "too-short")
    told = told_by(COMMAND, capsys)
    assert "W&B refuses the key" in told
    assert "too-short" not in told


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, "W&B refuses the key"),
        (403, "no such project at W&B, or no permission for it: thesis-ml"),
        (501, "W&B answers with an error"),
    ],
)
def test_a_server_that_refuses(
    server: ApiServer, status: int, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    server.mode = status
    assert expected in told_by(COMMAND, capsys)


def test_no_such_project(server: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    told = told_by([*COMMAND, "--project", "nowhere", "--entity", "group"], capsys)
    assert "no such project at W&B, or no permission for it: group/nowhere" in told


@pytest.mark.slow  # the library tries three times
def test_a_server_that_is_not_there(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{port}")
    told = told_by(COMMAND, capsys)
    assert "W&B does not answer" in told
    assert "connection refused" in told
    assert "WANDB_BASE_URL" in told


def test_a_project_with_a_path_in_it(server: ApiServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--project: found me/mine" in told_by([*COMMAND, "--project", "me/mine"], capsys)
