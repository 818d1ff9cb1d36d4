"""What a search may choose from: keys of the config, each with a distribution of Optuna."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from hydra_plugins.hydra_optuna_sweeper._impl import create_optuna_distribution_from_override
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import BaseDistribution, CategoricalDistribution

from thesis_facts.errors import ConfigError
from thesis_train.overrides import as_typed

_KEY = "hydra.sweeper.params"
_EXAMPLES = "interval(0.1,0.5), tag(log,interval(1e-4,1e-2)), range(1,4) or choice(2,4,8)"


@dataclass(frozen=True)
class SearchSpace:
    """What is chosen for each trial, and what all of them share.

    Attributes
    ----------
    distributions : mapping of str to BaseDistribution
        By the key of the config.
    words : tuple of str
        The same as they were given, such as ``general.trainer.lr=interval(0.1,0.2)``.
    fixed : tuple of str
        Overrides of all trials.
    """

    distributions: Mapping[str, BaseDistribution]
    words: tuple[str, ...]
    fixed: tuple[str, ...]

    def overrides(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """Overrides of the job of one trial."""
        return (*self.fixed, *self.chosen(values))

    def chosen(self, values: Mapping[str, Any]) -> tuple[str, ...]:
        """Those among them that make the trial what it is."""
        return tuple(f"{key}={_as_word(values[key])}" for key in self.distributions)

    def corner(self) -> dict[str, Any]:
        """One point of the space: the lower end, or the first choice, of each key."""
        return {key: _first(found) for key, found in self.distributions.items()}


def search_space(config: DictConfig) -> SearchSpace:
    """The space of `hydra.sweeper.params`, which the command line adds to or replaces.

    Raises
    ------
    ConfigError
        Names the key that can't be searched, or that there is none.
    """
    sweeper: Any = OmegaConf.to_container(config.hydra.sweeper, resolve=True)
    for key in ("search_space", "custom_search_space"):
        if sweeper[key]:
            raise ConfigError("not used here", key=f"hydra.sweeper.{key}", do=f"use {_KEY}")
    given = [f"{key}={value}" for key, value in (sweeper["params"] or {}).items()]
    distributions: dict[str, BaseDistribution] = {}
    words: dict[str, str] = {}
    fixed: dict[str, str] = {}
    for word in [*given, *as_typed(config.hydra.overrides.task)]:
        override = _parse(word)
        key = override.get_key_element()
        for earlier in (distributions, words, fixed):
            earlier.pop(key, None)
        if override.is_sweep_override():
            distributions[key] = _distribution(key, override)
            words[key] = word
        else:
            fixed[key] = word
    if not distributions:
        raise ConfigError(
            "nothing to search",
            key=_KEY,
            expected=f"at least one key with {_EXAMPLES}",
        )
    return SearchSpace(distributions, tuple(words.values()), tuple(fixed.values()))


def _parse(word: str) -> Override:
    try:
        return OverridesParser.create().parse_override(word)
    except HydraException as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(reason, key=_KEY, found=word) from error


def _distribution(key: str, override: Override) -> BaseDistribution:
    text = (override.input_line or "").partition("=")[2]
    try:
        found = create_optuna_distribution_from_override(override)
    except (AssertionError, NotImplementedError, TypeError, ValueError) as error:
        raise ConfigError(
            f"no search space ({error})", key=key, found=text, expected=f"such as {_EXAMPLES}"
        ) from error
    return found


def _first(distribution: Any) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices[0]
    return distribution.low


def _as_word(value: Any) -> str:
    """A value as Hydra reads it; choices of text keep the quotes that they were given."""
    return "null" if value is None else str(value)
