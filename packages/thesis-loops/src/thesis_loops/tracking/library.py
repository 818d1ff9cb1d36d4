"""How the library of W&B is set up here: quiet, in one folder, with no more than what we send."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from thesis_facts.durable import StrPath
from thesis_loops.logging_config import WandbSettings
from thesis_loops.tracking.keys import KEY_VARIABLE, find_api_key

FOLDER = "wandb"
"""Of the files of a mirror in the directory of its run."""

INIT_TIMEOUT_S = 60.0
FINISH_TIMEOUT_S = 300.0

Mode = Literal["online", "offline", "disabled"]

_MODES: dict[str, Mode] = {
    "online": "online",
    "run": "online",
    "offline": "offline",
    "dryrun": "offline",
}


def mode_of(settings: WandbSettings) -> Mode:
    """online, offline or disabled; WANDB_MODE wins over the config."""
    wanted = os.environ.get("WANDB_MODE")
    if not wanted:
        return settings.mode
    return _MODES.get(wanted.lower(), "disabled")


def files_dir(run_dir: StrPath, settings: WandbSettings) -> Path:
    """Where the library makes its folder: `dir`, else WANDB_DIR, else the directory of the run."""
    chosen = settings.dir or os.environ.get("WANDB_DIR")
    return Path(os.path.expanduser(chosen) if chosen else run_dir).resolve()


def library_environment(run_dir: StrPath) -> dict[str, str]:
    """Variables that keep the library out of the user's home; what the user set stays as it is.

    The key is among them where there is one. The library would leave it in its files if it were
    given in any other way.
    """
    cache = Path(run_dir, FOLDER, "cache").resolve()
    defaults = {
        "WANDB_CACHE_DIR": str(cache),
        "WANDB_DATA_DIR": str(cache),
        "WANDB_ARTIFACT_DIR": str(cache / "artifacts"),
        "WANDB_SILENT": "true",
        "WANDB_ERROR_REPORTING": "false",
    }
    variables = {name: os.environ.get(name, value) for name, value in defaults.items()}
    key = find_api_key()
    return variables if key is None else variables | {KEY_VARIABLE: key}


def library_settings() -> Mapping[str, Any]:
    """Arguments of ``wandb.Settings``: no console, code, git or statistics of the machine."""
    return {
        "allow_val_change": True,
        "console": "off",
        "disable_code": True,
        "disable_git": True,
        "disable_job_creation": True,
        "finish_timeout": FINISH_TIMEOUT_S,
        "finish_timeout_raises": True,
        "init_timeout": INIT_TIMEOUT_S,
        "save_code": False,
        "silent": True,
        "symlink": False,
        "x_disable_machine_info": True,
        "x_disable_meta": True,
        "x_disable_stats": True,
        "x_save_requirements": False,
    }
