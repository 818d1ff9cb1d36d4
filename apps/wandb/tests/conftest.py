"""A server on this machine, and the command against it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import wandb

from api_server import API_KEY, ApiServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ApiServer]:
    """A local server that the library is pointed to, in an environment with nothing else of W&B."""
    for variable in ("WANDB_PROJECT", "WANDB_ENTITY", "WANDB_MODE", "WANDB_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("WANDB_API_KEY", API_KEY)
    monkeypatch.chdir(tmp_path)
    with ApiServer() as local:
        monkeypatch.setenv("WANDB_BASE_URL", local.url)
        yield local
        wandb.teardown()  # what it knows of this server
