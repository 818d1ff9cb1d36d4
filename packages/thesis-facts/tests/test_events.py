"""The two ends of the events, and the histories wherever they stand."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thesis_facts import (
    RunError,
    append_jsonl_event,
    append_scalars_csv,
    build_event_payload,
    read_events,
    read_histories,
    truncate_scalars,
)
from thesis_facts.events import read_outline


def record(run_dir, moment, **fields):
    append_jsonl_event(run_dir, build_event_payload(moment, run_dir=run_dir, **fields))


def events_file(run_dir):
    return run_dir / "facts" / "events.jsonl"


@pytest.mark.parametrize(
    ("end", "status"),
    [("on_train_end", "complete"), ("on_exception", "crashed"), (None, "incomplete")],
)
@pytest.mark.parametrize("epoch_histories", [True, False])
def test_the_end_tells_how_a_run_went(make_run, tmp_path, end, status, epoch_histories):
    run_dir = make_run(tmp_path, end=end, epoch_histories=epoch_histories)
    outline = read_outline(run_dir)
    assert outline.status == status
    assert outline.first["moment"] == "on_start"
    assert (outline.end is not None) == (status == "complete")
    assert outline.error == ("RuntimeError: loss is not finite" if status == "crashed" else None)


def test_what_follows_the_end_of_training_leaves_a_run_complete(make_run, tmp_path):
    run_dir = make_run(tmp_path)
    record(run_dir, "on_test_end", split="test")
    assert read_outline(run_dir).status == "complete"
    record(run_dir, "on_exception", error="a plot failed")
    assert read_outline(run_dir).status == "complete"


def test_a_run_that_was_taken_up_again_is_not_complete_until_it_ends_again(make_run, tmp_path):
    run_dir = make_run(tmp_path, end="on_exception")
    record(run_dir, "on_start")
    assert read_outline(run_dir).status == "incomplete"
    record(run_dir, "on_epoch_end", epoch=3)
    record(run_dir, "on_train_end", total_time_s=3)
    assert read_outline(run_dir).status == "complete"


def test_a_torn_end_is_no_end(make_run, tmp_path):
    run_dir = make_run(tmp_path)
    whole = events_file(run_dir).read_bytes()
    events_file(run_dir).write_bytes(whole[:-40])
    outline = read_outline(run_dir)
    assert outline.status == "incomplete"
    assert outline.last["moment"] == "on_test_end"


@pytest.mark.parametrize("text", [b"", b"\n\n", b"{", b"\xff\xfe\n", b"[1]\n", b'{"epoch": 1}\n'])
def test_a_file_without_any_event_is_an_error(tmp_path, text):
    events_file(tmp_path).parent.mkdir()
    events_file(tmp_path).write_bytes(text)
    with pytest.raises(RunError, match="no readable event"):
        read_outline(tmp_path)


def test_no_file_is_an_error(tmp_path):
    for read in (read_outline, read_events, read_histories):
        with pytest.raises(RunError, match="no events"):
            read(tmp_path)


def test_an_event_far_longer_than_a_block_is_read(tmp_path):
    record(tmp_path, "on_start", note="x" * 100_000)
    for epoch in range(3):
        record(tmp_path, "on_epoch_end", epoch=epoch, histories={"a": [0.1] * 30_000})
    record(tmp_path, "on_train_end", total_time_s=4.5, note="y" * 200_000)
    outline = read_outline(tmp_path)
    assert len(outline.first["note"]) == 100_000
    assert outline.end["total_time_s"] == 4.5


lines = st.sampled_from(
    [
        *(f'{{"moment": "{m}", "n": 1}}' for m in ("on_start", "on_epoch_end", "on_exception")),
        '{"moment": "on_train_end", "histories": {"a": [1, 2]}, "n": 1}',
        '{"moment": "on_test_end", "metrics": {"a": NaN}}',
        '{"n": 1, "moment": "on_validation_end"}',
        '{"moment": "on_train_end", "tor',
        "garbage",
        "",
        f'{{"moment": "on_epoch_end", "note": "{"x" * 40_000}"}}',
    ]
)


@given(st.lists(lines, min_size=1, max_size=12))
def test_reading_the_ends_agrees_with_reading_everything(tmp_path_factory, text):
    run_dir = tmp_path_factory.mktemp("run")
    events_file(run_dir).parent.mkdir()
    events_file(run_dir).write_text("\n".join(text))
    moments = [e["moment"] for e in (_parsed(line) for line in text) if e]
    if not moments:
        with pytest.raises(RunError):
            read_outline(run_dir)
        return
    outline = read_outline(run_dir)
    assert outline.last["moment"] == moments[-1]
    trained = [
        i for i, m in enumerate(moments) if m in ("on_start", "on_epoch_end", "on_validation_end")
    ]
    after_training = moments[trained[-1] + 1 :] if trained else moments
    if "on_train_end" in after_training:
        assert outline.status == "complete"
    elif moments[-1] == "on_exception":
        assert outline.status == "crashed"
    else:
        assert outline.status == "incomplete"


def _parsed(line):
    try:
        return json.loads(line)
    except ValueError:
        return None


def test_a_broken_line_hides_no_other(make_run, tmp_path):
    run_dir = make_run(tmp_path)
    lines = events_file(run_dir).read_bytes().splitlines(keepends=True)
    lines[2:2] = [b"garbage\n", b"\xff\xfe\n", b'{"moment": 3}\n', b"\n"]
    events_file(run_dir).write_bytes(b"".join(lines) + b'{"moment": "on_')
    assert [e["moment"] for e in read_events(run_dir)] == [
        "on_start", *["on_epoch_end"] * 3, "on_test_end", "on_train_end",
    ]  # fmt: skip


def test_bytes_that_are_not_utf8_cost_a_character_not_the_event(tmp_path):
    record(tmp_path, "on_start", note="Zürich")
    raw = events_file(tmp_path).read_bytes()
    events_file(tmp_path).write_bytes(raw.replace("ü".encode(), b"\xfc"))
    assert read_events(tmp_path)[0]["note"] == "Z�rich"


def test_a_bare_nan_of_an_older_writer_is_null(make_older_run, tmp_path):
    events = read_events(make_older_run(tmp_path / "run"))
    assert events[1]["metrics"] == {"auroc": None}


def test_of_an_epoch_that_was_trained_twice_the_last_counts(tmp_path):
    for loss in (1.0, 2.0):
        record(tmp_path, "on_epoch_end", epoch=0, train_loss=loss)
    assert [e["train_loss"] for e in read_events(tmp_path)] == [2.0]


def test_histories_are_the_same_wherever_they_stand(make_run, tmp_path):
    ends = ["on_train_end", "on_exception", None]
    found = [
        read_histories(make_run(tmp_path / f"{end}{each}", end=end, epoch_histories=each))
        for end in ends
        for each in (True, False)
    ]
    assert all(histories == found[0] for histories in found)
    assert found[0]["val_loss"] == [0.9, 0.5, 0.7]
    assert found[0]["train_auroc"] == [0.8] * 3
    assert found[0]["epoch_time_s"] == [2.0] * 3


def test_histories_of_older_runs_are_read_from_their_events(make_older_run, tmp_path):
    histories = read_histories(make_older_run(tmp_path / "run"))
    assert histories["rec_tokens"] == [0.9, 0.8]
    assert histories["train_loss"] == [1.08, 1.05]
    assert histories["val_acc"] == [0.48, 0.47]


def test_histories_are_continuous(tmp_path):
    record(tmp_path, "on_start")
    record(tmp_path, "on_epoch_end", epoch=0, train_loss=1.0)
    record(tmp_path, "on_epoch_end", epoch=2, train_loss=float("nan"), metrics={"auroc": 0.5})
    assert read_histories(tmp_path) == {
        "train_loss": [1.0, None, None],
        "val_auroc": [None, None, 0.5],
    }


def test_scalars_beyond_the_last_event_continue_the_histories(tmp_path):
    record(tmp_path, "on_epoch_end", epoch=0, train_loss=1.0)
    append_scalars_csv(tmp_path, {"epoch": 1, "split": "train", "train_loss": 0.5})
    assert read_histories(tmp_path) == {"train_loss": [1.0, 0.5]}


@pytest.mark.parametrize("epoch_histories", [True, False])
def test_epochs_that_a_resumed_run_never_came_to_again_are_forgotten(tmp_path, epoch_histories):
    losses = []

    def train(epoch, loss):
        del losses[epoch:]
        losses.append(loss)
        row = {"epoch": epoch, "split": "val", "val_loss": loss}
        append_scalars_csv(tmp_path, row)
        histories = {"val_loss": losses} if epoch_histories else None
        record(tmp_path, "on_epoch_end", epoch=epoch, val_loss=loss, histories=histories)

    for epoch in range(5):
        train(epoch, 1.0)
    truncate_scalars(tmp_path, last_epoch=1)
    train(2, 0.5)
    assert read_histories(tmp_path)["val_loss"] == [1.0, 1.0, 0.5]
