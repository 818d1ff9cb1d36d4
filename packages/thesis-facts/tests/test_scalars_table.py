"""The scalars of many runs parsed at once, against the tolerant reader of one."""

import random

import polars as pl
import pytest

from thesis_facts import scalars_table
from thesis_facts.scalars import parse_rows
from thesis_facts.scalars_table import RUN, parse_many, table_of


def random_scalars(draw, columns):
    lines = [",".join(["epoch", "split", *columns])]
    for epoch in range(draw.randrange(1, 5)):
        for split in ("train", "val"):
            cells = [draw.choice(["", repr(draw.random()), "nan", "-inf", "1e-3"]) for _ in columns]
            lines.append(",".join([str(epoch), split, *cells]))
    end = draw.choice(["\n", "\r\n"])
    return (end.join(lines) + end).encode()


@pytest.mark.parametrize("seed", range(5))
def test_parsing_many_files_at_once_agrees_with_parsing_one_by_one(seed):
    draw = random.Random(seed)
    headers = [["val_loss", "metric_a"], ["val_loss", "metric_a", "metric_b"], ["metric_c"]]
    files = [random_scalars(draw, draw.choice(headers)) for _ in range(40)]
    for position in draw.sample(range(40), 6):
        files[position] = draw.choice([None, b"", b"epoch,split\n", b"epoch,split\n0,val,3\n"])
    table, left = parse_many(files)
    for position, text in enumerate(files):
        rows = parse_rows(text or b"")
        if position in left:
            assert not rows.rows or rows.broken or rows.torn
        else:
            found = table.filter(pl.col(RUN) == position)
            expected = table_of(rows.rows, position)
            assert found.select(expected.columns).equals(expected)
    assert table[RUN].is_sorted()


HEADER = b"epoch,split,val_loss,metric_a,metric_b,metric_c"


def assert_as_one_by_one(files):
    table, left = parse_many(files)
    for position, text in enumerate(files):
        if position in left:
            continue
        found = table.filter(pl.col(RUN) == position)
        expected = table_of(parse_rows(text).rows, position)
        assert found.select(expected.columns).equals(expected)
    return left


def sparse(n_rows, last):
    rows = [b"%d,val,0.%d,,," % (epoch, epoch + 1) for epoch in range(n_rows)]
    return b"\n".join([HEADER, *rows, last]) + b"\n"


def test_columns_of_a_few_rows_are_filled_in_where_they_belong():
    tests = [b"0,test,,1.5,nan,2.5", b"0,test,,1.5,,", b"0,test,,,,0.5", b"9,val,0.5,,,"]
    assert assert_as_one_by_one([sparse(20, tests[i % 4]) for i in range(12)]) == []


@pytest.mark.parametrize(
    "lines",
    [
        [b"0,val,1,,,", b"1,val,1,,", b"2,val,1,,,,"],  # too short and too long make up for it
        [b"0,val,1,,,", b"1,val,1,,,x"],
        [b"0,val,x,,,"],
        [b",val,1,,,"],
        [b"0,,1,,,"],
        [b"0.5,val,1,,,"],
        [b'0,"val",1,,,'],
        [b"0,val,1,,,", b""],
        [b"", b"0,val,1,,,"],
        [b"0,v\xffl,1,,,"],
    ],
)
def test_a_file_that_is_not_plainly_whole_is_left_to_the_tolerant_reader(lines):
    good = sparse(20, b"0,test,,1,2,3")
    broken = b"\n".join([HEADER, *lines]) + b"\n"
    left = assert_as_one_by_one([good, good, broken, good])
    assert left == [2]


def test_batches_stand_in_the_order_of_the_runs(monkeypatch):
    files = [sparse(3, b"%d,test,,1,2,3" % i) for i in range(10)]
    files[4] = files[4].replace(b"metric_b", b"metric_x")
    monkeypatch.setattr(scalars_table, "_BATCH", 2)
    table, left = parse_many(files)
    assert left == []
    tests = table.filter(pl.col("split") == "test")
    assert tests[RUN].to_list() == tests["epoch"].to_list() == list(range(10))
