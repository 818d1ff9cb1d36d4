"""A report gets a directory of its own, in the output root that its inputs lie in."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest

from thesis_facts.errors import ConfigError, RunError
from thesis_reports import ReportConfig, read_config
from thesis_reports.directory import output_root, reserve_directory

NOW = datetime(2026, 3, 1, 10, 11, 12)


def _config(inputs: dict, **rest) -> ReportConfig:
    return read_config({"inputs": inputs, **rest}, ReportConfig)


@pytest.mark.parametrize(
    "inputs",
    [
        {"sweep_dir": "out/multiruns/exp_1"},
        {"sweep_dir": "out/multiruns/exp_*"},
        {"run_dirs": "out/runs/run_1"},
        {"run_dirs": ["out/runs/run_*", "elsewhere/run_2"]},
        {"sweep_dir": "out/runs"},
        {"run_dirs": "out/single"},
    ],
)
def test_the_output_root_is_where_the_inputs_lie(tmp_path, monkeypatch, inputs) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("out/multiruns/exp_1", "out/runs/run_1", "out/single"):
        Path(folder).mkdir(parents=True)
    assert output_root(_config(inputs)) == tmp_path / "out"


def test_a_given_output_root_wins(tmp_path) -> None:
    config = _config({"run_dirs": "out/runs/a"}, env={"output_root": str(tmp_path / "else")})
    assert output_root(config) == tmp_path / "else"


def test_reports_of_one_second_never_share_a_directory(tmp_path) -> None:
    config = _config({"run_dirs": str(tmp_path / "runs" / "a")}, config_name="my compare/x")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: reserve_directory(config, NOW), range(8)))
    assert len(set(made)) == 8
    assert {path.parent for path in made} == {tmp_path / "reports"}
    assert "report_20260301-101112_my_compare_x" in {path.name for path in made}


def test_a_chosen_name_is_used(tmp_path) -> None:
    config = _config({"run_dirs": str(tmp_path / "runs/a")}, outputs={"report_subdir": "thesis"})
    assert reserve_directory(config, NOW) == tmp_path / "reports" / "thesis"


@pytest.mark.parametrize("name", ["../x", "/tmp/x", "a/../../x"])
def test_a_report_stays_inside_the_output_root(tmp_path, name) -> None:
    config = _config({"run_dirs": str(tmp_path / "runs/a")}, outputs={"report_subdir": name})
    with pytest.raises(ConfigError, match=r"outputs\.report_subdir"):
        reserve_directory(config, NOW)


def test_an_output_root_that_cannot_be_written_is_an_error_that_says_what_to_do(tmp_path) -> None:
    (tmp_path / "reports").write_text("a file where the folder belongs")
    config = _config({"run_dirs": str(tmp_path / "runs/a")})
    with pytest.raises(RunError, match=r"env\.output_root=PATH"):
        reserve_directory(config, NOW)
