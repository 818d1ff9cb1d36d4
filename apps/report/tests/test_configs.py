"""The files in configs/report hold every value that the config class knows, and no other."""

from importlib import import_module
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


def _class_of(analysis: str) -> type[ReportConfig]:
    """The config class that the module of an analysis adds, if it does."""
    module = import_module(ANALYSES[analysis])
    own = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, ReportConfig)
        and value.__module__ == module.__name__
    ]
    return own[0] if own else ReportConfig


@pytest.mark.parametrize("name", NAMES)
def test_every_config_is_valid_and_names_an_analysis(name: str) -> None:
    composed = _compose(name)
    assert composed["report_name"] in ANALYSES
    _class_of(composed["report_name"]).model_validate(composed)


@pytest.mark.parametrize("name", ["base", *sorted(ANALYSES)])
def test_every_default_of_the_class_stands_in_the_file(name: str) -> None:
    defaults = ReportConfig if name == "base" else _class_of(name)
    assert _compose(name) == defaults().model_dump()
