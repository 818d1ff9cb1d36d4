"""Fixtures that all tests share."""

import logging
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from command import Done, server
from thesis_train.cli import main


@pytest.fixture(scope="session", autouse=True)
def _close_the_server() -> Generator[None]:
    yield
    if server.cache_info().currsize:
        server().close()


@pytest.fixture
def thesis_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """`thesis_train(*arguments)` in an empty folder; in this process, where torch is loaded."""

    def run(*arguments: str) -> Done:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["thesis-train", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        logging.shutdown()
        said = capfd.readouterr()
        if isinstance(code, str):  # Python prints it and exits with 1
            return Done(1, said.out, said.err + code)
        return Done(int(code or 0), said.out, said.err)

    return run
