import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thesis_data.layout import Layout
from thesis_data.validation import FileReport, inspect_file
from thesis_data.validation.checks import cut_block
from thesis_data.validation.duplicates import find_duplicates, hash_events
from thesis_data.validation.leakage import find_leaks, label_accuracy
from thesis_facts.errors import DataError

LAYOUT = Layout()


def findings(report: FileReport, severity: str) -> list[str]:
    return [f"{p.where}: {p.what}" for p in report.problems if p.severity == severity]


def test_a_sound_file_has_no_problems(sound_file):
    assert inspect_file(sound_file).problems == []


def test_counts_and_ranges_are_those_of_the_events(datasets, write):
    arrays = datasets()
    rows = arrays["X_train"]
    report = inspect_file(write(arrays)).splits[0]
    valid, pt = LAYOUT.ids(rows) > 0, LAYOUT.objects(rows)[..., 1]
    assert report.n_events == 300
    assert report.process_counts == {i: int((arrays["Y_train"] == i).sum()) for i in range(1, 6)}
    assert report.summary is not None
    assert report.summary.multiplicity.tolist() == np.bincount(valid.sum(1), minlength=19).tolist()
    assert report.summary.id_counts[1:].tolist() == [
        int((LAYOUT.ids(rows) == i).sum()) for i in range(1, 8)
    ]
    assert report.summary.low["pt"] == pt[valid].min()
    assert report.summary.high["pt"] == pt[valid].max()
    assert report.summary.mean("pt") == pytest.approx(pt[valid].mean(), rel=1e-5)
    assert report.summary.mean("MET") == pytest.approx(LAYOUT.globals(rows)[:, 0].mean(), rel=1e-5)


def _set(rows, part, slot, value):
    part(rows)[[4, 8], slot] = value


def _first_objects(rows):
    return LAYOUT.objects(rows)[:, 0]


DAMAGE = {
    "values that are not finite": ("error", lambda rows: _set(rows, _first_objects, 2, np.nan)),
    "ids outside 0..7": ("error", lambda rows: _set(rows, LAYOUT.ids, 0, 9)),
    "values other than zero in padded slots": (
        "error",
        lambda rows: _set(rows, LAYOUT.ids, slice(None), 0),
    ),
    "pt < 0": ("error", lambda rows: _set(rows, _first_objects, 1, -5)),
    "E < |p|": ("error", lambda rows: _set(rows, _first_objects, 0, 1)),
    "MET < 0": ("warning", lambda rows: _set(rows, LAYOUT.globals, 0, -1)),
    "phi outside": ("warning", lambda rows: _set(rows, _first_objects, 3, 4)),
    "padding between objects": (
        "warning",
        lambda rows: (
            _set(rows, LAYOUT.ids, slice(0, 3), [1, 0, 1]),
            _set(rows, LAYOUT.objects, 1, 0),
        ),
    ),
    "no object at all": (
        "warning",
        lambda rows: (
            _set(rows, LAYOUT.ids, slice(None), 0),
            _set(rows, LAYOUT.objects, slice(None), 0),
        ),
    ),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damaged_events_are_counted_and_the_first_is_named(datasets, write, what):
    arrays = datasets()
    severity, damage = DAMAGE[what]
    damage(arrays["X_val"])
    found = findings(inspect_file(write(arrays)), severity)
    assert any(
        line.startswith("val: 2 of 100 events have ")
        and what in line
        and line.endswith("the first in row 4")
        for line in found
    ), found


def test_an_event_with_a_missing_number_is_counted_once(datasets, write):
    arrays = datasets()
    arrays["X_val"][3, 20] = np.nan  # an energy: set to zero it would be below the momentum
    assert len(inspect_file(write(arrays)).problems) == 1


def test_numbers_rounded_to_six_digits_are_no_damage(datasets, write):
    arrays = datasets()
    for name in ("X_train", "X_val", "X_test"):
        rows = arrays[name]
        objects = LAYOUT.objects(rows)
        objects[..., 0] = objects[..., 1] * np.cosh(objects[..., 2])  # massless
        arrays[name] = np.array([[float(f"{x:.6g}") for x in row] for row in rows], np.float32)
    assert inspect_file(write(arrays)).problems == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"X_val": np.zeros((100, 33), np.float32)}, r"val: .*\[100, 33\].*\[N, 92\]"),
        ({"X_val": np.ones((100, 20), np.int32)}, r"val: .*binned"),
        ({"y_val": np.full(100, 9.0)}, r"val: 100 of 100 events have a label outside 1\.\.5 \(9\)"),
        ({"y_val": np.ones(99)}, r"val: y_val is .*99.*expected 100 numbers"),
        ({"w_val": np.full(100, np.inf)}, r"val: w_val has values that are not finite"),
    ],
)
def test_what_cannot_be_trained_on_is_an_error(datasets, write, changes, message):
    import re

    errors = findings(inspect_file(write(datasets(), **changes)), "error")
    assert any(re.search(message, line) for line in errors), errors


def test_missing_splits_and_labels_are_warnings(datasets, write):
    report = inspect_file(write(datasets(), X_test=None, y_test=None, y_val=None))
    assert not report.errors
    assert sorted(line.split(":")[0] for line in findings(report, "warning")) == ["test", "val"]


def test_a_file_without_events_is_refused(write):
    with pytest.raises(DataError, match=r"holds no events.*found the datasets other"):
        inspect_file(write({"other": np.zeros(3)}))


def test_names_are_found_in_any_case(datasets, write):
    arrays = {name.upper(): values for name, values in datasets().items()}
    report = inspect_file(write(arrays))
    assert report.problems == []
    assert all(split.process_counts for split in report.splits)


def test_events_in_two_splits_are_found_whatever_the_order_of_their_objects(datasets, write):
    arrays = datasets()
    copies = arrays["X_train"][[40, 70]].copy()
    n = int((LAYOUT.ids(copies)[1] > 0).sum())
    swap = np.r_[np.arange(n)[::-1], np.arange(n, 18)]
    LAYOUT.ids(copies)[1] = LAYOUT.ids(copies)[1, swap]
    LAYOUT.objects(copies)[1] = LAYOUT.objects(copies)[1, swap]
    arrays["X_test"][[3, 9]] = copies
    assert findings(inspect_file(write(arrays)), "error") == [
        "train, test: 2 of 100 events of test are in train as well (row 3 is row 40 of train)"
    ]


def test_copies_within_a_split_are_a_warning(datasets, write):
    arrays = datasets()
    arrays["X_val"][7] = arrays["X_val"][6]
    assert findings(inspect_file(write(arrays)), "warning") == [
        "val: 1 of 100 events are copies of others in this split"
    ]


def test_events_without_objects_are_no_copies(rows):
    empty = rows(4)
    LAYOUT.ids(empty)[:] = 0
    hashes = hash_events(cut_block(empty, LAYOUT))
    assert find_duplicates({"train": hashes, "val": hashes}) == []


@settings(max_examples=50)
@given(
    row=st.integers(0, 19), column=st.integers(0, LAYOUT.width - 1), step=st.sampled_from([1, -1])
)
def test_the_smallest_change_of_an_object_changes_the_hash(row, column, step):
    rng = np.random.default_rng(0)
    rows = np.abs(rng.normal(50, 10, (20, LAYOUT.width))).astype(np.float32)
    LAYOUT.ids(rows)[:] = rng.integers(2, 6, (20, 18))
    before = hash_events(cut_block(rows, LAYOUT))
    direction = np.float32(np.inf * step)
    rows[row, column] = (
        rows[row, column] + step if column < 18 else np.nextafter(rows[row, column], direction)
    )
    after = hash_events(cut_block(rows, LAYOUT))
    assert (before != after).sum() == 1


def test_many_similar_events_have_different_hashes():
    rows = np.zeros((50_000, LAYOUT.width), dtype=np.float32)
    LAYOUT.ids(rows)[:, 0] = 1
    LAYOUT.globals(rows)[:, 0] = np.arange(50_000) % 500
    LAYOUT.objects(rows)[:, 0, 1] = np.arange(50_000) // 500
    assert len(np.unique(hash_events(cut_block(rows, LAYOUT)))) == 50_000


LABELS = np.random.default_rng(0).choice([1, 2, 3], 6_000, p=[0.5, 0.3, 0.2])


def test_a_sample_in_random_order_gives_nothing_away():
    weights = np.random.default_rng(1).normal(size=len(LABELS))
    assert find_leaks("train", LABELS, weights) == []


@pytest.mark.parametrize(
    ("labels", "weights", "clue"),
    [
        (np.sort(LABELS), None, "the place in the file"),
        (np.tile([1, 2], 3_000), None, "the label of the event before"),
        (LABELS, np.array([0, 1.5, 0.1, 0.7])[LABELS], "the event weight"),
        (LABELS, LABELS + np.linspace(0, 0.5, len(LABELS)), "the event weight"),
    ],
)
def test_clues_beside_the_physics_are_warned_of(labels, weights, clue):
    problems = find_leaks("train", labels, weights)
    assert any(problem.what.startswith(f"{clue} alone tells the label") for problem in problems)
    assert all(problem.severity == "warning" for problem in problems)


def test_a_clue_is_tried_on_events_that_it_was_not_learnt_from():
    names = np.arange(len(LABELS))  # every event its own bin: learnt by heart, worth nothing
    right, guess = label_accuracy(names, LABELS)
    assert right <= guess + 0.05
