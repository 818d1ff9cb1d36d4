"""Bring W&B up to what the facts of a run say; any number of times, by whomever."""

import os
import shutil
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thesis_facts.durable import StrPath
from thesis_facts.errors import ThesisError
from thesis_facts.events import COMPLETE, CRASHED, INCOMPLETE
from thesis_facts.locks import lock_holder
from thesis_loops.engine.signals import EXIT_CHECKPOINTED
from thesis_loops.logging_config import WandbSettings
from thesis_loops.tracking import content
from thesis_loops.tracking.failures import MirrorError, NotReachedError, failure_of
from thesis_loops.tracking.library import (
    FOLDER,
    files_dir,
    library_environment,
    library_settings,
    mode_of,
)
from thesis_loops.tracking.lock import alone
from thesis_loops.tracking.state import MirrorState
from thesis_loops.tracking.trainer import Trainer

_RETRY_S = 60.0
_PAUSE_S = 2.0  # all facts are read again each time
_EXIT_CODES = {COMPLETE: 0, CRASHED: 1}
_KILLED = 1


@dataclass(frozen=True)
class MirrorOutcome:
    """What was sent of a run.

    Attributes
    ----------
    run_id : str
        Identifier at W&B.
    mode : str
        online or offline.
    status : str
        complete, crashed or incomplete: what W&B was told.
    n_rows : int
        Rows that it did not have yet; offline, all of them.
    url : str or None
        Page of the run; None offline.
    directory : str or None
        Files to be sent later; None online.
    """

    run_id: str
    mode: str
    status: str
    n_rows: int
    url: str | None
    directory: str | None


def mirror_run(
    run_dir: StrPath,
    settings: WandbSettings,
    trainer: Trainer | None = None,
    tell: Callable[[MirrorState], object] = lambda state: None,
) -> MirrorOutcome:
    """Send what W&B lacks of a run: rows beyond its last one, config, tags, summary and state.

    Parameters
    ----------
    settings : WandbSettings
        Where to; WANDB_MODE wins over `mode`.
    trainer : Trainer or None
        The training that writes the run now. Its facts are followed until it is over.
    tell : callable
        Called with each state on the way.

    Raises
    ------
    MirrorError
        W&B has not got all of it. The facts are untouched: call again whenever it is reachable.
    """
    holder = lock_holder(run_dir) if trainer is None else None
    if holder is not None:
        raise MirrorError("the run is still going on", found=holder, do="wait for it to end")
    with alone(run_dir, trainer), _environment(run_dir):
        run = _begin(run_dir, settings, trainer, tell)
        try:
            _describe(run_dir, settings, run)
            tell(MirrorState("sending", url=run.url or None))
            return _send(run_dir, settings, trainer, run)
        except ThesisError:
            raise
        except Exception as error:  # the library raises its own, and those of what it uses
            _end_library()
            raise failure_of(error) from error


def _send(
    run_dir: StrPath, settings: WandbSettings, trainer: Trainer | None, run: Any
) -> MirrorOutcome:
    rows = _Rows(run)
    while trainer is not None and not trainer.is_over:
        known = content.epoch_rows(run_dir)
        rows.send(row for row in known if row[0] % settings.log_freq == 0)
        trainer.wait()
        _wait(trainer, _PAUSE_S)
    rows.send(content.rows_of(run_dir, settings.log_freq))
    status = content.run_status(run_dir)
    if status == content.RUNNING:  # it is over, and about to let go of its directory
        status = INCOMPLETE
    summary = content.summary(run_dir) | {"status": status}
    if "error" not in summary and run.summary.get("error") is not None:
        del run.summary["error"]  # of a crash that the run got over
    run.summary.update(summary)
    if settings.log_artifacts and status in _EXIT_CODES:
        _send_checkpoint(run_dir, run)
    interrupted = trainer is not None and trainer.was_interrupted and status not in _EXIT_CODES
    if interrupted:
        run.mark_preempting()
    code = EXIT_CHECKPOINTED if interrupted else _EXIT_CODES.get(status, _KILLED)
    mode = mode_of(settings)
    piece, url = Path(run.settings.sync_dir), run.url or None
    run.finish(exit_code=code)
    if mode == "online":
        _check_sent(piece)
        _remove_pieces(piece.parent, "run", run.id)  # their files say nothing that facts don't
    else:
        _end_library()  # until then it may not have written all of it
        # the newest piece holds all of the run: sent beside it, rows would be double
        _remove_pieces(piece.parent, "offline-run", run.id, but=piece)
    directory = None if mode == "online" else str(piece)
    return MirrorOutcome(run.id, mode, status, rows.n_sent, url, directory)


def _begin(
    run_dir: StrPath,
    settings: WandbSettings,
    trainer: Trainer | None,
    tell: Callable[[MirrorState], object],
) -> Any:
    """A run of the library; while the training goes on, tried again until there is one."""
    while True:
        try:
            return _init(run_dir, settings)
        except Exception as error:  # as above
            failure = failure_of(error)
            _end_library()
            folder = files_dir(run_dir, settings) / FOLDER
            _remove_pieces(folder, "run", content.wandb_id(run_dir))
            is_worth_waiting = isinstance(failure, NotReachedError)
            if not is_worth_waiting or trainer is None or trainer.is_over:
                raise failure from error
            tell(MirrorState("waiting", reason=str(failure)))
        _wait(trainer, _RETRY_S)


def _init(run_dir: StrPath, settings: WandbSettings) -> Any:
    # an import of a second, which nobody else needs
    import wandb

    mode = mode_of(settings)
    folder = files_dir(run_dir, settings)
    folder.mkdir(parents=True, exist_ok=True)
    return wandb.init(
        id=content.wandb_id(run_dir),
        resume="allow",
        mode=mode,
        project=settings.project,
        entity=settings.entity,
        name=settings.run_name or content.run_name(run_dir),
        group=settings.group or content.sweep_group(run_dir),
        tags=_tags(run_dir, settings) if mode == "offline" else None,  # else they replace W&B's
        dir=str(folder),
        settings=wandb.Settings(**library_settings()),
    )


def _describe(run_dir: StrPath, settings: WandbSettings, run: Any) -> None:
    """Config and tags; first W&B says whether it is this run that it has rows of."""
    config = content.curated_config(run_dir)
    ids = {known[content.RUN_ID] for known in (config, run.config) if content.RUN_ID in known}
    if run.starting_step and len(ids) > 1:
        piece, url = Path(run.settings.sync_dir), run.url
        run.finish(exit_code=_EXIT_CODES.get(run.summary.get("status"), _KILLED))  # as it was
        _remove_pieces(piece.parent, "run", run.id)
        raise MirrorError(
            "W&B has another run of this name",
            found=url,
            do="give the directory of the run another name, or choose another project",
        )
    run.config.update(config, allow_val_change=True)
    if mode_of(settings) == "online":
        # what somebody gave it there stays, but that it needs a review may be settled
        others = [tag for tag in run.tags or () if tag != content.NEEDS_REVIEW]
        run.tags = tuple(dict.fromkeys((*_tags(run_dir, settings), *others)))


def _tags(run_dir: StrPath, settings: WandbSettings) -> Sequence[str]:
    return content.automatic_tags(run_dir) if settings.tags is None else settings.tags


def _end_library() -> None:
    """It starts anew when needed: a run that failed stays in its hands, and would be refused."""
    with suppress(ImportError, AttributeError):  # a broken installation was reported already
        import wandb

        wandb.teardown()


class _Rows:
    """Sends each epoch once: those that W&B has from before are known by their step."""

    def __init__(self, run: Any) -> None:
        self._run = run
        self._next_step = run.starting_step
        self.n_sent = 0

    def send(self, rows: Iterable[tuple[int, content.Row]]) -> None:
        """What is new of them."""
        for step, row in rows:
            if step >= self._next_step:
                self._run.log(row, step=step, commit=True)
                self._next_step = step + 1
                self.n_sent += 1


def _send_checkpoint(run_dir: StrPath, run: Any) -> None:
    path = Path(run_dir, "best_val.pt")
    if not path.is_file():
        return
    import wandb

    artifact = wandb.Artifact(f"{run.id}-best", type="model")
    artifact.add_file(str(path.resolve()), policy="immutable", skip_cache=True)
    run.log_artifact(artifact, aliases=["best"])


def _check_sent(piece: Path) -> None:
    """Of data that the server refused the library tells in its log alone."""
    with suppress(OSError):
        text = (piece / "logs" / "debug-internal.log").read_text(errors="replace")
        if "filestream: fatal error" in text:
            raise NotReachedError("W&B stopped taking data", do=f"see {piece}/logs")


def _remove_pieces(folder: Path, kind: str, run_id: str, but: Path | None = None) -> None:
    """Folders that the library made for this run; it makes another each time."""
    for piece in folder.glob(f"{kind}-????????_??????-{run_id}"):
        if piece != but:
            shutil.rmtree(piece, ignore_errors=True)


def _wait(trainer: Trainer, seconds: float) -> None:
    """For the end of the training, no longer than this; its news can wait."""
    until = time.monotonic() + seconds
    while not trainer.is_over and (left := until - time.monotonic()) > 0:
        trainer.wait(left)


@contextmanager
def _environment(run_dir: StrPath) -> Generator[None]:
    variables = library_environment(run_dir)
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        shutil.rmtree(Path(run_dir, FOLDER, "cache"), ignore_errors=True)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
