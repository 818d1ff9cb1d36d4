"""Fixtures that all tests share."""

import os
import signal
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from small_runs import ANY_LOOPS, LOOPS, STREAMED, config_of
from thesis_data.config import DataConfig
from thesis_data.synthetic import dataset
from thesis_data.toy_dataset import ensure_dataset
from thesis_loops.engine import fit as fit_module
from thesis_loops.engine.signals import Interrupted


@pytest.fixture(scope="session")
def toy_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """300 toy events, 240 of them for training."""
    path = str(tmp_path_factory.mktemp("data") / "toy.h5")
    ensure_dataset(DataConfig(path=path, synthetic={"n_events": 300, "seed": 1}))
    return path


@pytest.fixture
def streamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Changes to a config: the same toy events, 4 rows a chunk, every split read from disk."""
    path = str(tmp_path / "streamed.h5")
    with monkeypatch.context() as patch:
        patch.setattr(dataset, "_ROWS_PER_CHUNK", 4)
        ensure_dataset(DataConfig(path=path, synthetic={"n_events": 300, "seed": 1}))
    return STREAMED | {"data__path": path}


@pytest.fixture
def config(toy_file: str) -> Callable[..., dict[str, Any]]:
    """`config(loop, **changes)`, with a file of events where the loop needs one."""

    def make(loop: str, /, **changes: Any) -> dict[str, Any]:
        if loop != "test_mlp":
            changes = {"data__path": toy_file} | changes
        return config_of(loop, **changes)

    return make


@pytest.fixture(params=LOOPS)
def loop(request: pytest.FixtureRequest) -> str:
    """One loop that `fit` trains after the other: a contract holds for all of them."""
    return request.param


@pytest.fixture(params=ANY_LOOPS)
def any_loop(request: pytest.FixtureRequest) -> str:
    """Those, and boosted trees."""
    return request.param


@pytest.fixture
def train() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Run the loop that a config names."""

    def run(cfg: dict[str, Any]) -> dict[str, Any]:
        return import_module(f"thesis_loops.{cfg['loop']}").train(cfg)

    return run


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return tmp_path / "run"


@pytest.fixture
def interrupt_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int, signal.Signals], None]:
    """`interrupt_at(epoch, step, signal)`: the process gets the signal before that step."""

    def arrange(epoch: int, step: int, number: signal.Signals) -> None:
        seed_step = fit_module.seed_step

        def seed_and_signal(seed: int, at_epoch: int, at_step: int, rank: int) -> None:
            seed_step(seed, at_epoch, at_step, rank)
            if (at_epoch, at_step) == (epoch, step):
                os.kill(os.getpid(), number)

        monkeypatch.setattr(fit_module, "seed_step", seed_and_signal)

    return arrange


@pytest.fixture
def interrupted(
    train: Callable[[dict[str, Any]], dict[str, Any]],
    interrupt_at: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., None]:
    """`interrupted(cfg, epoch, step)`: train, and leave before that step of that epoch."""

    def run(cfg: dict[str, Any], epoch: int = 2, step: int = 2) -> None:
        with monkeypatch.context():
            interrupt_at(epoch, step, signal.SIGTERM)
            with pytest.raises(Interrupted):
                train(cfg)
        monkeypatch.undo()

    return run
