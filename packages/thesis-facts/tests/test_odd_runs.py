"""Facts from elsewhere may hold anything: every reader answers, or says what is wrong."""

import json
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from thesis_facts import ThesisError, compare_runs, load_runs, read_axes, read_histories, read_meta
from thesis_facts.check import check_run

KEYS = [
    "schema_version",
    "moment",
    "on_start",
    "epoch",
    "metrics",
    "histories",
    "meta",
    "run_id",
    "git_commit",
    "seed",
    "best_epoch",
    "total_time_s",
    "error",
    "versions",
    "datatreatment",
    "process_groups",
    "goal",
    "model_family",
    "cont_features",
    "attention_biases",
    "positional",
    "dim",
    "loop",
    "data",
    "classifier",
    "model",
    "tokenizer",
    "name",
    "signal_vs_background",
    "signal",
    "background",
    "label_groups",
    "labels",
    "selected_labels",
    "globals",
    "present",
    "trainer",
    "rec_tokens",
]

leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "on_train_end", "ae", "transformer", "[0,", "${a}", "\ud800", *KEYS])
)
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)
objects = st.dictionaries(st.sampled_from(KEYS), values, max_size=5)
moments = st.sampled_from(
    ["on_start", "on_epoch_end", "on_test_end", "on_train_end", "on_exception"]
)
cells = st.sampled_from(
    ["0", "1", "-1", "val", "train", "test", "", "nan", "1e400", "x", '"', "\xff"]
)
names = st.sampled_from(["epoch", "split", "val_loss", "metric_a", "epoch_time_s", "epoch"])
tables = st.lists(st.lists(cells, max_size=4), max_size=4)


@pytest.fixture(scope="module")
def folder(make_run, tmp_path_factory):
    """A good run, and a directory for an odd one."""
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder / "good")
    (folder / "odd" / "facts").mkdir(parents=True)
    (folder / "odd" / ".hydra").mkdir()
    return folder


def write(path, content):
    path.write_text(json.dumps(content), encoding="utf-8")


@settings(max_examples=60)
@given(
    st.lists(st.tuples(moments, objects), max_size=4),
    st.tuples(names, names, names, names),
    tables,
    values,
    values,
    values,
    st.lists(values, max_size=3) | values,
)
def test_no_content_of_a_run_stops_the_others(
    folder, events, header, rows, meta, axes, config, overrides
):
    run_dir = folder / "odd"
    facts = run_dir / "facts"
    lines = [json.dumps({**fields, "moment": moment}) for moment, fields in events]
    (facts / "events.jsonl").write_text("".join(line + "\n" for line in lines))
    (facts / "scalars.csv").write_text("\n".join(",".join(row) for row in [header, *rows]) + "\n")
    write(facts / "meta.json", meta)
    write(facts / "axes.json", axes)
    write(facts / "config.json", config)
    write(run_dir / ".hydra" / "overrides.yaml", overrides)
    loaded = load_runs(run_dirs=folder / "*", require_complete=False)
    assert str(folder / "good") in loaded.order
    assert len(loaded.order) + len(loaded.skipped) == 2
    for read in (read_meta, read_axes, read_histories, check_run):
        with suppress(ThesisError):
            read(run_dir)
    with suppress(ThesisError):
        compare_runs(folder / "good", run_dir)
