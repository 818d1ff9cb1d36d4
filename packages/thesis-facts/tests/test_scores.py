"""Score files: what is written comes back, and what is no score file is named."""

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from thesis_facts.errors import RunError
from thesis_facts.scores import VERSION, Scores, read_scores, write_scores

NAMES = st.from_regex(r"[\w.+-]{1,12}", fullmatch=True)


def some_scores(n_events=50, **more):
    rng = np.random.default_rng(0)
    return Scores(
        logits=rng.normal(size=(n_events, 2)).astype(np.float32),
        labels=rng.integers(0, 2, n_events),
        class_names=("ttH+ttW", "4t"),
        **more,
    )


@st.composite
def any_scores(draw):
    n_events, n_classes = draw(st.integers(0, 20)), draw(st.integers(1, 5))

    def floats(*shape):
        dtype = draw(st.sampled_from([np.float16, np.float32, np.float64]))
        return draw(hnp.arrays(dtype, shape))  # NaN and infinity too: facts record what was

    def integers(low, high):
        dtype = draw(st.sampled_from([np.int8, np.int64, np.uint8]))
        return draw(hnp.arrays(dtype, n_events, elements=st.integers(low, high)))

    optional = st.booleans()
    names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
    return Scores(
        logits=floats(n_events, n_classes),
        labels=integers(0, n_classes - 1),
        class_names=draw(st.lists(names, min_size=n_classes, max_size=n_classes)),
        process=integers(1, 5) if draw(optional) else None,
        weights=floats(n_events) if draw(optional) else None,
        embeddings=floats(n_events, draw(st.integers(1, 3))) if draw(optional) else None,
        columns={name: floats(n_events) for name in draw(st.sets(NAMES, max_size=3))},
    )


def assert_same(a, b):
    if a is None or b is None:
        assert a is b
    else:
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50
)
@given(scores=any_scores())
def test_what_is_written_comes_back(scores, tmp_path):
    path = write_scores(tmp_path, "val", scores)
    for back in (read_scores(tmp_path, "val"), read_scores(path)):
        assert back.class_names == scores.class_names
        for key in ("logits", "labels", "process", "weights", "embeddings"):
            assert_same(getattr(back, key), getattr(scores, key))
        assert back.columns.keys() == scores.columns.keys()
        for name, values in scores.columns.items():
            assert_same(back.columns[name], values)
        assert len(back) == len(scores)


def test_files_stand_beside_each_other_in_the_run(tmp_path):
    scores = some_scores()
    assert write_scores(tmp_path / "run", "test", scores) == tmp_path / "run/scores/test.npz"
    write_scores(tmp_path / "run", "val", some_scores(7))
    assert len(read_scores(tmp_path / "run", "test")) == 50
    assert len(read_scores(tmp_path / "run", "val")) == 7
    assert sorted(p.name for p in (tmp_path / "run/scores").iterdir()) == ["test.npz", "val.npz"]


def test_probabilities_are_the_softmax():
    scores = Scores(np.array([[0.0, np.log(3)], [1e4, 0.0]]), np.array([0, 1]), ("a", "b"))
    np.testing.assert_allclose(scores.probabilities, [[0.25, 0.75], [1.0, 0.0]])


def test_embeddings_can_stay_on_disk(tmp_path):
    path = write_scores(tmp_path, "val", some_scores(embeddings=np.zeros((50, 64))))
    assert read_scores(path).embeddings.shape == (50, 64)
    lean = read_scores(tmp_path, "val", with_embeddings=False)
    assert lean.embeddings is None
    assert lean.logits.shape == (50, 2)


def test_any_numpy_can_read_the_file(tmp_path):
    path = write_scores(tmp_path, "val", some_scores(columns={"mse": np.arange(50.0)}))
    with np.load(path, allow_pickle=False) as archive:
        assert archive["column.mse"][49] == 49
        assert archive["class_names"].tolist() == ["ttH+ttW", "4t"]


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_named(tmp_path, keep):
    path = write_scores(tmp_path, "val", some_scores(2000))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(RunError, match=r"scores/val\.npz.*score the split again"):
        read_scores(tmp_path, "val")


def test_a_damaged_array_is_noticed(tmp_path):
    path = write_scores(tmp_path, "val", some_scores(2000))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(RunError, match=r"val\.npz"):
        read_scores(tmp_path, "val")


def archive_bytes(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def foreign_files():
    plain = io.BytesIO()
    np.save(plain, np.zeros(3))
    header = {"format": np.array("thesis-scores"), "version": np.array(VERSION)}
    body = {"class_names": np.array(["a", "b"]), "labels": np.zeros(3, int)}
    good = np.zeros((3, 2))
    return {
        "text": b"hello, this is no archive",
        "pickle": b"\x80\x04K\x01.",
        "single array": plain.getvalue(),
        "other archive": archive_bytes(x=np.zeros(3)),
        "other format": archive_bytes(format=np.array("histograms"), version=np.array(1)),
        "later version": archive_bytes(
            **header | {"version": np.array(VERSION + 1)}, **body, logits=good
        ),
        "no logits": archive_bytes(**header, **body),
        "wrong shape": archive_bytes(**header, **body, logits=np.zeros((4, 2))),
        "pickled names": archive_bytes(
            **header,
            **body | {"class_names": np.array(["a", "b"], dtype=object)},
            logits=good,
        ),
    }


@pytest.mark.parametrize("kind", list(foreign_files()))
def test_a_foreign_file_is_named(tmp_path, kind):
    path = tmp_path / "foreign.npz"
    path.write_bytes(foreign_files()[kind])
    with pytest.raises(RunError, match=r"foreign\.npz"):
        read_scores(path)


def test_missing_scores_say_what_there_is(tmp_path):
    with pytest.raises(RunError, match="score the split first"):
        read_scores(tmp_path, "val")
    (tmp_path / "val_scores.pt").touch()
    with pytest.raises(RunError, match=r"val_scores\.pt.*torch"):
        read_scores(tmp_path, "val")
    write_scores(tmp_path, "test", some_scores())
    with pytest.raises(RunError, match="written are: test"):
        read_scores(tmp_path, "val")
    with pytest.raises(RunError, match="name the split"):
        read_scores(tmp_path)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    write_scores(tmp_path, "val", some_scores(7))

    def disk_full(*args, **arrays):
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", disk_full)
    with pytest.raises(RunError, match="no space"):
        write_scores(tmp_path, "val", some_scores(9))
    assert len(read_scores(tmp_path, "val")) == 7
    assert [p.name for p in (tmp_path / "scores").iterdir()] == ["val.npz"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": np.zeros((3, 3))}, "logits"),
        ({"logits": np.zeros((3, 2), dtype=int)}, "logits"),
        ({"logits": np.zeros(3)}, "logits"),
        ({"labels": np.zeros(2, dtype=int)}, "labels"),
        ({"labels": np.zeros(3)}, "labels"),
        ({"labels": np.array([0, 1, 2])}, r"labels: found 0\.\.2, but expected 0\.\.1"),
        ({"labels": np.array([0, -1, 1])}, "labels"),
        ({"process": np.zeros(4, dtype=int)}, "process"),
        ({"weights": np.array(["a", "b", "c"])}, "weights"),
        ({"embeddings": np.zeros(3)}, "embeddings"),
        ({"columns": {"mse": np.zeros(2)}}, r"columns\.mse"),
        ({"columns": {"mse": np.array([None] * 3)}}, r"columns\.mse"),
        ({"columns": {"a/b": np.zeros(3)}}, "name of a column"),
    ],
)
def test_scores_that_do_not_fit_together_are_refused(change, message):
    arguments = {
        "logits": np.zeros((3, 2)),
        "labels": np.array([0, 1, 1]),
        "class_names": ("a", "b"),
    } | change
    with pytest.raises(RunError, match=message):
        Scores(**arguments)


@pytest.mark.parametrize("split", ["", "../val", "a/b"])
def test_a_split_is_a_plain_name(tmp_path, split):
    with pytest.raises(RunError, match="split"):
        write_scores(tmp_path, split, some_scores())
