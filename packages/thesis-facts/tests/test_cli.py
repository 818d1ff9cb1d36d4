"""The command: friendly output, exit codes, and no traceback for a mistake."""

import json
import subprocess
import sys

import pytest

from thesis_facts import append_scalars_csv, meta_hash
from thesis_facts.check import check_run
from thesis_facts.cli import main


@pytest.fixture
def run(make_run, tmp_path):
    """A run with all that a run should have."""
    run_dir = make_run(tmp_path / "runs" / "run_a")
    (run_dir / "best_val.pt").write_bytes(b"weights")
    return run_dir


def output(capsys, *arguments, code=0):
    assert main([str(argument) for argument in arguments]) == code
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    return captured.out + captured.err


def test_list_shows_every_run_and_what_was_passed_over(run, make_run, capsys):
    make_run(run.parent / "run_b", end="on_exception")
    (run.parent / "run_c").mkdir()
    lines = output(capsys, "list", run.parent).splitlines()
    assert lines[0].split()[:3] == ["run", "status", "model_family"]
    assert lines[1].split()[:2] == ["run_a", "complete"]
    assert lines[2].split()[:2] == ["run_b", "crashed"]
    assert lines[3] == f"skipped {run.parent}/run_c: not a run directory"


def test_names_of_others_can_not_steer_the_terminal(make_run, tmp_path, capsys):
    make_run(tmp_path / "runs" / "run_\x1b[2J_a")
    (tmp_path / "runs" / "run_\x1b]0;b").mkdir()
    for command in ("list", "check"):
        text = output(capsys, command, tmp_path / "runs", code=int(command == "check"))
        assert "\x1b" not in text
        assert "run_?[2J_a" in text
        assert "run_?]0;b" in text


def test_list_looks_into_the_output_root_by_itself(run, capsys, monkeypatch):
    monkeypatch.setenv("THESIS_OUTPUT_ROOT", str(run.parent.parent))
    assert "run_a" in output(capsys, "list")


def test_list_shows_the_columns_that_are_asked_for(run, capsys):
    text = output(capsys, "list", run, "--columns", "seed,dropout", "--format", "csv")
    assert text == f"run_dir,seed,dropout\n{run},1,0.1\n"
    [row] = json.loads(output(capsys, "list", run, "--columns", "all", "--format", "json"))
    assert row["meta_hash"].startswith("sha1:")
    text = output(capsys, "list", run, "--columns", "metric_auroc", code=1)
    assert "did you mean metric_auroc_" in text


def test_show_says_all_that_is_known(run, capsys):
    text = output(capsys, "show", run)
    assert "metric_auroc_test" in text
    assert "ttH+ttW+ttWW+ttZ | 4t" in text
    assert json.loads(output(capsys, "show", run, "--format", "json"))["seed"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "{}/nowhere"],
        ["show", "{}/nowhere"],
        ["show", "{}/runs/run_*"],
        ["check", "{}/nowhere"],
        ["diff", "{}/runs/run_a", "{}/nowhere"],
        ["backfill-meta", "{}/nowhere"],
    ],
)
def test_a_mistake_gets_a_message_and_exit_code_1(run, make_run, tmp_path, capsys, arguments):
    make_run(run.parent / "run_b")
    text = output(capsys, *(part.format(tmp_path) for part in arguments), code=1)
    assert text.startswith("thesis-facts: ")


def test_an_unknown_command_is_answered_with_the_usage(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["lst"])
    assert caught.value.code == 2
    assert "usage: thesis-facts" in capsys.readouterr().err


def test_check_finds_nothing_wrong_with_a_whole_run(run, capsys):
    assert not [finding for finding in check_run(run) if finding.is_wrong]
    assert output(capsys, "check", run).startswith(f"{run}: good\n")


def spoil(run_dir, how):
    facts = run_dir / "facts"
    if how == "no events":
        (facts / "events.jsonl").unlink()
    elif how == "torn event":
        with open(facts / "events.jsonl", "ab") as file:
            file.write(b'{"moment": ')
    elif how == "broken event":
        text = (facts / "events.jsonl").read_bytes()
        (facts / "events.jsonl").write_bytes(b"garbage\n" + text)
    elif how == "no scalars":
        (facts / "scalars.csv").unlink()
    elif how == "torn scalars":
        with open(facts / "scalars.csv", "ab") as file:
            file.write(b"3,va")
    elif how == "shifted scalars":
        with open(facts / "scalars.csv", "ab") as file:
            file.write(b"3,val,1,2,3,4,5,6,7,8,9,10,11,12\n")
    elif how == "diverged":
        append_scalars_csv(run_dir, {"epoch": 3, "split": "val", "val_loss": float("nan")})
    elif how == "no metrics":
        lines = (facts / "scalars.csv").read_text().splitlines()
        kept = [",".join(line.split(",")[:7]) for line in lines]
        (facts / "scalars.csv").write_text("\n".join(kept) + "\n")
    elif how == "no checkpoint":
        (run_dir / "best_val.pt").unlink()
    elif how == "only the last checkpoint":
        (run_dir / "best_val.pt").rename(run_dir / "last.pt")
    elif how == "empty checkpoint":
        (run_dir / "best_val.pt").write_bytes(b"")
    elif how == "no config":
        (facts / "config.json").unlink()
    elif how == "unreadable meta":
        (facts / "meta.json").write_text("{")
    elif how == "meta by hand":
        meta = json.loads((facts / "meta.json").read_text())
        (facts / "meta.json").write_text(json.dumps(meta | {"goal": "other"}))


@pytest.mark.parametrize(
    ("how", "finding"),
    [
        ("no events", "no events"),
        ("torn event", "events: the last line is torn"),
        ("broken event", "events: 1 of the lines can't be read"),
        ("no scalars", "scalars: none"),
        ("torn scalars", "scalars: the last row is torn"),
        ("shifted scalars", "scalars: 1 of the rows can't be read"),
        ("diverged", "metrics: the last validation loss is not a number"),
        ("no metrics", "metrics: none, of a classifier"),
        ("no checkpoint", "checkpoint: none"),
        ("only the last checkpoint", "checkpoint: no best_val.pt"),
        ("empty checkpoint", "checkpoint: best_val.pt is empty"),
        ("no config", "config: no configuration"),
        ("unreadable meta", "meta.json"),
        ("meta by hand", "don't belong to its hash"),
    ],
)
def test_check_names_what_is_wrong_and_exits_1(run, capsys, how, finding):
    spoil(run, how)
    text = output(capsys, "check", run, code=1)
    assert f"{run}: wrong" in text
    assert any("wrong  " in line and finding in line for line in text.splitlines()[1:])


@pytest.mark.parametrize(
    ("end", "finding"),
    [("on_exception", "crashed, RuntimeError"), (None, "the last event is on_epoch_end")],
)
def test_check_names_a_missing_end(make_run, tmp_path, capsys, end, finding):
    run_dir = make_run(tmp_path / "run", end=end)
    assert finding in output(capsys, "check", run_dir, code=1)


def test_diff_says_what_differs_and_whether_the_metric_does(run, make_run, make_config, capsys):
    other = make_run(run.parent / "run_b", config=make_config(dropout=0.3))
    text = output(capsys, "diff", run, other)
    assert "classifier.model.dropout  0.1  0.3" in text
    assert "seed: the same" in text
    assert "no more than its uncertainty (uncertainties of both runs, added in quadrature)" in text


def test_backfill_rebuilds_meta_from_the_configuration_alone(make_older_run, tmp_path, capsys):
    run_dir = make_older_run(tmp_path / "run")
    meta_file = run_dir / "facts" / "meta.json"
    text = output(capsys, "backfill-meta", run_dir, "--dry-run")
    assert "none -> sha1:4f53f0232bfc" in text
    assert not meta_file.exists()
    output(capsys, "backfill-meta", run_dir)
    meta = json.loads(meta_file.read_text())
    assert meta["meta_source"] == "backfill"
    assert meta["meta_hash"] == meta_hash(meta) == "sha1:4f53f0232bfc"
    assert "as before" in output(capsys, "backfill-meta", run_dir)


def test_backfill_goes_on_after_a_run_that_has_no_configuration(make_older_run, tmp_path, capsys):
    make_older_run(tmp_path / "a")
    (tmp_path / "b" / "facts").mkdir(parents=True)
    text = output(capsys, "backfill-meta", tmp_path, code=1)
    assert "no configuration" in text
    assert (tmp_path / "a" / "facts" / "meta.json").exists()


def test_backfill_asks_for_a_review_where_something_is_open(make_older_run, tmp_path, capsys):
    run_dir = make_older_run(tmp_path / "run", loop="mine")
    assert "needs a review (missing_goal, missing_model_family)" in output(
        capsys, "backfill-meta", run_dir
    )


def test_a_reader_that_has_seen_enough_is_no_error(run):
    code = "import sys; from thesis_facts.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "show", str(run)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    _, errors = process.communicate()
    assert (process.returncode, errors) == (0, b"")
