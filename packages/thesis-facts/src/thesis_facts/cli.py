"""``thesis-facts``: look at runs, check and compare them, without any other tool.

Whatever loads tables is imported by the command that needs it, so that ``--help`` is at hand.
"""

from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from thesis_facts.errors import RunError, ThesisError

if TYPE_CHECKING:
    import polars

    from thesis_facts.metric_difference import MetricDifference
    from thesis_facts.sweeps import PointProgress

_COLUMNS = (
    "status",
    "model_family",
    "epochs_run",
    "best_epoch",
    "loss.total_best",
    "metric_auroc_best",
    "metric_auroc_test",
    "total_time_s",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code is 1 where the user has something to mend."""
    options = _parser().parse_args(arguments)
    try:
        code = options.command(options)
        sys.stdout.flush()  # here, where a reader that is gone can still be answered
        return code
    except ThesisError as error:
        print(f"thesis-facts: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def list_runs(options: argparse.Namespace) -> int:
    """Print a row per run."""
    from thesis_facts.discovery import look_for_runs
    from thesis_facts.readers import load_runs
    from thesis_facts.sweep_text import progress_text
    from thesis_facts.text_table import printable, text_table

    planned = list(_planned(options.where))
    if planned and not look_for_runs(options.where).run_dirs:  # none of these has begun
        for sweep in planned:
            print(progress_text(*sweep), file=sys.stderr)
        return 0
    loaded = load_runs(options.where, require_complete=False, engine="polars")
    columns = _chosen_columns(options.columns, loaded.runs.columns)
    table = _tell_running(loaded.runs).select("run_dir", *columns)
    if options.format == "csv":
        print(table.write_csv(), end="")
    elif options.format == "json":
        print(table.write_json())
    else:
        rows = [(os.path.basename(run_dir), *cells) for run_dir, *cells in table.rows()]
        print(text_table(["run", *columns], rows))
    for path, reason in loaded.skipped:
        print(printable(f"skipped {path}: {reason}"), file=sys.stderr)
    for sweep in planned:
        print(progress_text(*sweep), file=sys.stderr)
    return 0


def watch_runs(options: argparse.Namespace) -> int:
    """Show runs while they run."""
    from thesis_facts.watch import watch

    watch(options.where, every=options.every, once=options.once)
    return 0


def show_run(options: argparse.Namespace) -> int:
    """Print what the facts of one run say."""
    from thesis_facts.evaluation import find_evaluation
    from thesis_facts.evaluation_text import evaluation_text
    from thesis_facts.readers import load_runs
    from thesis_facts.text_table import printable, shown

    loaded = load_runs(run_dirs=options.run, require_complete=False, engine="polars")
    if len(loaded.order) != 1:
        found = loaded.skipped[0][1] if loaded.skipped else f"{len(loaded.order)} runs"
        raise RunError("not one run that can be read", key=options.run, found=found)
    row = loaded.runs.row(0, named=True)
    known = {name: value for name, value in row.items() if value is not None}
    evaluation = find_evaluation(row["run_dir"])
    if options.format == "json":
        from thesis_facts.durable import json_text

        print(json_text({**known, "evaluation": evaluation}, indent=2), end="")
        return 0
    width = max(map(len, known))
    for name, value in known.items():
        print(f"{printable(name):{width}}  {shown(value)}")
    if evaluation is not None:
        print(f"\n{evaluation_text(evaluation)}")
    return 0


def check_runs(options: argparse.Namespace) -> int:
    """Print what run directories lack; 1 if anything is wrong with any of them."""
    from thesis_facts.check import check_run
    from thesis_facts.discovery import find_runs, look_for_runs
    from thesis_facts.locks import lock_holder
    from thesis_facts.sweep_text import missing_text
    from thesis_facts.text_table import printable

    planned = list(_planned(options.where))
    look = look_for_runs if planned else find_runs  # none of those sweeps may have begun
    found = look(options.where)
    wrong = len(found.skipped)
    for path, reason in found.skipped:
        print(f"{printable(path)}\n  wrong  {printable(reason)}")
    verdicts: Counter[str] = Counter()
    for run_dir in found.run_dirs:
        findings = check_run(run_dir)
        is_wrong = any(finding.is_wrong for finding in findings)
        verdict = "wrong" if is_wrong else "running" if lock_holder(run_dir) else "good"
        verdicts[verdict] += 1
        print(f"{printable(run_dir)}: {verdict}")
        for finding in findings:
            what = "\n         ".join(map(printable, finding.what.split("\n")))
            print(f"  {'wrong' if finding.is_wrong else 'note '}  {what}")
    for sweep, points, _ in planned:
        missing = missing_text(points)
        if missing is not None:
            wrong += 1
            print(f"{sweep}: wrong\n  wrong  {missing}")
    if len(found.run_dirs) > 1:
        counts = ", ".join(f"{number} {verdict}" for verdict, number in sorted(verdicts.items()))
        print(f"{len(found.run_dirs)} runs: {counts}")
    return 1 if wrong or verdicts["wrong"] else 0


def diff_runs(options: argparse.Namespace) -> int:
    """Print what differs between two runs."""
    from thesis_facts.compare import compare_runs
    from thesis_facts.text_table import text_table

    comparison = compare_runs(options.a, options.b)
    print(f"a  {options.a}\nb  {options.b}")
    for kind in ("config", "data", "code", "seed"):
        differences = getattr(comparison, kind)
        print(f"\n{kind}: {'' if differences else 'the same'}".rstrip())
        if differences:
            rows = [(d.key, d.a, d.b) for d in differences]
            print(text_table(["", "a", "b"], rows))
    print(f"\nmetric: {_metric_text(comparison.metric)}")
    return 0


def backfill_meta(options: argparse.Namespace) -> int:
    """Write ``meta.json`` anew from each run's configuration; 1 if a run has none to read."""
    from thesis_facts.backfill import backfill
    from thesis_facts.discovery import find_runs

    found = find_runs(options.where)
    failed = len(found.skipped)
    for path, reason in found.skipped:
        print(f"{path}: {reason}", file=sys.stderr)
    for run_dir in found.run_dirs:
        try:
            outcome = backfill(run_dir, write=not options.dry_run)
        except ThesisError as error:
            failed += 1
            print(f"{run_dir}: {error}", file=sys.stderr)
        else:
            print(f"{run_dir}: {outcome}")
    return 1 if failed else 0


def _planned(places: Sequence[str]) -> Iterator[tuple[str, list[PointProgress], bool]]:
    """Sweeps with a plan, with points that are no runs yet; whether these may wait in a queue."""
    from thesis_facts.sweeps import read_plan, sweep_progress

    for place in places:
        plan = read_plan(place) if os.path.isdir(place) else None
        if plan is not None and plan.points is not None:
            yield place, sweep_progress(place), plan.may_wait


def _tell_running(runs: polars.DataFrame) -> polars.DataFrame:
    """The table of runs, where those that a process works on are called running."""
    import polars

    from thesis_facts.locks import lock_holder

    states = [
        "running" if lock_holder(run_dir) else status
        for run_dir, status in runs.select("run_dir", "status").rows()
    ]
    return runs.with_columns(polars.Series("status", states))


def _metric_text(metric: MetricDifference | None) -> str:
    if metric is None:
        return "the runs share none"
    head = f"{metric.name} {metric.a:.4f} against {metric.b:.4f}"
    if metric.is_significant is None:
        return f"{head}, difference {metric.difference:+.4f} ({metric.basis})"
    more = "more" if metric.is_significant else "no more"
    return (
        f"{head}, difference {metric.difference:+.4f} ± {metric.uncertainty:.4f}: "
        f"{more} than its uncertainty ({metric.basis})"
    )


def _chosen_columns(asked: str | None, known: Sequence[str]) -> list[str]:
    if asked is None:
        return [name for name in _COLUMNS if name in known]
    if asked == "all":
        return [name for name in known if name != "run_dir"]
    names = [name.strip() for name in asked.split(",") if name.strip()]
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
            advice = f"did you mean {' or '.join(near)}?" if near else "--columns all shows them"
            raise RunError("no such column", key=name, do=advice)
    return [name for name in names if name != "run_dir"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="thesis-facts", description="Look at what training runs left behind."
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    def add(
        name: str, command: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=command)
        return added

    def add_where(added: argparse.ArgumentParser, default: str | None = None) -> None:
        added.add_argument(
            "where",
            metavar="RUNS",
            nargs="*" if default else "+",
            default=[default],
            help="run or sweep directories, or folders of runs; wildcards are expanded",
        )

    listing = add("list", list_runs, "a table of runs, finished or not")
    add_where(listing, default=_default_root())
    listing.add_argument(
        "--columns", metavar="A,B,…", help="columns of the table of runs; 'all' for all of them"
    )
    listing.add_argument("--format", choices=("table", "csv", "json"), default="table")

    watching = add("watch", watch_runs, "runs while they run: what is alive, how far, what failed")
    add_where(watching, default=_default_root())
    watching.add_argument(
        "--every", metavar="SECONDS", type=_seconds, default=5.0, help="between two looks (5)"
    )
    watching.add_argument("--once", action="store_true", help="look once, print it and end")

    show = add("show", show_run, "all that the facts of one run say")
    show.add_argument("run", metavar="RUN", help="run directory")
    show.add_argument("--format", choices=("table", "json"), default="table")

    check = add("check", check_runs, "what run directories lack; exit code 1 if anything is wrong")
    add_where(check)

    diff = add("diff", diff_runs, "what differs between two runs, and whether their metric does")
    diff.add_argument("a", metavar="A", help="run directory")
    diff.add_argument("b", metavar="B", help="run directory")

    backfill = add("backfill-meta", backfill_meta, "write meta.json anew from the configuration")
    add_where(backfill)
    backfill.add_argument("--dry-run", action="store_true", help="only say what would change")
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.1 <= seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text} is not between 0.1 and 86400 seconds")
    return seconds


def _default_root() -> str:
    return os.environ.get("THESIS_OUTPUT_ROOT", "outputs")
