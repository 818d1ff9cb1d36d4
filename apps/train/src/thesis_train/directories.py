"""Where runs and sweeps go: names with a time stamp, each reserved by making it."""

from datetime import datetime
from itertools import count
from pathlib import Path

from omegaconf import OmegaConf


def register_resolvers() -> None:
    """Make `configs/hydra` able to name directories; a config asks once and keeps the answer."""
    resolvers = {
        "run_directory": run_directory,
        "sweep_directory": sweep_directory,
        "job_directory": job_directory,
    }
    for name, resolver in resolvers.items():
        OmegaConf.register_new_resolver(name, resolver, use_cache=True, replace=True)


def run_directory(run_dir: str | None, output_root: str, name: str) -> str:
    """`run_dir` where it is given, else a new `runs/run_TIMESTAMP_NAME`."""
    if run_dir is not None:
        return run_dir
    return reserve(Path(output_root) / "runs" / f"run_{_stamp()}_{name}")


def sweep_directory(output_root: str, name: str) -> str:
    """A new `multiruns/exp_TIMESTAMP_NAME`."""
    return reserve(Path(output_root) / "multiruns" / f"exp_{_stamp()}_{name}")


def job_directory(sweep_dir: str, number: int) -> str:
    """`runs/run_TIMESTAMP_NAME_jobNNN`, named after its sweep, which is unique."""
    sweep = Path(sweep_dir).absolute()
    name = f"run_{sweep.name.removeprefix('exp_')}_job{int(number):03d}"
    return str(sweep.parent.parent / "runs" / name)


def reserve(path: Path) -> str:
    """Make the directory, or the next free `path-2`, `path-3`, …; making it is what reserves it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        candidate = path if number == 1 else path.with_name(f"{path.name}-{number}")
        try:
            candidate.mkdir()
        except FileExistsError:
            continue
        return str(candidate)
    raise AssertionError("unreachable")


def _stamp() -> str:
    return datetime.now().strftime("%Y%m%d-%H%M%S")
