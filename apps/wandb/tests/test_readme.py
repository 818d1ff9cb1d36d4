"""The commands of the README run as they stand, and so do examples of docstrings."""

import doctest
import re
import shlex
from pathlib import Path

import pytest

from api_server import ApiServer
from thesis_wandb import text
from thesis_wandb.cli import main
from tiny_runs import write_run

README = Path(__file__).parents[1] / "README.md"


def test_the_commands_of_the_readme_work(
    server: ApiServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_run(tmp_path / "outputs" / "runs" / "run_a")
    blocks = re.findall(r"^```bash\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    commands = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert {command[1] for command in commands} == {"migrate", "sync", "backfill-labels", "cleanup"}
    for program, *arguments in commands:
        assert program == "thesis-wandb"
        assert main(arguments) == 0, capsys.readouterr().err
    assert server.runs["run_a"].values["data/detector"] == "Delphes"


def test_examples() -> None:
    result = doctest.testmod(text)
    assert (result.attempted, result.failed) == (1, 0)
