"""The process that mirrors one run while it trains: `python -m thesis_loops.tracking RUN_DIR …`.

Started by `thesis_loops.tracking.live`, which holds the other end of its standard input.
"""

import os
import sys
from pathlib import Path

from thesis_facts.errors import ThesisError
from thesis_loops.logging_config import WandbSettings
from thesis_loops.tracking.mirror import mirror_run
from thesis_loops.tracking.state import MirrorState, write_state
from thesis_loops.tracking.trainer import Trainer

_NICE = 19  # training comes first


def main(run_dir: str, settings: str) -> int:
    """Mirror a run until it is over; settings are those of `logging.wandb`, as JSON."""
    os.nice(_NICE)
    path = Path(run_dir)
    trainer = Trainer(sys.stdin.fileno())
    last = MirrorState("connecting")

    def tell(state: MirrorState) -> None:
        nonlocal last
        last = state
        write_state(path, state)

    tell(last)
    try:
        outcome = mirror_run(run_dir, WandbSettings.model_validate_json(settings), trainer, tell)
    except ThesisError as error:
        tell(MirrorState("failed", url=last.url, reason=str(error)))
        print(error, file=sys.stderr)
        return 1
    tell(MirrorState("done", url=outcome.url))
    print(outcome)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
