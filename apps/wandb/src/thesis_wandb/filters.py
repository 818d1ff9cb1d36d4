"""Which runs at W&B are meant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from thesis_facts.errors import ConfigError

if TYPE_CHECKING:
    from wandb.apis.public import Run

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
LIVE = ("running", "pending", "preempting")
"""States of runs that are at work."""


def age(text: str) -> timedelta:
    """How long ``30d``, ``12h`` or ``4w`` is.

    Raises
    ------
    ConfigError
        If the text is nothing like it.
    """
    match = re.fullmatch(r"(\d{1,5})([hdw])", text.strip())
    if match is None:
        expected = "hours, days or weeks as 12h, 30d, 4w"
        raise ConfigError("wrong value", key="--older-than", found=text, expected=expected)
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@dataclass(frozen=True)
class Filters:
    """What a run must be like; all that is given must hold.

    Attributes
    ----------
    group
        Its sweep.
    tags
        It has each.
    states
        It is in one of them. Without any, whatever is not at work.
    older_than
        It was last heard of longer ago.
    """

    group: str | None = None
    tags: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    older_than: timedelta | None = None

    def __bool__(self) -> bool:
        return bool(
            self.group is not None or self.tags or self.states or self.older_than is not None
        )

    def query(self, now: datetime) -> dict[str, Any]:
        """For the server, in its words, so that it sends few; `holds` has the last word."""
        parts: list[dict[str, Any]] = [{"tags": {"$in": [tag]}} for tag in self.tags]
        if self.group is not None:
            parts.append({"group": self.group})
        if self.states:
            parts.append({"state": {"$in": list(self.states)}})
        if self.older_than is not None:  # what was heard of was made before
            parts.append({"createdAt": {"$lt": f"{now - self.older_than:%Y-%m-%dT%H:%M:%SZ}"}})
        return {"$and": parts} if parts else {}

    def holds(self, run: Run, now: datetime) -> bool:
        """Whether a run, as the server describes it, is meant."""
        if self.group is not None and run.group != self.group:
            return False
        if not set(self.tags) <= set(run.tags or ()):
            return False
        if run.state in LIVE if not self.states else run.state not in self.states:
            return False
        if self.older_than is None:
            return True
        heard = last_heard(run)
        return heard is not None and now - heard > self.older_than


def last_heard(run: Run) -> datetime | None:
    """When a run sent something for the last time; None where the server doesn't say."""
    text = run.heartbeat_at or run.created_at
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
