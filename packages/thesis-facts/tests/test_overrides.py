"""Overrides: their values, and a short name for each."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from thesis_facts.overrides import parse_overrides, read_overrides, short_names


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("-1e-3", -0.001),
        (".5", 0.5),
        ("true", True),
        ("Null", None),
        ("", ""),
        ("[1,2]", "[1,2]"),
        ("'a b'", "a b"),
        ("1_000", "1_000"),
        ("nan", "nan"),
        ("20260211-115323", "20260211-115323"),
        ("a=b", "a=b"),
    ],
)
def test_values_are_what_the_command_line_means(text, value):
    assert parse_overrides([f"key={text}"]) == {"key": value}


def test_keys_lose_what_only_hydra_needs():
    overrides = [
        "+a/b@c=1",
        "++d.e=2",
        "~f",
        "~g=3",
        "hydra=experiment",
        "hydra.mode=X",
        "hydrate=1",
    ]
    assert parse_overrides(overrides) == {"a/b": 1, "d.e": 2, "f": None, "g": None, "hydrate": 1}


def test_a_later_override_of_a_key_counts():
    assert parse_overrides(["a=1", "+a=2"]) == {"a": 2}


@pytest.mark.parametrize(
    ("keys", "taken", "names"),
    [
        (["classifier.model.positional"], (), ["positional"]),
        (["+classifier/model_size"[1:]], (), ["model_size"]),
        (["a.trainer.lr", "b.trainer.lr"], (), ["a.trainer.lr", "b.trainer.lr"]),
        (["a.trainer.lr", "a.model.lr"], (), ["trainer.lr", "model.lr"]),
        (["classifier.trainer.seed"], ("seed",), ["trainer.seed"]),
        (["seed"], ("seed",), ["override seed"]),
        # a name made longer must not become another's
        (["lr", "trainer.lr", "a.trainer.lr"], (), ["lr", "trainer.lr", "a.trainer.lr"]),
        (["data.path", "data/path"], (), ["override data.path", "override data/path"]),
    ],
)
def test_names_are_as_short_as_can_be(keys, taken, names):
    found = short_names(keys, taken)
    if keys[0] == "lr":  # what is short already has to give way
        assert len(set(found.values())) == len(keys)
    else:
        assert [found[key] for key in keys] == names


part = st.sampled_from(["a", "b", "c", "seed"])
key = st.lists(part, min_size=1, max_size=4).flatmap(
    lambda parts: st.sampled_from([".".join(parts), "/".join(parts)])
)


@given(st.lists(key, unique=True, max_size=10), st.sets(part))
def test_names_never_collide_and_never_depend_on_the_order(keys, taken):
    names = short_names(keys, taken)
    assert set(names) == set(keys)
    assert len(set(names.values())) == len(keys)
    assert not set(names.values()) & taken
    assert names == short_names(list(reversed(keys)), taken)


def write(run_dir, name, content):
    path = run_dir / ".hydra" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content))


@given(st.lists(st.text(min_size=1), min_size=1))
def test_overrides_are_read_as_yaml_would_read_them(tmp_path_factory, overrides):
    run_dir = tmp_path_factory.mktemp("run")
    write(run_dir, "overrides.yaml", overrides)
    assert read_overrides(run_dir) == overrides


@pytest.mark.parametrize(
    "override",
    [
        "a={signal: 1}",
        "'a': 1",
        "a=1 # x",
        "- a",
        "a=b: c",
        "+a={s:1,b:[2,3]}",
        "~a",
        "a='x'",
        "a=",
    ],
)
def test_odd_overrides_survive(tmp_path, override):
    write(tmp_path, "overrides.yaml", [override, "b=2"])
    assert read_overrides(tmp_path) == [override, "b=2"]


def test_hydra_s_own_configuration_tells_them_too(tmp_path):
    write(tmp_path, "hydra.yaml", {"hydra": {"overrides": {"task": ["a=1"]}}})
    assert read_overrides(tmp_path) == ["a=1"]


@pytest.mark.parametrize("content", [None, {"a": 1}, [{"a": 1}]])
def test_overrides_of_an_unknown_form_never_raise(tmp_path, content):
    write(tmp_path, "overrides.yaml", content)
    assert all(isinstance(item, str) for item in read_overrides(tmp_path))


def test_a_run_without_any_has_none(tmp_path):
    assert read_overrides(tmp_path) == []
