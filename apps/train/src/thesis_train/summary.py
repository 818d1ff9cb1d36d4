"""What a run says at its end: how good it is, where it is, what to type next."""

import os
import shlex
from collections.abc import Mapping
from typing import Any

_WORKING_POINTS = ("0.3", "0.5", "0.7")


def summarise(results: Mapping[str, Any], run_dir: str) -> str:
    """A few lines for the end of a run."""
    lines = [f"best epoch {results['best_epoch'] + 1}, on the test split:"]
    if "test_auroc" in results:
        lines += _classification(results)
    else:
        lines.append(_row("loss", f"{results['test_loss']:.4f}"))
    lines += ["", _row("run", run_dir), _row("next", next_command("inputs.run_dirs", run_dir))]
    return "\n".join(lines)


def next_command(key: str, path: str) -> str:
    """The report of a run or sweep, ready to be pasted."""
    prefix = "uv run " if "UV" in os.environ else ""  # uv sets it for what it runs
    return f"{prefix}thesis-report {shlex.quote(f'{key}={path}')}"


def _classification(results: Mapping[str, Any]) -> list[str]:
    lines = [_row("AUROC", _with_error(results, "test_auroc", "{:.4f}"))]
    for efficiency in _WORKING_POINTS:
        key = f"test_rejection_at_{efficiency}"
        if key in results:  # more than two classes have one for each class, in the facts
            value = _with_error(results, key, "{:.1f}")
            lines.append(_row("rejection", f"1/eps_B = {value} at eps_S = {efficiency}"))
    return lines


def _with_error(results: Mapping[str, Any], key: str, form: str) -> str:
    error = results.get(f"{key}_uncertainty")
    text = form.format(results[key])
    return text if error is None else f"{text} ± {form.format(error)}"


def _row(name: str, value: str) -> str:
    return f"  {name:<10} {value}"
