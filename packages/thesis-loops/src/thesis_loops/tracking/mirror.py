"""Bring W&B up to what the facts of a run say; any number of times, by whomever."""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from thesis_facts.durable import StrPath
from thesis_facts.errors import ThesisError
from thesis_facts.events import COMPLETE, CRASHED, INCOMPLETE
from thesis_facts.locks import lock_holder
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
from thesis_loops.tracking.state import MirrorState
from thesis_loops.tracking.trainer import Trainer

_RETRY_S = 60.0
_EXIT_CODES = {COMPLETE: 0, CRASHED: 1}
_INTERRUPTED = 85
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
    with _alone(run_dir, wait=trainer is not None), _environment(run_dir):
        run = _begin(run_dir, settings, trainer, tell)
        try:
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
    rows = _Rows(run, settings.log_freq)
    while trainer is not None and not trainer.is_over:
        rows.send(content.epoch_rows(run_dir))
        trainer.wait()
    rows.send(content.epoch_rows(run_dir), is_over=True)
    final = content.final_row(run_dir)
    if final is not None:
        rows.send([final], is_over=True)
    status = content.run_status(run_dir)
    if status == content.RUNNING:  # it is over, and about to let go of its directory
        status = INCOMPLETE
    run.summary.update(content.summary(run_dir) | {"status": status})
    if settings.log_artifacts and status in _EXIT_CODES:
        _send_checkpoint(run_dir, run)
    interrupted = trainer is not None and trainer.was_interrupted and status not in _EXIT_CODES
    if interrupted:
        run.mark_preempting()
    code = _INTERRUPTED if interrupted else _EXIT_CODES.get(status, _KILLED)
    mode = mode_of(settings)
    piece, url = Path(run.settings.sync_dir), run.url or None
    run.finish(exit_code=code)
    if mode == "online":
        _check_sent(piece)
        shutil.rmtree(piece, ignore_errors=True)  # its files say nothing that facts don't
    else:
        _end_library()  # until then it may not have written all of it
        _remove_earlier(piece, run.id)
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
            is_worth_waiting = isinstance(failure, NotReachedError)
            if not is_worth_waiting or trainer is None or trainer.is_over:
                raise failure from error
            tell(MirrorState("waiting", reason=str(failure)))
        _wait(trainer, _RETRY_S)


def _init(run_dir: StrPath, settings: WandbSettings) -> Any:
    # an import of a second, which nobody else needs
    import wandb

    automatic = content.automatic_tags(run_dir)
    tags = automatic if settings.tags is None else settings.tags
    mode = mode_of(settings)
    folder = files_dir(run_dir, settings)
    folder.mkdir(parents=True, exist_ok=True)
    run = wandb.init(
        id=content.wandb_id(run_dir),
        resume="allow",
        mode=mode,
        project=settings.project,
        entity=settings.entity,
        name=settings.run_name or content.run_name(run_dir),
        group=settings.group or content.sweep_group(run_dir),
        tags=tags if mode == "offline" else None,  # else they replace those at W&B
        config=content.curated_config(run_dir),
        dir=str(folder),
        settings=wandb.Settings(**library_settings()),
    )
    if mode == "online":
        # what somebody gave it there stays, but that it needs a review may be settled
        others = [tag for tag in run.tags or () if tag != content.NEEDS_REVIEW]
        run.tags = tuple(dict.fromkeys((*tags, *others)))
    return run


def _end_library() -> None:
    """It starts anew when needed: a run that failed stays in its hands, and would be refused."""
    with suppress(ImportError, AttributeError):  # a broken installation was reported already
        import wandb

        wandb.teardown()


class _Rows:
    """Sends each epoch once: those that W&B has from before are known by their step."""

    def __init__(self, run: Any, log_freq: int) -> None:
        self._run, self._log_freq = run, log_freq
        self._next_step = run.starting_step
        self.n_sent = 0

    def send(self, rows: list[tuple[int, content.Row]], is_over: bool = False) -> None:
        """What is new; of a run that is over the last row in any case."""
        for step, row in rows:
            if step % self._log_freq == 0 or (is_over and step == rows[-1][0]):
                self._log(step, row)

    def _log(self, step: int, row: content.Row) -> None:
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


def _remove_earlier(piece: Path, run_id: str) -> None:
    """Offline, the newest piece of a run holds all of it: sent beside it, rows would be double."""
    for file in piece.parent.glob(f"offline-run-*/run-{run_id}.wandb"):
        if file.parent != piece:
            shutil.rmtree(file.parent, ignore_errors=True)


def _wait(trainer: Trainer, seconds: float) -> None:
    """For the end of the training, no longer than this; its news can wait."""
    until = time.monotonic() + seconds
    while not trainer.is_over and (left := until - time.monotonic()) > 0:
        trainer.wait(left)


@contextmanager
def _alone(run_dir: StrPath, wait: bool) -> Generator[None]:
    """One mirror of a run at a time: that of an interrupted piece may still be sending."""
    folder = Path(run_dir, FOLDER)
    try:
        folder.mkdir(exist_ok=True)
        descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError:  # a run that can only be read, such as somebody else's
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError as error:
        os.close(descriptor)
        raise MirrorError(
            "another process mirrors the run", key=str(run_dir), do="wait for it"
        ) from error
    except OSError:  # a file system without locks: two mirrors of one run are rare, and harmless
        pass
    try:
        yield
    finally:
        with suppress(OSError):
            os.close(descriptor)


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
