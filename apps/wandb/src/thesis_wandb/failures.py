"""What went wrong at W&B, in words that say what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from thesis_loops.tracking.failures import MirrorError, NotReachedError

_LONGEST = 300
_STATUS = re.compile(r"\b(?:HTTP|status code:?|returned error) (\d{3})\b", re.IGNORECASE)
_NETWORK = (
    "connection refused", "no such host", "timeout", "timed out", "deadline exceeded",
    "connection reset", "network is unreachable", "eof",
)  # fmt: skip


def explained(
    error: BaseException, server: str | None, key: str | None, project: str
) -> MirrorError:
    """What an exception of the library means; the key never shows in it.

    Parameters
    ----------
    error
        As the library raised it.
    server, key, project
        Of whom what was asked, with which key.
    """
    chain = list(_chain(error))
    status = next((found for part in chain if (found := _status_of(part))), None)
    texts = list(dict.fromkeys(str(part) for part in chain))
    own = [text for text in texts if not any(o in text for o in texts if o != text)]
    return explained_text("; ".join(own), server, key, project, status)


def explained_text(
    text: str, server: str | None, key: str | None, project: str, status: int | None = None
) -> MirrorError:
    """What a message of the library means."""
    status = status or next((int(code) for code in _STATUS.findall(text)), None)
    found = _short(text.replace(key, "***") if key else text)
    if status == 401 or "relogin" in text or "API key must" in text:
        return MirrorError(
            "W&B refuses the key", key=server, found=found,
            do="set WANDB_API_KEY to a valid one",
        )  # fmt: skip
    if status in (403, 404) or "could not find project" in text.lower():
        return MirrorError(
            "no such project, or no permission for it", key=project, found=found,
            do="give --project and --entity, or another key",
        )  # fmt: skip
    if status is None and any(word in text.lower() for word in _NETWORK):
        return NotReachedError(
            "W&B does not answer", key=server, found=found,
            do="check the network and WANDB_BASE_URL, then give the command again",
        )  # fmt: skip
    return NotReachedError("W&B answers with an error", key=server, found=found)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _status_of(error: BaseException) -> int | None:
    """HTTP status in the answer that the library keeps with its exception."""
    status = getattr(getattr(error, "response", None), "http_status", None)
    return status if isinstance(status, int) and status >= 400 else None


def _short(text: str) -> str:
    """One line: of a request that was tried again the last answer."""
    text = " ".join(text.split()).rpartition(" while retrying: ")[2]
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
