"""The command line is brought into the form that Hydra wants, or answered at once."""

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from thesis_facts.errors import ConfigError
from thesis_report.arguments import prepare
from thesis_reports.reproduce import override_value


@pytest.fixture
def configs(tmp_path: Path) -> Path:
    for folder, name in (("configs", "base"), ("configs", "sweep_summary"), ("mine", "speed")):
        file = tmp_path / folder / "report" / f"{name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
    return tmp_path / "configs"


@pytest.mark.parametrize(
    ("given", "prepared"),
    [
        ([], []),
        (["--help"], ["--help"]),
        (["--config-name", "sweep_summary"], ["--config-name", "report/sweep_summary"]),
        (["--config-name=sweep_summary"], ["--config-name", "report/sweep_summary"]),
        (["-cn", "report/sweep_summary"], ["-cn", "report/sweep_summary"]),
        (["--cfg", "job"], ["--cfg", "job"]),
        (["outputs.dpi=90"], ["++outputs.dpi=90"]),
        (["+inputs.select.dim=64"], ["++inputs.select.dim=64"]),
        (["inputs.run_dirs=[a,b]"], ["++inputs.run_dirs=[a,b]"]),
        (["inputs.sweep_dir=a (1)/it's=x,y"], ["++inputs.sweep_dir='a (1)/it\\'s=x,y'"]),
        (["inputs.sweep_dir='a b'"], ["++inputs.sweep_dir='a b'"]),
        (["env.output_root=null"], ["++env.output_root=null"]),
        (["hydra.verbose=true"], ["hydra.verbose=true"]),
        (["hydra/job_logging=default"], ["hydra/job_logging=default"]),
    ],
)
def test_arguments_for_hydra(configs: Path, given: list[str], prepared: list[str]) -> None:
    assert prepare(given, configs) == prepared


def test_a_folder_of_ones_own_adds_its_configs(configs: Path) -> None:
    mine = str(configs.parent / "mine")
    given = ["--config-name", "speed", "--config-dir", mine]
    assert prepare(given, configs)[:2] == ["--config-name", "report/speed"]
    with pytest.raises(ConfigError, match="one of sweep_summary"):
        prepare(["--config-name", "speed"], configs)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--config-name", "sweep_sumary"], "did you mean sweep_summary"),
        (["--multirun"], "--multirun"),
        (["-m"], "several runs"),
        (["=3"], "not a key=value"),
        (["/tmp"], "did you mean inputs.sweep_dir=/tmp"),
        (["summary"], "not a key=value"),
    ],
)
def test_what_hydra_cannot_take_is_answered(configs: Path, given: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        prepare(given, configs)


ODD = [
    "a b", "it's", "back\\slash", "end\\\\", "q\\'x", "a,b=c", "[x]", "", "true", "1e3", "null",
    "$HOME", "a:b", "{a}", "ünï", "/a/b (1)", "x\ty", '"dq"', "-a", "a#b", "\\'", "a\nb",
]  # fmt: skip


@pytest.mark.parametrize("text", ODD)
def test_a_value_on_a_page_comes_back_unchanged(text: str) -> None:
    parser = OverridesParser.create()
    for value in (text, [text, text], {"k": text}):
        parsed = parser.parse_override(f"++k={override_value(value)}").value()
        assert parsed == value
