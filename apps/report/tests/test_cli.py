"""The command end to end, as a user types it."""

import json
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

SWEEP = "outputs/multiruns/exp_20260101-120000_dims"


def test_a_report_is_made_beside_its_runs(thesis_report, workplace: Path) -> None:
    result = thesis_report(f"inputs.sweep_dir={SWEEP}", "outputs.fig_format=png")
    assert result.returncode == 0, result.stderr
    (report,) = (workplace / "outputs" / "reports").glob("report_*")
    assert re.fullmatch(r"report_\d{8}-\d{6}_sweep_summary", report.name)
    assert result.stdout.splitlines()[-1] == f"Report: {report / 'report.html'}"
    assert result.stdout.startswith("All 2 runs finished. On the validation split dim=64 is best")
    assert not result.stderr
    # nothing but the report: no folders or logs of Hydra
    assert {path.name for path in workplace.iterdir()} == {"outputs"}
    assert {path.name for path in (workplace / "outputs").iterdir()} == {
        "runs", "multiruns", "reports",
    }  # fmt: skip


def test_the_command_on_the_page_makes_the_same_report(thesis_report, workplace: Path) -> None:
    odd = workplace / "out puts (2), it's='x'"
    (workplace / "outputs").rename(odd)
    first = thesis_report(
        f"inputs.run_dirs=['{str(odd).replace(chr(39), chr(92) + chr(39))}/runs/*']",
        "inputs.select.status=complete",
        "thresholds.val_auroc=0.7",
        "outputs.which_figures=[]",
        "outputs.report_subdir=first",
    )
    assert first.returncode == 0, first.stderr
    manifest = yaml.safe_load((odd / "reports" / "first" / "manifest.yaml").read_text())
    program, *arguments = shlex.split(manifest["command"])
    assert program == "thesis-report"
    second = thesis_report(*arguments)
    assert second.returncode == 0, second.stderr
    summaries = []
    for name in ("first", "first-2"):
        text = (odd / "reports" / name / "training" / "summary.json").read_text()
        summaries.append(json.loads(text) | {"report_id": None})
    assert summaries[0] == summaries[1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "add inputs.sweep_dir=PATH"),
        (("inputs.sweep_dir=nowhere",), "nowhere"),
        (("inputs.run_dirs=nowhere*",), "no runs found"),
        (("inputs.swep_dir=x",), "did you mean inputs.sweep_dir"),
        (("outputs.dpi=lots", f"inputs.sweep_dir={SWEEP}"), "outputs.dpi"),
        ((f"inputs.sweep_dir={SWEEP}", "inputs.select.dimm=3"), "did you mean dim"),
        (("--config-name", "sweep_sumary"), "did you mean sweep_summary"),
        (("report_path=none.py", f"inputs.sweep_dir={SWEEP}"), "none.py"),
        ((SWEEP,), f"did you mean inputs.sweep_dir={SWEEP}"),
    ],
)
def test_a_mistake_ends_with_one_message_and_1(thesis_report, workplace, arguments, words) -> None:
    result = thesis_report(*arguments)
    assert result.returncode == 1
    message = result.stderr.splitlines()
    assert len(message) <= 2  # where it looked may stand on a line of its own
    assert message[0].startswith("thesis-report: ")
    assert words in message[0]
    assert not (workplace / "outputs" / "reports").exists()


def test_the_whole_traceback_can_be_asked_for(thesis_report) -> None:
    result = thesis_report("inputs.run_dirs=nowhere*", HYDRA_FULL_ERROR="1")
    assert result.returncode == 1
    assert "Traceback" in result.stderr


def test_a_config_of_ones_own_names_the_report(thesis_report, workplace: Path) -> None:
    folder = workplace / "mine" / "report"
    folder.mkdir(parents=True)
    (folder / "quick.yaml").write_text(
        "# @package _global_\ndefaults:\n  - base\n  - _self_\noutputs: {which_figures: []}\n"
    )
    result = thesis_report("--config-dir", "mine", "--config-name", "quick",
                           f"inputs.sweep_dir={SWEEP}")  # fmt: skip
    assert result.returncode == 0, result.stderr
    (report,) = (workplace / "outputs" / "reports").glob("report_*")
    assert report.name.endswith("_quick")


def test_help_lists_the_keys_and_comes_at_once(thesis_report) -> None:
    times = []
    for _ in range(3):
        start = time.perf_counter()
        result = thesis_report("--help")
        times.append(time.perf_counter() - start)
    assert result.returncode == 0
    for key in ("sweep_dir", "which_figures", "report_path", "output_root"):
        assert key in result.stdout
    assert min(times) < 3, "far above the second that it should take"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['thesis-report', '--help']\n"
        "from thesis_report.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('heavy:', sorted({'matplotlib', 'pandas', 'polars', 'numpy'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.splitlines()[-1] == "heavy: []", result.stderr
