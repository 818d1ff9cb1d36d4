"""A wrong config is answered in one message that names the key and what is allowed."""

import pytest
from omegaconf import OmegaConf

from thesis_facts.errors import ConfigError
from thesis_reports import ReportConfig, read_config, run_report
from thesis_reports.registry import ANALYSES, find_analysis

RUNS = {"run_dirs": "runs/a"}


def _message(cfg: dict) -> str:
    with pytest.raises(ConfigError) as caught:
        read_config({"inputs": RUNS} | cfg, ReportConfig)
    return str(caught.value)


@pytest.mark.parametrize(
    ("cfg", "words"),
    [
        ({"inputs": {"swep_dir": "x"}}, ["inputs.swep_dir", "inputs.sweep_dir"]),
        ({"outputs": {"dpii": 3}}, ["outputs.dpii", "outputs.dpi"]),
        ({"outputs": {"dpi": "much"}}, ["outputs.dpi", "'much'", "integer"]),
        ({"outputs": {"fig_format": ["gif"]}}, ["outputs.fig_format", "'gif'", "png"]),
        ({"rankby": "auroc"}, ["rankby", "rank_by"]),
        ({"thresholds": {"val_acc": "high"}}, ["thresholds", "'high'", "number"]),
        ({"thresholds": {"comparison": "lt"}}, ["thresholds.comparison", "'le'"]),
        ({"inputs": {}}, ["inputs", "exactly one"]),
        ({"inputs": {"sweep_dir": "a", "run_dirs": ["b"]}}, ["sweep_dir and run_dirs"]),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(cfg: dict, words: list[str]) -> None:
    message = _message(cfg)
    assert "\n" not in message
    for word in words:
        assert word in message


def test_single_strings_stand_for_lists() -> None:
    cfg = {"inputs": RUNS, "outputs": {"fig_format": "pdf", "which_figures": "roc"}}
    config = read_config(OmegaConf.create(cfg), ReportConfig)
    assert config.inputs.run_dirs == ["runs/a"]
    assert config.outputs.fig_format == ["pdf"]
    assert config.outputs.which_figures == ["roc"]


def test_thresholds_keep_the_names_that_they_are_given() -> None:
    cfg = {"inputs": RUNS, "thresholds": {"val_acc": 0.8, "split": "test"}}
    thresholds = read_config(cfg, ReportConfig).thresholds
    assert thresholds.targets() == {"val_acc": 0.8}
    assert thresholds.split == "test"


def test_interpolations_are_resolved() -> None:
    cfg = OmegaConf.create({"inputs": RUNS, "env": {"output_root": "${inputs.run_dirs}"}})
    assert read_config(cfg, ReportConfig).env.output_root == "runs/a"


@pytest.mark.parametrize("name", sorted(ANALYSES))
def test_every_name_in_the_registry_has_its_function(name: str) -> None:
    assert callable(find_analysis(name))


def test_an_unknown_analysis_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean sweep_summary"):
        run_report({"report_name": "sweep_sumary", "inputs": RUNS})


@pytest.mark.parametrize(
    ("content", "words"), [(None, "no such file"), ("x = 1\n", "no run_report")]
)
def test_a_file_that_holds_no_analysis_is_refused(tmp_path, content, words) -> None:
    path = tmp_path / "mine.py"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=words):
        run_report({"report_path": str(path), "inputs": RUNS})
