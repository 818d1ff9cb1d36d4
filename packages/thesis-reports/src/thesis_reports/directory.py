"""Where a report goes: the output root that its inputs lie in, and a directory of its own."""

import glob
import itertools
from datetime import datetime
from pathlib import Path

from thesis_facts.errors import ConfigError, RunError
from thesis_reports.config import ReportConfig

# the folders that an output root holds; a path below one of them gives the root away
_BELOW_THE_ROOT = ("runs", "multiruns")


def reserve_directory(config: ReportConfig, now: datetime) -> Path:
    """Create the report's directory, a new one even for reports of the same second.

    Returns
    -------
    Path
        ``{output_root}/reports/report_TIMESTAMP_NAME``, with ``-2``, ``-3``, … where taken.
    """
    name = config.outputs.report_subdir or f"report_{now:%Y%m%d-%H%M%S}_{safe_name(config.title())}"
    parts = Path(name).parts
    if Path(name).is_absolute() or ".." in parts or not parts:
        raise ConfigError(
            "a report stays inside the output root",
            key="outputs.report_subdir",
            found=name,
            expected="a name below reports/",
        )
    wanted = output_root(config) / "reports" / name
    for attempt in itertools.count(1):
        directory = wanted if attempt == 1 else wanted.with_name(f"{wanted.name}-{attempt}")
        try:
            directory.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _not_written(directory, error) from error
        try:
            directory.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise _not_written(directory, error) from error
        return directory
    raise AssertionError("counting never ends")


def _not_written(directory: Path, error: OSError) -> RunError:
    return RunError(
        "the report can't be written",
        key=str(directory),
        found=error.strerror,
        do="give a folder that can be written with env.output_root=PATH",
    )


def output_root(config: ReportConfig) -> Path:
    """The output root that is given, or else the one that the inputs lie in.

    Inputs that don't lie below ``runs/`` or ``multiruns/`` get their report beside them.
    """
    if config.env.output_root is not None:
        return Path(config.env.output_root).expanduser().resolve()
    given = (config.inputs.sweeps() or config.inputs.run_dirs or ["."])[0]
    source = _first_match(given)
    for folder in (source, *source.parents):
        if folder.name in _BELOW_THE_ROOT:
            return folder.parent
    return source.parent


def _first_match(pattern: str) -> Path:
    path = Path(pattern).expanduser()
    matches = sorted(glob.glob(str(path))) if not path.exists() else []
    return Path(matches[0] if matches else path).resolve()


def safe_name(name: str) -> str:
    """A name that any file system takes."""
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in name)
