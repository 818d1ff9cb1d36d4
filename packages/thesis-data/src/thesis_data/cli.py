"""The command `thesis-data`."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from pydantic import ValidationError

from thesis_data.binned_file import write_binned_file
from thesis_data.config import DataConfig, DatasetNames
from thesis_data.layout import Layout
from thesis_data.synthetic.config import ToyConfig
from thesis_data.toy_dataset import ensure_dataset
from thesis_data.validation import FileReport, describe, inspect_file, list_problems
from thesis_facts.errors import ConfigError, DataError, ThesisError, explain


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code (0 fine, 1 a mistake or a file with errors)."""
    options = _parser().parse_args(arguments)
    try:
        code = options.run(options)
        sys.stdout.flush()  # here, where a reader that is gone can still be answered
        return code
    except ThesisError as error:
        print(f"thesis-data: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="thesis-data", description="Look at, check and make files of collision events."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    inspect = commands.add_parser("inspect", help="print what files hold, and their problems")
    inspect.set_defaults(run=_inspect)
    validate = commands.add_parser(
        "validate", help="print the problems of files; exit code 1 if one of them is an error"
    )
    validate.set_defaults(run=_validate)
    for command in (inspect, validate):
        command.add_argument(
            "files", type=Path, nargs="+", metavar="FILE", help="an H5 file of events (repeatable)"
        )
        _add_layout(command)

    binned = commands.add_parser("bin", help="write a file's events as binned tokens")
    binned.set_defaults(run=_bin)
    binned.add_argument("file", type=Path, metavar="IN", help="an H5 file of events")
    binned.add_argument("out", type=Path, metavar="OUT", help="the H5 file to write")
    binned.add_argument(
        "--bins", type=int, default=5, metavar="N", help="bins of pt, eta, phi, MET, METphi (5)"
    )
    binned.add_argument(
        "--background-only",
        action="store_true",
        help="edges from training events of all processes but 4t",
    )
    _add_layout(binned)

    simulate = commands.add_parser(
        "simulate-toy", help="make a file of toy Monte Carlo events (not for physics results)"
    )
    simulate.set_defaults(run=_simulate)
    simulate.add_argument("out", type=Path, metavar="OUT", help="the H5 file to write")
    simulate.add_argument("--events", type=int, default=30_000, help="in all splits (30000)")
    simulate.add_argument("--seed", type=int, default=42, help="of every draw (42)")
    return parser


def _add_layout(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--dataset",
        action="append",
        default=[],
        metavar="KEY=NAME",
        help="name of a dataset, e.g. x_train=events (repeatable)",
    )
    command.add_argument(
        "--n-tokens", type=int, default=18, metavar="T", help="objects in a row (18)"
    )


def _inspect(options: argparse.Namespace) -> int:
    reports = _print_each(options, lambda report: f"{describe(report)}\n")
    return 1 if any(report is None for report in reports) else 0


def _validate(options: argparse.Namespace) -> int:
    reports = _print_each(options, lambda report: f"{report.path}: {list_problems(report)}")
    return 1 if any(report is None or report.errors for report in reports) else 0


def _bin(options: argparse.Namespace) -> int:
    binning = write_binned_file(
        options.file,
        options.out,
        options.bins,
        background_only=options.background_only,
        names=_names(options.dataset),
        n_tokens=options.n_tokens,
    )
    print(
        f"{options.out}: {len(binning.vocabulary)} tokens; train on them with: thesis-train "
        f"data=h5_tokens_binned data.path={options.out} classifier.model.tokenizer.name=binned"
    )
    return 0


def _simulate(options: argparse.Namespace) -> int:
    if options.out.exists():
        raise DataError(f"{options.out} exists already", do="choose another name or delete it")
    try:
        toy = ToyConfig(n_events=options.events, seed=options.seed)
    except ValidationError as error:
        raise explain(error, ToyConfig) from error
    (path,) = ensure_dataset(DataConfig(path=str(options.out), synthetic=toy))
    print(f"{path}: {toy.n_events:,} events; see them with: thesis-data inspect {path}")
    return 0


def _print_each(
    options: argparse.Namespace, text: Callable[[FileReport], str]
) -> list[FileReport | None]:
    """Look at one file after the other; None for one that can't be read, which stops no other."""
    names, layout = _names(options.dataset), Layout(options.n_tokens)
    reports: list[FileReport | None] = []
    for file in options.files:
        try:
            report = inspect_file(file, names, layout)
        except DataError as error:
            reports.append(None)
            print(f"thesis-data: {error}", file=sys.stderr)
        else:
            reports.append(report)
            print(text(report), flush=True)
    return reports


def _names(settings: list[str]) -> DatasetNames | None:
    if not settings:
        return None
    try:
        return DatasetNames(**dict(setting.split("=", 1) for setting in settings))
    except ValidationError as error:
        raise explain(error, DatasetNames, "--dataset") from error
    except ValueError as error:
        raise ConfigError("--dataset takes KEY=NAME", found=" ".join(settings)) from error
