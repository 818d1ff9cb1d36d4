"""Which project a command works on."""

import subprocess
import sys

import pytest

from api_server import ApiServer
from thesis_wandb.cli import main
from thesis_wandb.project import find_project


@pytest.mark.parametrize(
    ("options", "environment", "expected"),
    [
        ((None, None), {}, "thesis-ml"),
        ((None, None), {"WANDB_PROJECT": "ours"}, "ours"),
        ((None, None), {"WANDB_PROJECT": "ours", "WANDB_ENTITY": "group"}, "group/ours"),
        (("mine", None), {"WANDB_PROJECT": "ours", "WANDB_ENTITY": "group"}, "group/mine"),
        (("mine", "me"), {"WANDB_PROJECT": "ours", "WANDB_ENTITY": "group"}, "me/mine"),
        ((None, None), {"WANDB_PROJECT": "", "WANDB_ENTITY": ""}, "thesis-ml"),
    ],
)
def test_options_win_over_the_environment_and_that_over_defaults(
    server: ApiServer,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str | None, str | None],
    environment: dict[str, str],
    expected: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    project = find_project(*options)
    assert project.path == expected
    assert project.key not in repr(project)


def test_a_run_goes_where_it_belongs_unless_a_project_is_named(
    server: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_project(None, None).unless_named("own", "me").path == "me/own"
    assert find_project(None, None).unless_named(None, None).path == "thesis-ml"
    assert find_project("named", None).unless_named("own", "me").path == "named"
    monkeypatch.setenv("WANDB_PROJECT", "ours")
    assert find_project(None, None).unless_named("own", "me").path == "ours"


def test_help_loads_neither_wandb_nor_torch() -> None:
    code = (
        "import sys; from thesis_wandb.cli import main\n"
        "try: main(['cleanup', '--help'])\n"
        "except SystemExit: pass\n"
        "sys.exit(bool({'wandb', 'torch', 'pydantic', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--older-than" in done.stdout


def test_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["sink"])
    assert ended.value.code == 2
    assert "backfill-labels" in capsys.readouterr().err
