"""The project at W&B that a command works on."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thesis_facts.configs import read_yaml
from thesis_facts.errors import ConfigError, ThesisError
from thesis_loops.tracking.failures import MirrorError, failure_of, failure_told
from thesis_loops.tracking.keys import WHERE_IT_GOES, find_api_key
from thesis_wandb.failures import with_place
from thesis_wandb.login import key_of_login

if TYPE_CHECKING:
    import wandb
    from wandb.apis.public import Run

DEFAULTS = Path(__file__).parent / "logging.yaml"
"""`configs/logging/base.yaml`, the one place of defaults."""

_RUNS_A_PAGE = 100
_NO_PROJECT = "Could not find project"  # as the library says where the server knows none
_SECONDS = 60  # for one answer; what the library tries within them is in library.py


@dataclass(frozen=True)
class Project:
    """Where runs are, and the key that opens it.

    Attributes
    ----------
    name, entity
        ``entity`` None is the default one of the key's owner.
    key
        Never shown. Empty where there is none, and a dry run needs none.
    is_named
        Whether an option or the environment names it, so that it holds for all runs.
    """

    name: str
    entity: str | None
    key: str = field(repr=False)
    is_named: bool = True

    @property
    def server(self) -> str | None:
        """URL of a server of one's own; None for the library's."""
        return os.environ.get("WANDB_BASE_URL")

    @property
    def path(self) -> str:
        """As W&B spells it."""
        return f"{self.entity}/{self.name}" if self.entity else self.name

    def answers(self) -> bool:
        """Whether the server is there and takes the key; asked where something failed."""
        try:
            self.connect()
        except MirrorError:
            return False
        return True

    def unless_named(self, name: str | None, entity: str | None) -> Project:
        """Where a run itself says that it belongs, unless this project holds for all."""
        if self.is_named or not name:
            return self
        return replace(self, name=name, entity=self.entity or entity)

    def connect(self) -> wandb.Api:
        """Open it, after asking the server whether it takes the key.

        Raises
        ------
        ConfigError
            If there is no key.
        MirrorError
            If the server doesn't take it, or doesn't answer.
        """
        if not self.key:
            raise _no_key()
        import wandb

        with self.explaining():
            return wandb.Api(api_key=self.key, timeout=_SECONDS)

    def runs(self, api: wandb.Api, filters: Mapping[str, Any] | None = None) -> list[Run]:
        """Its runs that pass the filters, without their config and summary.

        Raises
        ------
        MirrorError
            If they can't be had; also where there is no such project.
        """
        with self.explaining():
            return list(api.runs(self.path, dict(filters or {}), per_page=_RUNS_A_PAGE))

    def rows_there(self, api: wandb.Api, ids: Sequence[str]) -> dict[str, int]:
        """Which of these runs it has, and how many rows of each; a new project has none.

        Raises
        ------
        MirrorError
            If the server doesn't say.
        """
        found: dict[str, int] = {}
        for start in range(0, len(ids), _RUNS_A_PAGE):
            asked = {"name": {"$in": list(ids[start : start + _RUNS_A_PAGE])}}
            try:
                runs = self.runs(api, asked)
            except MirrorError as error:
                if _NO_PROJECT in str(error.found):
                    return {}
                raise
            found |= {run.id: run.history_line_count or 0 for run in runs}
        return found

    @contextmanager
    def explaining(self) -> Generator[None]:
        """Failures of the library inside are raised as what they mean."""
        try:
            yield
        except ThesisError:
            raise
        except Exception as error:  # the library raises its own, requests' and more
            raise self.placed(failure_of(error, self.key)) from error

    def refusal(self, text: str) -> MirrorError:
        """What a message of the library means."""
        return self.placed(failure_told(text, self.key))

    def placed(self, error: MirrorError) -> MirrorError:
        """A failure, with where it happened."""
        return with_place(error, self.server, self.path)


def find_project(name: str | None, entity: str | None, needs_key: bool = True) -> Project:
    """The project of the options, else of the environment, else of the defaults.

    Without a key where there is none and none is needed.

    Raises
    ------
    ConfigError
        If there is no key, or a name that W&B would not take.
    """
    defaults = default_settings()
    name = name or os.environ.get("WANDB_PROJECT")
    entity = entity or os.environ.get("WANDB_ENTITY") or defaults["entity"]
    for key, value in (("--project", name), ("--entity", entity)):
        if value and "/" in value:
            raise ConfigError("wrong value", key=key, found=value, expected="a name without /")
    api_key = find_api_key() or key_of_login() or ""
    if needs_key and not api_key:
        raise _no_key()
    return Project(name or defaults["project"], entity, api_key, is_named=name is not None)


def _no_key() -> ConfigError:
    return ConfigError("no key for W&B", do=WHERE_IT_GOES)


def default_settings() -> dict[str, Any]:
    """The section `wandb` of the defaults of `logging`."""
    return dict(read_yaml(DEFAULTS)["wandb"])
