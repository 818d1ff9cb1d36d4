"""The files in configs/report hold every value that the config class knows, and no other."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from thesis_report.cli import CONFIGS
from thesis_reports import ANALYSES, ReportConfig
from thesis_reports.config import plain_config

NAMES = sorted(file.stem for file in (CONFIGS / "report").glob("*.yaml"))


def _compose(name: str) -> dict:
    with initialize_config_dir(version_base="1.3", config_dir=str(Path(CONFIGS).resolve())):
        return plain_config(compose(f"report/{name}"))


@pytest.mark.parametrize("name", NAMES)
def test_every_config_is_valid_and_names_an_analysis(name: str) -> None:
    config = ReportConfig.model_validate(_compose(name))
    assert config.report_name in ANALYSES


def test_every_default_of_the_class_stands_in_the_file() -> None:
    assert _compose("base") == ReportConfig().model_dump()
