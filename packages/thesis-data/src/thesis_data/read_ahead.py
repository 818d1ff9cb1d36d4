"""Reading what comes next while the present is worked on."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def read_ahead(
    read: Callable[[Item, Callable[[], bool]], Result], items: Iterable[Item]
) -> Generator[Result]:
    """`read(item, cancelled)` for each item in order, one ahead of what was asked for, in a thread.

    An error in the thread is raised where its result is asked for. When the iterator is closed
    or forgotten, `cancelled()` turns true and the thread has ended.
    """
    closed, remaining = Event(), iter(items)

    def start_next() -> Future[Result] | None:
        for item in remaining:
            return thread.submit(read, item, closed.is_set)
        return None

    with ThreadPoolExecutor(1, "read-ahead") as thread:
        try:
            waiting = start_next()
            while waiting is not None:
                result = waiting.result()
                waiting = start_next()
                yield result
                del result  # else two of them stay in memory while a third is read
        finally:
            closed.set()
