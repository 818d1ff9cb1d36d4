"""``thesis-wandb``: keep the mirror of runs at W&B.

Each command is imported when it is asked for, and with it the library, so that ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from thesis_facts.errors import ThesisError

STATES = (
    "running",
    "finished",
    "crashed",
    "failed",
    "killed",
    "preempting",
    "preempted",
    "pending",
)

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns
    -------
    int
        0 where all is done; 1 where something is left, with its reason on stderr; 130 after ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        code = options.command(options)
        sys.stdout.flush()  # here, where a reader that is gone can still be answered
        return code
    except ThesisError as error:
        print(f"thesis-wandb: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("thesis-wandb: interrupted; the same command goes on", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def migrate(options: argparse.Namespace) -> int:
    """Bring W&B up to what the facts of runs say."""
    from thesis_wandb.migrate import migrate_runs

    return migrate_runs(options.runs, options.project, options.entity, dry_run=options.dry_run)


def sync(options: argparse.Namespace) -> int:
    """Send what was recorded offline."""
    from thesis_wandb.sync import sync_offline

    return sync_offline(options.dir, options.project, options.entity, killed=options.killed)


def backfill_labels(options: argparse.Namespace) -> int:
    """Give keys to the configs of runs that lack them."""
    from thesis_wandb.backfill import backfill

    return backfill(options.labels, options.project, options.entity, dry_run=options.dry_run)


def cleanup(options: argparse.Namespace) -> int:
    """List runs that pass filters, and delete them."""
    from thesis_wandb.cleanup import delete_runs
    from thesis_wandb.filters import Filters, age

    older_than = None if options.older_than is None else age(options.older_than)
    filters = Filters(options.group, tuple(options.tag), tuple(options.state), older_than)
    return delete_runs(filters, options.project, options.entity, delete=options.yes)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="thesis-wandb", description="Keep the mirror of runs at W&B."
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(
        name: str, command: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=command)
        added.add_argument(
            "--project",
            type=_not_empty,
            help="default: WANDB_PROJECT, else that of the run or of configs/logging",
        )
        added.add_argument(
            "--entity",
            type=_not_empty,
            help="default: WANDB_ENTITY, else that of the key's owner",
        )
        return added

    def add_dry_run(added: argparse.ArgumentParser) -> None:
        added.add_argument("--dry-run", action="store_true", help="only say what would be sent")

    added = add("migrate", migrate, "bring W&B up to what the facts of runs say")
    added.add_argument(
        "runs",
        metavar="RUNS",
        nargs="+",
        help="run or sweep directories, or folders of runs; wildcards are expanded",
    )
    add_dry_run(added)

    added = add("sync", sync, "send the runs that were recorded offline, and mark them as done")
    added.add_argument("dir", metavar="DIR", nargs="+", help="folder with offline runs below it")
    added.add_argument(
        "--killed",
        action="store_true",
        help="also files that don't end, of a run that was killed and not of one that trains",
    )

    added = add("backfill-labels", backfill_labels, "give keys to the configs that lack them")
    added.add_argument(
        "--labels", required=True, metavar="JSON", help="""as '{"data/detector": "CMS"}'"""
    )
    add_dry_run(added)

    added = add("cleanup", cleanup, "list runs that pass all filters; delete them with --yes")
    added.add_argument("--group", type=_not_empty, help="name of a sweep")
    added.add_argument(
        "--tag",
        action="append",
        type=_not_empty,
        default=[],
        help="of several, each must be there",
    )
    added.add_argument(
        "--state",
        action="append",
        default=[],
        choices=STATES,
        help="one of several is enough; without it runs at work are kept",
    )
    added.add_argument(
        "--older-than",
        metavar="AGE",
        type=_not_empty,
        help="last heard of longer ago: 30d, 12h, 4w",
    )
    added.add_argument("--yes", action="store_true", help="delete what is listed")
    return parser


def _not_empty(text: str) -> str:
    """A value, and not that of a variable of the shell that isn't set."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty; is a variable of the shell not set?")
    return text
