"""The commands of the README run as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"


def test_the_commands_of_the_readme_work(workplace: Path) -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    assert blocks
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for block in blocks:
        result = subprocess.run(
            ["bash", "-euc", block],
            cwd=workplace,
            env={**os.environ, "PATH": path},
            capture_output=True,
            text=True,
        )
        assert result.returncode == 0, result.stderr
        n_reports = len(list((workplace / "outputs" / "reports").glob("report_*")))
        assert n_reports == len(block.splitlines())
