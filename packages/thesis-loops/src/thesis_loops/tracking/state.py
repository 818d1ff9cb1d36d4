"""What a mirror tells the training that it belongs to: `wandb/mirror.json`."""

from dataclasses import asdict, dataclass
from pathlib import Path

from thesis_facts.durable import write_json
from thesis_facts.errors import RunError
from thesis_facts.json_objects import read_object
from thesis_loops.tracking.library import FOLDER


@dataclass(frozen=True)
class MirrorState:
    """How far it is.

    Attributes
    ----------
    state : str
        connecting; waiting, where W&B did not answer and is tried again later; sending; done; or
        failed.
    url : str or None
        Page of the run, once W&B knows it.
    reason : str or None
        Why it waits or failed.
    """

    state: str
    url: str | None = None
    reason: str | None = None


def write_state(run_dir: Path, state: MirrorState) -> None:
    """Replace the file, all of it or nothing."""
    write_json(run_dir / FOLDER / "mirror.json", asdict(state))


def read_state(run_dir: Path) -> MirrorState | None:
    """None where there is none, or none that can be read."""
    try:
        content = read_object(run_dir / FOLDER / "mirror.json") or {}
        return MirrorState(**content)
    except (RunError, TypeError):
        return None
