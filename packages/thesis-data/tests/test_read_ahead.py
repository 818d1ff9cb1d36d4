import threading
import time
from contextlib import closing

import pytest

from thesis_data.read_ahead import read_ahead


def reading_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("read-ahead")]


def test_results_come_in_order():
    assert list(read_ahead(lambda item, _: item * 2, range(5))) == [0, 2, 4, 6, 8]
    assert list(read_ahead(lambda item, _: item, [])) == []


def test_one_item_is_read_ahead_and_no_more():
    started = []

    def read(item, _):
        started.append(item)
        return item

    with closing(read_ahead(read, range(10))) as results:
        assert next(results) == 0
        time.sleep(0.05)
        assert started == [0, 1]


def test_an_error_surfaces_as_itself_where_its_result_is_due():
    def read(item, _):
        if item == 1:
            raise KeyError("lost")
        return item

    results = read_ahead(read, range(3))
    assert next(results) == 0
    with pytest.raises(KeyError, match="lost"):
        next(results)
    assert not reading_threads()


@pytest.mark.parametrize("end", ["closed", "forgotten", "exhausted"])
def test_the_thread_ends_with_the_iterator(end):
    def read(item, cancelled):
        while item and end != "exhausted":  # a long reading that asks between blocks
            if cancelled():
                raise InterruptedError
            time.sleep(0.001)
        return item

    results = read_ahead(read, range(2))
    assert next(results) == 0
    assert reading_threads()
    if end == "closed":
        results.close()
    elif end == "exhausted":
        assert list(results) == [1]
    del results
    assert not reading_threads()
