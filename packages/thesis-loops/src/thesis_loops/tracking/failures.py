"""What may go wrong between facts and W&B, in one sentence each."""

import os
import re
from collections.abc import Iterator

from thesis_facts.errors import ThesisError
from thesis_loops.tracking.keys import KEY_VARIABLE, WHERE_IT_GOES

_STATUS = re.compile(r"\b(?:returned error|HTTP|status code:?) (\d{3})\b", re.IGNORECASE)
_NETWORK = re.compile(
    r"connection (?:refused|reset|aborted)|no such host|network is unreachable|no route to host"
    r"|time-?out|timed out|deadline exceeded|\beof\b|dial tcp|broken pipe|name resolution"
    r"|max retries exceeded",
    re.IGNORECASE,
)
_KEY = re.compile(r"relogin|API key must|not logged in", re.IGNORECASE)
_PROJECT = re.compile(r"permission denied|not found|could not find project", re.IGNORECASE)
_DELETED = "previously created and deleted"
_GAVE_UP = "giving up after"
_ANSWER = re.compile(
    f"{_STATUS.pattern}|{_NETWORK.pattern}|{_DELETED}|{_GAVE_UP}|could not find project",
    re.IGNORECASE,
)
_OF_LIBRARY = ("CommError", "Error")  # its own, as it passes on what the server said
_TRY_LATER = (408, 409, 425, 429)
_LONGEST = 300


class MirrorError(ThesisError):
    """W&B has not got all of a run, and another try would end in the same way."""


class NotReachedError(MirrorError):
    """W&B did not answer, or not as it should: later it may."""


class KeyRefusedError(MirrorError):
    """W&B takes nothing with this key."""


class ProjectRefusedError(MirrorError):
    """There is no such project, or it is not for the owner of the key."""


class DeletedError(MirrorError):
    """W&B had it, and takes no other run of its name."""


def failure_of(error: BaseException, key: str | None = None) -> MirrorError:
    """What an exception of the library means to the user.

    Parameters
    ----------
    error : BaseException
        As the library raised it.
    key : str or None
        Never shown; None: that of the environment.
    """
    chain = list(_chain(error))
    status = next((found for part in chain if (found := _status_of(part))), None)
    texts = list(dict.fromkeys(str(part) for part in chain))
    own = [text for text in texts if not any(text in other for other in texts if other != text)]
    kind, text = type(error).__name__, "; ".join(own)
    if kind == "UsageError" and "API key" in text:
        return MirrorError("no key for W&B", do=WHERE_IT_GOES)
    if kind == "AuthenticationError" and status is None and not _ANSWER.search(text):
        status = 401  # else the key could not be asked about
    if isinstance(error, TimeoutError) and not _NETWORK.search(text):
        text = f"timed out: {text}"
    if kind in _OF_LIBRARY or status or _ANSWER.search(text):
        return failure_told(text, key, status)
    return MirrorError("the library of W&B failed", found=f"{kind}: {_shown(text, key)}")


def failure_told(text: str, key: str | None = None, status: int | None = None) -> MirrorError:
    """What a message of the server means, as the library passes it on.

    Parameters
    ----------
    text : str
        The library may have lost the HTTP status, and leave nothing but what the server said.
    key : str or None
        As above.
    status : int or None
        That of HTTP; None: as the text says, if it does.
    """
    status = status or next((int(code) for code in _STATUS.findall(text)), None)
    found = _shown(text, key)
    if status == 401 or _KEY.search(text):
        return KeyRefusedError(
            "W&B refuses the key", found=found, do="set WANDB_API_KEY to a valid one"
        )
    if _DELETED in text:
        return DeletedError(
            "it was deleted at W&B, which takes no other run of its name",
            do="bring it back on the page of the project, or choose another project",
        )
    if status is None and _NETWORK.search(text):
        return NotReachedError("W&B does not answer", found=found)
    if status is not None and (status >= 500 or status in _TRY_LATER):
        return NotReachedError("W&B answers with an error", found=found)
    if status in (403, 404) or _PROJECT.search(text):
        return ProjectRefusedError(
            "no such project at W&B, or no permission for it",
            found=found,
            do="check logging.wandb.entity and logging.wandb.project",
        )
    if _GAVE_UP in text:
        return NotReachedError("W&B answers with an error", found=found)
    return MirrorError("W&B refuses it", found=found)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _status_of(error: BaseException) -> int | None:
    """HTTP status in the answer that the library keeps with its exception."""
    status = getattr(getattr(error, "response", None), "http_status", None)
    return status if isinstance(status, int) and status >= 400 else None


def _shown(text: str, key: str | None) -> str:
    """One line without the key: of a request that was tried again the last answer."""
    key = key or os.environ.get(KEY_VARIABLE)
    text = " ".join((text.replace(key, "***") if key else text).split())
    text = text.rpartition(" while retrying: ")[2]
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
