"""The README's example runs as it stands."""

import re
from pathlib import Path


def test_python_examples(tmp_path, monkeypatch):
    member = Path(__file__).parents[1]
    (tmp_path / "configs").symlink_to(member.parents[1] / "configs")
    monkeypatch.chdir(tmp_path)
    readme = (member / "README.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(block, {})
