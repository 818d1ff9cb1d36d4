"""The mirror of a run that trains: a process beside it, which training never waits for."""

import importlib.util
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from thesis_loops.engine.signals import Interrupted
from thesis_loops.logging_config import WandbSettings
from thesis_loops.tracking.library import FOLDER, files_dir, library_environment, mode_of
from thesis_loops.tracking.state import MirrorState, read_state
from thesis_loops.tracking.trainer import ENDED, NEWS, STOPPED

log = logging.getLogger("thesis_loops")

PATIENCE_S = 10.0
"""How long the end of a run waits for W&B, at most."""

_PATIENCE_INTERRUPTED_S = 2.0  # whoever stops a run wants its place

_OF_ANOTHER_RUN = (
    "WANDB_SERVICE",
    "WANDB_RUN_ID",
    "WANDB_RESUME",
    "WANDB_SWEEP_ID",
    "WANDB_SWEEP_PARAM_PATH",
)


class Mirror:
    """A sink of the events of a run: tells the process beside it that facts have grown.

    Parameters
    ----------
    run_dir : Path
        Of the run.
    settings : WandbSettings
        Where to mirror it.
    """

    __name__ = "the mirror at W&B"  # as the recorder calls a sink that fails

    def __init__(self, run_dir: Path, settings: WandbSettings) -> None:
        self._run_dir = run_dir.resolve()
        folder = str(files_dir(run_dir, settings))  # relative to where the user is
        self._settings = settings.model_copy(update={"dir": folder, "mode": mode_of(settings)})
        self._process: subprocess.Popen[bytes] | None = None
        self._is_off = mode_of(settings) == "disabled"

    def __enter__(self) -> Self:
        return self

    def __call__(self, event: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        """Facts have grown."""
        if self._is_off:
            return
        if self._process is None:
            self._try_to_start()
        elif self._process.poll() is not None:
            self._give_up()
        else:
            self._say(NEWS)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process is None or self._is_off:
            return
        interrupted = isinstance(error, Interrupted)
        self._say(STOPPED if interrupted else ENDED)
        with suppress(OSError):
            self._pipe.close()
        state = read_state(self._run_dir)
        patience = _PATIENCE_INTERRUPTED_S if interrupted else PATIENCE_S
        try:
            self._process.wait(0 if state and state.state == "waiting" else patience)
        except subprocess.TimeoutExpired:
            self._leave()
        except KeyboardInterrupt:  # whoever does not want to wait so long
            self._leave()
            raise
        else:
            self._report()

    def _leave(self) -> None:
        """The process ends by itself within minutes; somebody has to take its exit code."""
        assert self._process is not None
        threading.Thread(target=self._process.wait, daemon=True).start()
        if self._settings.mode == "offline":
            log.warning(
                "not all of the run is written for W&B yet; once it is, send it with: "
                f"thesis-wandb sync {self._run_dir}"
            )
            return
        state = read_state(self._run_dir)
        reason = f" ({state.reason})" if state and state.reason else ""
        log.warning(
            f"W&B has not taken all of the run yet{reason}; if it stays so, send it with: "
            f"thesis-wandb migrate {self._run_dir}"
        )

    def _try_to_start(self) -> None:
        try:
            self._start()
        except OSError as error:
            self._is_off = True
            log.warning(
                f"not mirrored at W&B: {error}; when it is over, send it with: "
                f"thesis-wandb migrate {self._run_dir}"
            )

    def _start(self) -> None:
        if importlib.util.find_spec("wandb") is None:
            self._is_off = True
            log.warning(
                "logging.use_wandb needs the extra wandb: pip install 'thesis-loops[wandb]'; "
                "the run goes on without"
            )
            return
        folder = self._run_dir / FOLDER
        folder.mkdir(exist_ok=True)
        (folder / "mirror.json").unlink(missing_ok=True)  # of an earlier piece
        command = [sys.executable, "-P", "-m", "thesis_loops.tracking", str(self._run_dir)]
        with open(folder / "mirror.log", "ab") as output:
            self._process = subprocess.Popen(
                [*command, self._settings.model_dump_json()],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd=self._run_dir,
                env=_environment(self._run_dir),
                # ctrl-C is not for it; in a session of its own nice would count for nothing
                process_group=0,
            )
        assert self._process.stdin is not None
        self._pipe = self._process.stdin
        os.set_blocking(self._pipe.fileno(), False)

    def _say(self, what: bytes) -> None:
        with suppress(BlockingIOError, BrokenPipeError):  # it has news enough, or has ended
            os.write(self._pipe.fileno(), what)

    def _give_up(self) -> None:
        self._is_off = True
        with suppress(OSError):
            self._pipe.close()
        self._report("when it is over, send it")

    def _report(self, later: str = "facts are complete, send it later") -> None:
        state = read_state(self._run_dir) or MirrorState("failed")
        if state.state == "done":
            sync = f"send it with: thesis-wandb sync {self._run_dir}"
            log.info(f"at W&B: {state.url}" if state.url else f"mirrored offline; {sync}")
            return
        reason = state.reason or f"its process died, see {self._run_dir / FOLDER}/mirror.log"
        log.warning(
            f"not all of the run is at W&B: {reason}; {later} with: "
            f"thesis-wandb migrate {self._run_dir}"
        )


def _environment(run_dir: Path) -> dict[str, str]:
    """Without what a library at work in this process says of its own run and service."""
    variables = os.environ | library_environment(run_dir)
    return {name: value for name, value in variables.items() if name not in _OF_ANOTHER_RUN}
