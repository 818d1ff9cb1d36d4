"""What a run says at its end: how good it is, where it is, what to type next."""

import math
import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thesis_train.stopping import in_worker

_typed_in: Path | None = None  # where the command was typed, if it works in another folder

_WORKING_POINTS = ("0.3", "0.5", "0.7")


def summarise(results: Mapping[str, Any], run_dir: str) -> str:
    """A few lines for the end of a run."""
    tested = results["tested_epoch"]
    which = "best" if tested == results["best_epoch"] else "last"
    lines = [f"{which} epoch {tested + 1}, on the test split:"]
    if "test_auroc" in results:
        lines += _classification(results)
    else:
        lines.append(row("loss", f"{results['test_loss']:.4f}"))
    lines += ["", row("run", run_dir), row("next", next_command("inputs.run_dirs", run_dir))]
    return "\n".join(lines)


def work_in(folder: str) -> None:
    """Change the working directory, while `shown` stays with where the user is."""
    global _typed_in
    _typed_in = Path.cwd()
    os.chdir(folder)


def typed_here() -> None:
    """Forget an earlier command of this process."""
    global _typed_in
    _typed_in = None


def shown(path: Path) -> str:
    """Relative to where the user is, if it is below it: short, and still pasteable.

    Absolute in a worker of a sweep, which does not know where that is.
    """
    if in_worker():
        return str(path)
    here = _typed_in or Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def row(name: str, value: str) -> str:
    """One line of a summary."""
    return f"  {name:<10} {value}"


def next_command(key: str, path: str) -> str:
    """The report of a run or sweep, ready to be pasted."""
    return f"{command_prefix()}thesis-report {shlex.quote(f'{key}={path}')}"


def command_prefix() -> str:
    """What stands before a command of ours, so that it can be pasted where this one was typed."""
    if "UV" in os.environ:  # uv sets it for what it runs
        return "uv run "
    folder, name = os.path.split(sys.argv[0])
    if folder and name == "thesis-train" and shutil.which(name) is None:
        return f"{shlex.quote(folder)}/"  # typed with its path, e.g. of an environment
    return ""


def _classification(results: Mapping[str, Any]) -> list[str]:
    """Two classes have one score to cut on; more have one for each class against the others."""
    classes = [key.removeprefix("test_auroc_") for key in results if key.startswith("test_auroc_")]
    classes = [name for name in classes if not name.endswith("uncertainty")]
    lines = [row("AUROC", _with_error(results, "test_auroc", "{:.4f}"))]
    for name in classes or [""]:
        lines += _working_points(results, name)
    return lines


def _working_points(results: Mapping[str, Any], name: str) -> list[str]:
    suffix = f"_{name}" if name else ""
    lines = []
    if name:
        lines.append(row(name, f"AUROC {_with_error(results, f'test_auroc{suffix}', '{:.4f}')}"))
    for efficiency in _WORKING_POINTS:
        key = f"test_rejection_at_{efficiency}{suffix}"
        rejection = _with_error(results, key, "{:.1f}")
        lines.append(row("rejection", f"1/eps_B = {rejection} at eps_S = {efficiency}"))
    return lines


def _with_error(results: Mapping[str, Any], key: str, form: str) -> str:
    value, error = results[key], results[f"{key}_uncertainty"]
    limit = results.get(f"{key}_lower_limit")
    if math.isinf(value) and limit is not None:  # no background event passes the cut
        return f"over {form.format(limit)} (95 % confidence)"
    return (
        form.format(value) if math.isnan(error) else f"{form.format(value)} ± {form.format(error)}"
    )
