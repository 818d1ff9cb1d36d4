"""Hydra underneath the command: it composes, and every config is checked before it is used."""

import os
from argparse import Namespace
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path, run_and_report
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from hydra.version import setbase
from omegaconf import DictConfig

from thesis_facts.errors import ConfigError, ThesisError
from thesis_train.config import VERSION_BASE
from thesis_train.groups import CONFIG_DIR
from thesis_train.ranks import leave_with
from thesis_train.targets import check_targets


class CheckedConfigLoader(ConfigLoaderImpl):
    """Composes configs, of the command and of each job, and lets only harmless ones out.

    Parameters
    ----------
    search_path : ConfigSearchPath
        Where config files are.
    trusted : bool
        Whether configs may run whatever they name.
    """

    def __init__(self, search_path: ConfigSearchPath, trusted: bool) -> None:
        super().__init__(search_path)
        self.trusted = trusted

    def load_configuration(self, *args: Any, **kwargs: Any) -> DictConfig:
        """Compose as Hydra does, and check."""
        config = super().load_configuration(*args, **kwargs)
        if not self.trusted:
            check_targets(config)
        return config


@contextmanager
def open_hydra(arguments: Namespace, trusted: bool) -> Generator[Hydra]:
    """Hydra with our configs and those of `--config-dir`."""
    setbase(VERSION_BASE)
    search_path = create_config_search_path(str(arguments.config_path or CONFIG_DIR))
    if arguments.config_dir is not None:
        folder = os.path.abspath(arguments.config_dir)
        if not os.path.isdir(folder):
            raise ConfigError("no such folder", key="--config-dir", found=folder)
        before_schemas = SearchPathQuery(provider="schema", path=None)
        search_path.prepend("command-line", f"file://{folder}", before_schemas)
    hydra = Hydra("train", CheckedConfigLoader(search_path, trusted))
    GlobalHydra.instance().initialize(hydra)
    try:
        yield hydra
    finally:
        GlobalHydra.instance().clear()


def compose_sweep(hydra: Hydra, config_name: str, overrides: list[str], log: bool) -> DictConfig:
    """The config that the jobs of a sweep share; values to sweep over are left out of it."""
    return hydra.compose_config(
        config_name=config_name,
        overrides=overrides,
        run_mode=RunMode.MULTIRUN,
        with_log_configuration=log,
        validate_sweep_overrides=log,
    )


def said_plainly(action: Callable[[], None]) -> None:
    """Do it; mistakes end in one message, what is no mistake of the user in a traceback."""

    def act() -> None:
        try:
            action()
        except ThesisError as error:
            leave_with(error)

    run_and_report(act)
