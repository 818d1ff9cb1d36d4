"""The configuration of a run, from whichever file holds it."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from thesis_facts import RunError, read_config
from thesis_facts.configs import resolve


def write(run_dir, name, text):
    path = run_dir / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def test_json_comes_before_yaml(tmp_path):
    write(tmp_path, "cfg.yaml", "loop: oldest")
    assert read_config(tmp_path) == {"loop": "oldest"}
    write(tmp_path, ".hydra/config.yaml", "loop: older")
    assert read_config(tmp_path) == {"loop": "older"}
    write(tmp_path, "facts/config.json", '{"loop": "ours"}')
    assert read_config(tmp_path) == {"loop": "ours"}


@pytest.mark.parametrize("text", ["{", "[1, 2]", ""])
def test_unreadable_json_leaves_the_yaml(tmp_path, text):
    write(tmp_path, "facts/config.json", text)
    write(tmp_path, ".hydra/config.yaml", "loop: older")
    assert read_config(tmp_path) == {"loop": "older"}


def test_no_configuration_says_what_was_looked_for(tmp_path):
    with pytest.raises(RunError, match=r"\.hydra/config\.yaml"):
        read_config(tmp_path)


@pytest.mark.parametrize("text", ["a: [", "- a", "a: \x00", "text"])
def test_unreadable_yaml_names_the_file(tmp_path, text):
    write(tmp_path, ".hydra/config.yaml", text)
    with pytest.raises(RunError, match=r"can't read .*\.hydra/config\.yaml"):
        read_config(tmp_path)


def test_a_configuration_can_run_no_code(tmp_path):
    write(tmp_path, ".hydra/config.yaml", "a: !!python/object/apply:os.system ['true']")
    with pytest.raises(RunError, match="can't read"):
        read_config(tmp_path)


def test_references_are_replaced_by_what_they_name():
    config = {
        "env": {"root": "/data", "deep": "${env.root}/x"},
        "whole": "${env}",
        "number": "${seeds.first}",
        "seeds": {"first": 3},
        "path": "${env.deep}/${seeds.first}.h5",
        "list": ["${env.root}"],
        "near": {"a": 1, "b": "${.a}"},
        "which": "first",
        "nested": "${seeds.${which}}",
    }
    expected = OmegaConf.to_container(OmegaConf.create(config), resolve=True)
    assert resolve(config) == expected
    assert resolve(config)["path"] == "/data/x/3.h5"


@pytest.mark.parametrize("text", ["${now:%Y}", "${oc.env:HOME}/x", "${gone.key}", "${self}"])
def test_what_only_the_surroundings_know_stays_as_it_is(text):
    config = {"self": text, "other": "${plain}", "plain": 1}
    assert resolve(config) == {"self": text, "other": 1, "plain": 1}


numbers = st.floats(allow_nan=False, allow_infinity=False)  # strict JSON has no others
integers = st.integers(-(2**63), 2**63 - 1)
plain = st.none() | st.booleans() | integers | numbers | st.text("ab:# ")
keys = st.text("abc", min_size=1)


@given(
    st.dictionaries(
        keys, st.recursive(plain, lambda x: st.lists(x) | st.dictionaries(keys, x), max_leaves=8)
    )
)
def test_a_configuration_is_the_same_from_json_and_yaml(tmp_path_factory, config):
    folder = tmp_path_factory.mktemp("runs")
    (folder / "a" / "facts").mkdir(parents=True)
    (folder / "b").mkdir()
    write(folder / "a", "facts/config.json", json.dumps(config))
    write(folder / "b", "cfg.yaml", yaml.safe_dump(config, allow_unicode=True))
    assert read_config(folder / "a") == read_config(folder / "b")
