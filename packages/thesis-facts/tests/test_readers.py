"""Many runs in two tables, whatever some of them look like."""

import hashlib
import math

import pandas as pd
import polars as pl
import pytest

from thesis_facts import RunError, load_runs, read_config, write_json, write_meta, write_pointer
from thesis_facts.run_facts import read_run


@pytest.fixture
def sweep(make_run, make_config, tmp_path):
    """Three runs of a sweep: dropout 0.0, 0.1, 0.2, seeds 1, 2, 3."""
    folder = tmp_path / "multiruns" / "exp_20260101-000000_dropout"
    for job in range(3):
        config = make_config(dropout=0.1 * job)
        config["classifier"]["trainer"]["seed"] = job + 1
        run_dir = tmp_path / "runs" / f"run_20260101-000000_dropout_job{job:03d}"
        make_run(run_dir, config=config, seed=job + 1, val_losses=(0.9, 0.5 - 0.1 * job, 0.7))
        overrides = [
            f"classifier.model.dropout={0.1 * job:g}",
            f"classifier.trainer.seed={job + 1}",
        ]
        write_pointer(folder, job, run_dir, [*overrides, "hydra/launcher=joblib"])
    return folder


def runs_of(sweep):
    return sorted((sweep.parent.parent / "runs").iterdir())


def test_a_row_per_run_says_what_it_was_and_what_came_out(sweep):
    runs = load_runs(sweep).runs
    first = runs.iloc[0]
    assert list(runs["model.dropout"]) == [0.0, 0.1, 0.2]
    assert list(runs["seed"]) == [1, 2, 3]
    assert first["run_id"] == "11111111-2222-3333-4444-555555555555"
    assert first["status"] == "complete"
    assert first["best_epoch"] == 1
    assert first["epochs"] == first["epochs_run"] == 3
    assert list(runs["loss.total_best"]) == pytest.approx([0.5, 0.4, 0.3])
    assert list(runs["loss.total_final"]) == [0.7] * 3
    assert list(runs["metric_auroc_best"]) == pytest.approx([0.75, 0.8, 0.85])
    assert first["metric_auroc_final"] == pytest.approx(0.65)
    assert first["metric_auroc_test"] == 0.71
    assert first["metric_auroc_uncertainty_test"] == 0.01
    assert "metric_loss_best" not in runs
    assert first["total_time_s"] == 12.5
    assert first["mean_epoch_time_s"] == 2.0
    assert first["throughput_mean"] == 100.0
    assert first["max_memory_mib_max"] == 64.0
    assert first["goal"] == "classification"
    assert first["datatreatment.met_rep"] == "met_metphi"
    assert first["cont_features"] == "[0,1,2,3]"
    assert first["n_parameters"] == 1234
    assert runs["config_sha1"].nunique() == 3
    assert "launcher" not in runs


def test_it_unpacks_as_runs_epochs_by_run_and_order(sweep):
    loaded = load_runs(sweep)
    runs, per_epoch, order = loaded
    assert order == list(runs["run_dir"]) == [str(path) for path in runs_of(sweep)]
    assert list(per_epoch) == order
    assert len(per_epoch) == 3
    rows = per_epoch[order[1]]
    assert rows["run_dir"].unique().tolist() == [order[1]]
    assert list(rows.index) == list(range(7))
    assert list(rows.loc[rows["split"] == "val", "val_loss"]) == pytest.approx([0.9, 0.4, 0.7])
    assert len(loaded.epochs) == 21
    with pytest.raises(KeyError):
        per_epoch["elsewhere"]


def test_both_engines_hold_the_same(sweep):
    one, other = load_runs(sweep), load_runs(sweep, engine="polars")
    assert isinstance(other.runs, pl.DataFrame)
    assert isinstance(other.per_epoch[other.order[0]], pl.DataFrame)
    pd.testing.assert_frame_equal(one.runs, other.runs.to_pandas())
    pd.testing.assert_frame_equal(one.epochs, other.epochs.to_pandas())
    with pytest.raises(RunError, match="pandas or polars"):
        load_runs(sweep, engine="dask")


def test_tables_can_be_written_to(sweep):
    loaded = load_runs(sweep)
    for frame in (loaded.runs, loaded.epochs):
        for name in frame.columns:
            frame.loc[0, name] = frame.loc[1, name]
            assert frame.loc[0, name] == frame.loc[1, name] or pd.isna(frame.loc[0, name])


def test_named_runs_tell_their_overrides_themselves(make_older_run, tmp_path):
    make_older_run(tmp_path / "job0", seed=3)
    runs = load_runs(run_dirs=tmp_path / "job*").runs
    assert runs["trainer.seed"].tolist() == [3]
    assert runs["loop"].tolist() == ["transformer_classifier"]


def test_a_column_of_mixed_types_becomes_text(make_run, tmp_path):
    sweep = tmp_path / "multiruns" / "exp"
    for job, value in enumerate(["none", "3", "true"]):
        run_dir = make_run(tmp_path / "runs" / str(job))
        write_pointer(sweep, job, run_dir, [f"a.b={value}"])
    assert load_runs(sweep).runs["b"].tolist() == ["none", "3", "true"]


def test_runs_without_an_override_of_others_have_none(make_run, tmp_path):
    sweep = tmp_path / "multiruns" / "exp"
    for job, overrides in enumerate([["a.b=1"], ["a.c=x"]]):
        write_pointer(sweep, job, make_run(tmp_path / "runs" / str(job)), overrides)
    runs = load_runs(sweep, engine="polars").runs
    assert runs["b"].to_list() == [1, None]
    assert runs["c"].to_list() == [None, "x"]


def test_runs_that_did_not_end_are_passed_over_unless_asked_for(make_run, tmp_path):
    make_run(tmp_path / "a")
    make_run(tmp_path / "b", end="on_exception")
    make_run(tmp_path / "c", end=None, val_losses=(0.5,))
    loaded = load_runs(tmp_path)
    assert loaded.order == [str(tmp_path / "a")]
    assert [reason for _, reason in loaded.skipped] == [
        "crashed: RuntimeError: loss is not finite",
        "incomplete: its last event is on_epoch_end",
    ]
    runs = load_runs(tmp_path, require_complete=False, engine="polars").runs
    assert runs["status"].to_list() == ["complete", "crashed", "incomplete"]
    assert runs["error"].to_list() == [None, "RuntimeError: loss is not finite", None]
    assert runs["epochs_run"].to_list() == [3, 3, 1]


def test_a_run_that_failed_before_its_first_epoch_is_there_when_asked_for(make_run, tmp_path):
    make_run(tmp_path / "a", end="on_exception", val_losses=())
    runs = load_runs(tmp_path, require_complete=False).runs
    assert runs["status"].tolist() == ["crashed"]
    assert math.isnan(runs["loss.total_best"][0])


def test_only_runs_that_did_not_end_give_empty_tables(make_run, tmp_path):
    make_run(tmp_path / "a", end=None)
    loaded = load_runs(tmp_path)
    assert len(loaded.runs) == len(loaded.epochs) == len(loaded.per_epoch) == 0
    assert {"run_dir", "status", "seed", "best_epoch"} <= set(loaded.runs.columns)
    assert len(loaded.skipped) == 1


def spoil(run_dir, how):
    facts = run_dir / "facts"
    if how == "no events":
        (facts / "events.jsonl").unlink()
    elif how == "binary events":
        (facts / "events.jsonl").write_bytes(b"\x80\x81" * 1000)
    elif how == "empty directory":
        for path in facts.iterdir():
            path.unlink()
    elif how == "events are a directory":
        (facts / "events.jsonl").unlink()
        (facts / "events.jsonl").mkdir()
    elif how == "override that makes no sense":
        (facts / "meta_override.json").write_text('{"gaol": 1}')


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("no events", "no events"),
        ("binary events", "no readable event"),
        ("empty directory", "no events"),
        ("events are a directory", "can't read"),
        ("override that makes no sense", "unknown field"),
    ],
)
def test_one_broken_run_never_stops_the_others(sweep, how, reason):
    broken = runs_of(sweep)[1]
    spoil(broken, how)
    loaded = load_runs(sweep)
    assert len(loaded.runs) == 2
    [(path, found)] = loaded.skipped
    assert path == str(broken)
    assert reason in found


@pytest.mark.parametrize("name", ["meta.json", "axes.json", "config.json"])
@pytest.mark.parametrize("content", [None, b"{", b"\xff\xfe", b"[]"])
def test_a_small_file_that_is_lost_costs_only_what_nothing_else_tells(sweep, name, content):
    path = runs_of(sweep)[1] / "facts" / name
    before = load_runs(sweep).runs
    path.write_bytes(content) if content else path.unlink()
    loaded = load_runs(sweep)
    assert loaded.skipped == []
    changed = {"config.json": ["config_sha1"], "meta.json": ["meta_source"]}
    changed = changed.get(name, ["n_parameters"])
    pd.testing.assert_frame_equal(
        before.drop(columns=changed), loaded.runs.drop(columns=changed), check_dtype=False
    )


@pytest.mark.parametrize(
    "meta",
    [
        {"datatreatment": ["a"]},
        {"process_groups": 3},
        {"model_family": ["ae"]},
        {"needs_review_reason": [1]},
    ],
)
def test_a_meta_of_another_form_is_inferred_anew(sweep, meta):
    write_json(runs_of(sweep)[1] / "facts" / "meta.json", meta)
    runs = load_runs(sweep).runs
    assert runs["meta_source"].tolist() == ["live", "backfill", "live"]
    assert runs["meta_hash"].nunique() == 1


def test_what_no_check_foresaw_costs_one_run(sweep, monkeypatch):
    def read(run_dir, overrides):
        if run_dir.endswith("job001"):
            raise AttributeError("'list' object has no attribute 'get'")
        return read_run(run_dir, overrides)

    monkeypatch.setattr("thesis_facts.readers.read_run", read)
    loaded = load_runs(sweep)
    assert len(loaded.runs) == 2
    assert "unknown form: 'list' object" in loaded.skipped[0][1]


def scalars_file(sweep, job=1):
    return runs_of(sweep)[job] / "facts" / "scalars.csv"


def test_a_torn_last_row_is_left_out(sweep):
    path = scalars_file(sweep)
    path.write_bytes(path.read_bytes()[:-3])
    loaded = load_runs(sweep, engine="polars")
    assert len(loaded.per_epoch[loaded.order[1]]) == 6
    assert loaded.runs["metric_auroc_test"].to_list() == [0.71, None, 0.71]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text.replace(b"0,val", b"0,val,0.1", 1),  # one cell too many
        lambda text: text.replace(b",64.0", b"", 1),  # one too few
        lambda text: text.replace(b"0.4", b"what", 1),
        lambda text: None,
        lambda text: b"",
        lambda text: text.partition(b"\n")[0] + b"\n",
    ],
)
def test_broken_scalars_are_rebuilt_from_the_events(sweep, spoil):
    path = scalars_file(sweep)
    text = spoil(path.read_bytes())
    path.write_bytes(text) if text is not None else path.unlink()
    loaded = load_runs(sweep)
    assert loaded.skipped == []
    rows = loaded.per_epoch[loaded.order[1]]
    assert list(rows["split"]) == ["val"] * 3
    assert list(rows["val_loss"]) == pytest.approx([0.9, 0.4, 0.7])
    assert loaded.runs["loss.total_best"][1] == pytest.approx(0.4)
    assert loaded.runs["metric_auroc_best"][1] == pytest.approx(0.8)
    assert loaded.runs["loss.total_best"][2] == pytest.approx(0.3)  # positions still fit


def test_a_complete_run_without_any_number_is_passed_over(sweep):
    run_dir = runs_of(sweep)[1]
    (run_dir / "facts" / "scalars.csv").unlink()
    events = run_dir / "facts" / "events.jsonl"
    lines = events.read_text().splitlines(keepends=True)
    events.write_text("".join(line for line in lines if "on_epoch_end" not in line))
    loaded = load_runs(sweep)
    assert loaded.skipped == [(str(run_dir), "neither scalars nor epochs in its events")]
    assert loaded.runs["loss.total_best"].tolist() == pytest.approx([0.5, 0.3])
    assert list(loaded.per_epoch[loaded.order[1]]["val_loss"].dropna()) == pytest.approx(
        [0.9, 0.3, 0.7]
    )


def test_a_loss_that_diverged_is_null_and_never_the_best(make_run, tmp_path):
    make_run(tmp_path / "a", val_losses=(0.5, 0.9, float("nan")))
    runs = load_runs(tmp_path).runs
    assert runs["best_epoch"].tolist() == [0]
    assert runs["loss.total_best"].tolist() == [0.5]
    assert math.isnan(runs["loss.total_final"][0])


def test_the_epoch_of_the_best_checkpoint_counts_where_the_run_names_it(make_run, tmp_path):
    make_run(tmp_path / "a", best_epoch=2)
    runs = load_runs(tmp_path).runs
    assert runs["best_epoch"].tolist() == [2]
    assert runs["loss.total_best"].tolist() == [0.7]


def test_older_runs_load_beside_ours(make_run, make_older_run, tmp_path):
    make_older_run(tmp_path / "job0", seed=3)
    make_older_run(tmp_path / "job000", config_name="cfg.yaml")
    make_run(tmp_path / "run")
    loaded = load_runs(tmp_path)
    runs = loaded.runs.set_index(loaded.runs["run_dir"].str.rpartition("/")[2])
    assert loaded.skipped == []
    assert runs.loc["job0", "seed"] == 3  # not the one in its events' meta
    assert runs.loc["job0", "run_id"] == "id-0"
    assert runs.loc["job0", "best_epoch"] == 1
    assert runs.loc["job0", "metric_acc_final"] == 0.47
    assert runs.loc["job0", "git_commit"] == "3b5cb94"
    assert pd.isna(runs.loc["job0", "max_memory_mib_max"])
    assert pd.isna(runs.loc["job0", "n_parameters"])
    assert runs.loc["job000", "meta_hash"] == "sha1:4f53f0232bfc"
    assert runs["cont_features"].tolist() == ["[0,1,2,3]"] * 3


def test_an_older_autoencoder_tells_the_terms_of_its_loss(make_run, make_older_run, tmp_path):
    make_older_run(tmp_path / "job0", loop="ae")
    make_run(tmp_path / "run")
    runs = load_runs(tmp_path, engine="polars").runs
    assert runs["loss.recon_best"].to_list() == [0.8, None]
    assert "loss.codebook_best" not in runs


def test_the_oldest_runs_kept_their_commit_in_a_file(make_older_run, tmp_path):
    run_dir = make_older_run(tmp_path / "job0")
    events = run_dir / "facts" / "events.jsonl"
    events.write_text(events.read_text().replace('"git_commit": "3b5cb94", ', ""))
    (run_dir / "facts" / "git_commit.txt").write_text("abc123\n")
    assert load_runs(tmp_path).runs["git_commit"].tolist() == ["abc123"]


def test_the_hash_of_a_configuration_is_of_its_file(make_run, make_older_run, tmp_path):
    ours = make_run(tmp_path / "a") / "facts" / "config.json"
    older = make_older_run(tmp_path / "b") / ".hydra" / "config.yaml"
    expected = [hashlib.sha1(path.read_bytes()).hexdigest() for path in (ours, older)]
    assert load_runs(tmp_path).runs["config_sha1"].tolist() == expected


def test_an_older_configuration_is_not_parsed_where_its_facts_say_all(
    make_older_run, tmp_path, monkeypatch
):
    run_dir = make_older_run(tmp_path / "a")
    write_meta(run_dir, read_config(run_dir), source="backfill")
    monkeypatch.setattr("yaml.load", lambda *a, **k: pytest.fail("parsed again"))
    runs = load_runs(tmp_path).runs
    assert runs["cont_features"].tolist() == ["[0,1,2,3]"]
    assert runs["dim"].tolist() == [32]


def test_an_override_of_meta_reaches_the_table(make_run, tmp_path):
    run_dir = make_run(tmp_path / "a")
    write_json(run_dir / "facts" / "meta_override.json", {"dataset_name": "mine"})
    runs = load_runs(tmp_path).runs
    assert runs["row_key"].tolist() == ["mine::ttH+ttW+ttWW+ttZ|4t"]
    assert runs["meta_source"].tolist() == ["override"]


def test_a_thousand_runs_are_parsed_once(make_run, tmp_path, monkeypatch):
    for number in range(5):
        make_run(tmp_path / str(number))
    calls = []
    read_csv = pl.read_csv
    monkeypatch.setattr(pl, "read_csv", lambda *a, **k: calls.append(1) or read_csv(*a, **k))
    load_runs(tmp_path)
    assert len(calls) == 1
