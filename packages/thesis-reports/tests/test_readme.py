"""The examples of the README and of the guide run as they stand."""

import re
from pathlib import Path

import pytest

from thesis_facts.errors import ConfigError
from thesis_reports import run_report

PACKAGE = Path(__file__).parents[1]
GUIDE = PACKAGE.parents[1] / "docs" / "adding_a_report.md"


def _blocks(path: Path) -> list[str]:
    blocks = re.findall(r"^```python\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    return blocks


def test_the_readme_makes_a_report(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in _blocks(PACKAGE / "README.md"):
        exec(compile(block, "README.md", "exec"), {})
    (report,) = Path("outputs/reports").glob("report_*")
    assert "Validation AUROC: 0.8300." in (report / "report.html").read_text()


@pytest.mark.parametrize("block", _blocks(GUIDE))
def test_the_guide_holds_code_that_runs(block: str) -> None:
    exec(compile(block, GUIDE.name, "exec"), {"__name__": "guide"})


def test_the_report_of_the_guide_works(sweep, tmp_path, report_of) -> None:
    path = tmp_path / "my_report.py"
    path.write_text(_blocks(GUIDE)[0])
    report = report_of({"report_path": str(path), "inputs": {"sweep_dir": str(sweep)}})
    assert report.name.endswith("_my_report")
    page = (report / "report.html").read_text()
    assert "<h1>Which runs learned the most per minute?</h1>" in page
    assert "learned fastest." in page
    assert "report_path=" in page


def test_a_report_with_keys_of_its_own_is_checked(sweep, tmp_path) -> None:
    recipe, own_config = _blocks(GUIDE)
    recipe = recipe.replace("read_config(cfg, ReportConfig)", "read_config(cfg, SpeedConfig)")
    path = tmp_path / "my_report.py"
    path.write_text(f"{own_config}\n\n{recipe}")
    with pytest.raises(ConfigError, match=r"learnd.*did you mean learned"):
        run_report({"report_path": str(path), "inputs": {"sweep_dir": str(sweep)}, "learnd": "acc"})
