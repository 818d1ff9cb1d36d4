"""The config of a command line, without the command line."""

from collections.abc import Sequence

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import DictConfig

from thesis_train.directories import register_resolvers
from thesis_train.groups import CONFIG_DIR
from thesis_train.overrides import normalise

VERSION_BASE = "1.3"  # of Hydra's behaviour


def compose(overrides: Sequence[str] = ()) -> DictConfig:
    """The config that `thesis-train OVERRIDES` would run with; no directory is made.

    Examples
    --------
    >>> compose(["classifier.trainer.epochs=3"]).classifier.trainer.epochs
    3
    """
    register_resolvers()
    with initialize_config_dir(version_base=VERSION_BASE, config_dir=str(CONFIG_DIR)):
        return hydra_compose("config", overrides=normalise(list(overrides)))
