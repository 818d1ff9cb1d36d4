"""Event payloads: what they hold, and that strict JSON can hold them."""

import json
import subprocess
import sys
from enum import Enum
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from thesis_facts import MOMENTS, RunError, build_event_payload, run_meta
from thesis_facts.builders import code_state
from thesis_facts.strict_json import json_ready

FIELDS = {
    "schema_version", "moment", "run_dir", "epoch", "step", "split", "train_loss", "val_loss",
    "metrics", "epoch_time_s", "total_time_s", "throughput", "max_memory_mib", "histories", "meta",
}  # fmt: skip


def strict(value):
    """What a reader that takes only strict JSON gets."""

    def refuse(text):
        raise AssertionError(f"{text} is no strict JSON")

    return json.loads(json.dumps(value), parse_constant=refuse)


@pytest.mark.parametrize("moment", MOMENTS)
def test_every_moment_has_all_fields_of_the_schema(moment):
    payload = build_event_payload(moment, run_dir="runs/a")
    extra = {"error", "traceback"} if moment == "on_exception" else set()
    assert set(payload) == FIELDS | extra
    assert payload["schema_version"] == 1


def test_an_unknown_moment_is_refused_with_the_nearest_one():
    with pytest.raises(RunError, match=r"did you mean on_epoch_end\?"):
        build_event_payload("on_epochend", run_dir=None)


def test_numbers_that_are_not_finite_become_null_everywhere():
    payload = build_event_payload(
        "on_epoch_end",
        run_dir=Path("a"),
        train_loss=float("nan"),
        val_loss=np.float32("inf"),
        metrics={"auroc": np.float64("nan"), "acc": np.float32(0.5)},
        histories={"val_loss": [1.0, float("-inf")], "lr": np.array([1.0, np.nan])},
        gates={"layer": [{"scale": float("nan")}]},
    )
    payload = strict(payload)
    assert payload["run_dir"] == "a"
    assert payload["train_loss"] is None
    assert payload["val_loss"] is None
    assert payload["metrics"] == {"auroc": None, "acc": 0.5}
    assert payload["histories"] == {"val_loss": [1.0, None], "lr": [1.0, None]}
    assert payload["gates"] == {"layer": [{"scale": None}]}


def test_an_exception_object_tells_its_error_and_traceback():
    try:
        raise ValueError("loss is nan")
    except ValueError as error:
        payload = build_event_payload("on_exception", run_dir=None, error=error)
    assert payload["error"] == "ValueError: loss is nan"
    assert 'raise ValueError("loss is nan")' in payload["traceback"]


class Colour(Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        ((1, 2), [1, 2]),
        ({"b", "a"}, ["a", "b"]),
        (Colour.RED, "red"),
        ({1: None}, {"1": None}),
        ("Zürich \udcff", "Zürich \\udcff"),  # a file name that is not UTF-8
    ],
)
def test_json_ready_values_are_plain(value, plain):
    assert strict(json_ready(value)) == plain


def test_a_value_without_a_json_form_is_refused():
    with pytest.raises(TypeError, match="object has no JSON form"):
        json_ready({"a": [object()]})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_anything_made_of_plain_values_becomes_strict_json(value):
    strict(json_ready(value))


def test_run_meta_describes_the_circumstances():
    meta = run_meta("an-id", seed=7, cuda_info={"available": False}, hydra_job_id="3")
    assert meta["run_id"] == "an-id"
    assert meta["seed"] == 7
    assert meta["hydra_job_id"] == "3"
    assert meta["timestamp"].endswith("+00:00")
    assert meta["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert "thesis-facts" in meta["versions"]
    assert set(meta) == {
        "timestamp", "run_id", "git_commit", "git_dirty", "hostname", "cuda_info", "seed",
        "hydra_job_id", "versions",
    }  # fmt: skip


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with one commit, in which the package seems to be installed as a wheel."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("thesis_facts.builders.__file__", "/venv/site-packages/thesis_facts/x.py")

    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
        done = subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)
        return done.stdout.decode().strip()

    git("init", "-q")
    (tmp_path / "train.py").write_text("1")
    git("add", "train.py")
    git("commit", "-qm", "one")
    code_state.cache_clear()
    yield git
    code_state.cache_clear()


def test_the_commit_is_recorded_and_whether_the_tree_differs_from_it(repository, tmp_path):
    commit = repository("rev-parse", "HEAD")
    assert code_state() == (commit, False)
    (tmp_path / "train.py").write_text("2")
    assert code_state() == (commit, False)  # the code that runs is the one that was loaded
    code_state.cache_clear()
    assert code_state() == (commit, True)


def test_without_a_repository_the_code_is_unknown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("thesis_facts.builders.__file__", "/venv/site-packages/thesis_facts/x.py")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    code_state.cache_clear()
    assert code_state() == (None, None)
    code_state.cache_clear()
