"""Configs that draw, and ways to see what was drawn."""

from pathlib import Path
from typing import Any

from thesis_loops.logging_config import LoggingSection
from thesis_loops.monitoring.families import FAMILIES

MOMENTS = ("on_epoch_end_quick", "on_validation_end", "on_test_end", "on_train_end_full")


def drawing(*moments: str, **changes: Any) -> dict[str, Any]:
    """Changes to a config: all families, at these moments (else at all), as small as they get."""
    wanted = moments or MOMENTS
    return {
        "logging__make_plots": True,
        "logging__plots_time_share": None,
        "logging__dpi": 30,
        "logging__families": dict.fromkeys(FAMILIES, True),
        "logging__moments": {moment: moment in wanted for moment in MOMENTS},
    } | {f"logging__{key}": value for key, value in changes.items()}


def settings_for(*moments: str, **changes: Any) -> LoggingSection:
    """The section alone."""
    values = drawing(*moments, **changes)
    return LoggingSection(
        epoch_histories=True,
        scores={"max_events": 0, "embeddings": False},
        evaluation={"train_events": 0, "cost": False},
        **{
            "fig_format": "png",
            "figures_subdir": "figures",
            "file_naming": "{family}-{moment}-{epoch_or_step}",
            "use_wandb": False,
        }
        | {key.removeprefix("logging__"): value for key, value in values.items()},
    )


def drawn(run_dir: Path) -> dict[str, set[str]]:
    """Names of the families by "moment-epoch"; fails where a file is no whole picture."""
    found: dict[str, set[str]] = {}
    for path in (run_dir / "figures").iterdir():
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG"), path
        assert b"IEND" in content[-12:], path
        family, _, moment = path.stem.partition("-")
        found.setdefault(moment, set()).add(family)
    return found
