"""What may go wrong between facts and W&B, in one sentence each."""

import os
import re

from thesis_facts.errors import ThesisError
from thesis_loops.tracking.keys import KEY_VARIABLE

_REFUSED = re.compile(r"\b(?:returned error|HTTP|status code:?) (\d{3})\b")
_DELETED = "previously created and deleted"
_LONGEST = 300


class MirrorError(ThesisError):
    """W&B has not got all of a run, and another try would end in the same way."""


class NotReachedError(MirrorError):
    """W&B did not answer, or not as it should: later it may."""


def failure_of(error: BaseException) -> MirrorError:
    """What an exception of the library means to the user; the key never shows in it."""
    kind, text = type(error).__name__, _without_key(str(error))
    refused = _REFUSED.search(text)
    status = int(refused[1]) if refused else None
    if refused and status in (401, 403, 404):
        text = text[refused.start(1) :]
    if kind == "UsageError" and "API key" in text:
        return MirrorError(
            "no key for W&B",
            do="set WANDB_API_KEY, or put it into hpc/stoomboot/.wandb_env or ~/.wandb_api_key",
        )
    if kind == "AuthenticationError" or status == 401:
        return MirrorError("W&B refuses the key", found=text, do="set WANDB_API_KEY to a valid one")
    if status in (403, 404):
        return MirrorError(
            "W&B refuses the project",
            found=text,
            do="check logging.wandb.entity and logging.wandb.project",
        )
    if _DELETED in text:
        return MirrorError(
            "it was deleted at W&B, which takes no other run of its name",
            do="bring it back on the page of the project, or choose another project",
        )
    if kind == "CommError" or isinstance(error, TimeoutError) or "giving up after" in text:
        return NotReachedError("W&B does not answer", found=text)
    return MirrorError("the library of W&B failed", found=f"{kind}: {text}")


def _without_key(text: str) -> str:
    key = os.environ.get(KEY_VARIABLE)
    text = " ".join((text.replace(key, "***") if key else text).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
