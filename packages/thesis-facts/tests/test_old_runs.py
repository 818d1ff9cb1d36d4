"""Runs of earlier code: what is known of them comes out, what is not is null and never guessed."""

import json
import re

import pytest
import yaml

from thesis_facts import load_runs, meta_hash, read_histories, read_meta
from thesis_facts.check import check_run
from thesis_facts.cli import main
from thesis_facts.meta import CANONICAL_FIELDS

LOOPS = ("transformer_classifier", "mlp_classifier", "bdt_classifier", "ae")
FAMILIES = dict(zip(LOOPS, ("transformer", "mlp", "bdt", "ae"), strict=True))


@pytest.fixture
def old_run(make_older_run):
    """Write a run of one of the old loops: ``old_run(path, loop)``."""

    def write(run_dir, loop="transformer_classifier", **more):
        make_older_run(run_dir, loop=loop, **more)
        if loop == "ae":
            write_autoencoder(run_dir / "facts")
        return run_dir

    return write


def write_autoencoder(facts):
    """Train and val rows, the perplexity of its codebook, the terms of its loss in histories."""
    lines = [
        "epoch,split,train_loss,val_loss,epoch_time_s,throughput,max_memory_mib,metric_perplex"
    ]
    for epoch, loss in enumerate((0.9, 0.7)):
        lines.append(f"{epoch},train,{loss + 0.1},,1.5,2000.0,,")
        lines.append(f"{epoch},val,,{loss},1.5,2000.0,,{10 + epoch}.5")
    (facts / "scalars.csv").write_text("\r\n".join(lines) + "\r\n")
    text = (facts / "events.jsonl").read_text()
    terms = {"rec_tokens": [0.9, 0.8], "codebook": [0.05, 0.04], "rec_globals": [0.2, 0.1]}
    text = text.replace('"auroc": NaN', '"perplex": 11.5, "auroc": NaN')
    text = text.replace('"rec_tokens": [0.9, 0.8]', json.dumps(terms)[1:-1])
    text = re.sub(r'"on_start", "seed": \d', '"on_start", "seed": 5', text)
    (facts / "events.jsonl").write_text(text)


def row_of(run_dir):
    loaded = load_runs(run_dirs=run_dir, engine="polars")
    assert loaded.skipped == []
    return loaded.runs.row(0, named=True)


def strip(run_dir, *names):
    """Take files of a run away."""
    for name in names:
        (run_dir / name).unlink()


@pytest.mark.parametrize("config_name", [".hydra/config.yaml", "cfg.yaml"])
@pytest.mark.parametrize("loop", LOOPS)
def test_every_old_loop_says_what_it_was(old_run, tmp_path, loop, config_name):
    row = row_of(old_run(tmp_path / "job000", loop, seed=3, config_name=config_name))
    is_ae = loop == "ae"
    expected = {
        "status": "complete",
        "run_id": "id-0",  # that of the first event: each had one of its own
        "seed": 5 if is_ae else 3,  # of the trainer that was used, not the 42 of the data
        "goal": "anomaly_detection" if is_ae else "classification",
        "model_family": FAMILIES[loop],
        "dataset_name": "topspythia",
        "class_def_str": "ttH+ttW+ttWW+ttZ | 4t",
        "datatreatment.normalization": "zscore",
        "datatreatment.id_embed_dim": 8,
        "needs_review": False,
        "epochs_run": 2,
        "best_epoch": 1,
        "loss.total_best": 0.7 if is_ae else 1.09,
        "mean_epoch_time_s": 1.5 if is_ae else pytest.approx(0.735),
        "total_time_s": 2.2,
        "git_commit": "3b5cb94",
    }
    assert {name: row[name] for name in expected} == expected
    unknown = ("git_dirty", "max_memory_mib_max", "n_parameters", "metric_auroc_test", "error")
    assert {name: row.get(name) for name in unknown} == dict.fromkeys(unknown)
    assert row.get("dim") == (32 if loop == "transformer_classifier" else None)
    assert row.get("epochs") == {"ae": 7, "bdt_classifier": None}.get(loop, 3)


def test_an_old_classifier_wrote_both_losses_into_its_val_rows(old_run, tmp_path):
    loaded = load_runs(run_dirs=old_run(tmp_path / "job0"), engine="polars")
    assert loaded.epochs.select("split", "train_loss", "val_loss").rows() == [
        ("val", 1.08, 1.13),
        ("val", 1.05, 1.09),
    ]
    assert loaded.runs["metric_auroc_best"].to_list() == [0.52]


def test_an_old_autoencoder_keeps_its_perplexity_and_the_terms_of_its_loss(old_run, tmp_path):
    row = row_of(old_run(tmp_path / "job0", "ae"))
    terms = {name: row[f"loss.{name}_best"] for name in ("recon", "codebook", "rec_globals")}
    assert terms == {"recon": 0.8, "codebook": 0.04, "rec_globals": 0.1}
    assert row["metric_perplex_final"] == 11.5
    assert "metric_auroc_best" not in row


@pytest.mark.parametrize("loop", LOOPS)
def test_a_bare_nan_is_null_everywhere(old_run, tmp_path, loop, capsys):
    run_dir = old_run(tmp_path / "job0", loop)
    assert "NaN" in (run_dir / "facts" / "events.jsonl").read_text()
    main(["show", str(run_dir), "--format", "json"])
    text = capsys.readouterr().out
    assert not re.search(r"\bNaN\b|\bnan\b", text)
    assert read_histories(run_dir)["val_loss"] == [1.13, 1.09]


@pytest.mark.parametrize("config", [None, "{ not: [yaml"])
def test_without_a_configuration_all_that_it_would_tell_is_null_and_to_review(
    old_run, tmp_path, config
):
    run_dir = old_run(tmp_path / "job0", seed=3)
    strip(run_dir, ".hydra/config.yaml", ".hydra/overrides.yaml")
    if config is not None:
        (run_dir / ".hydra" / "config.yaml").write_text(config)
    row = row_of(run_dir)
    assert (row["needs_review"], row["meta_confidence"]) == (True, "low")
    fields = ("goal", "dataset_name", "model_family", "class_def_str", "n_classes", "row_key")
    assert {name: row[name] for name in fields} == dict.fromkeys(fields)
    # axes.json describes the classifier of the configuration, trained or not
    of_models = ("dim", "depth", "positional", "lr", "epochs", "tokenizer_name", "pid_mode")
    assert {name: row.get(name) for name in of_models} == dict.fromkeys(of_models)
    assert (row["token_order"], row["cont_features"]) == ("input_order", "[0,1,2,3]")
    assert (row["seed"], row["best_epoch"], row["loss.total_best"]) == (3, 1, 1.09)


def test_the_seed_of_the_data_is_not_taken_for_that_of_the_loop(old_run, tmp_path):
    run_dir = old_run(tmp_path / "job0", "ae")
    strip(run_dir, ".hydra/config.yaml", "facts/axes.json")
    events = run_dir / "facts" / "events.jsonl"
    events.write_text(events.read_text().replace('"on_start", "seed": 5', '"on_start"'))
    assert '"seed": 42' in events.read_text()
    assert row_of(run_dir)["seed"] is None


def test_a_family_that_is_settled_by_hand_brings_the_axes_back(old_run, tmp_path):
    run_dir = old_run(tmp_path / "job0")
    strip(run_dir, ".hydra/config.yaml")
    (run_dir / "facts" / "meta_override.json").write_text('{"model_family": "transformer"}')
    row = row_of(run_dir)
    assert (row["model_family"], row["dim"], row["lr"]) == ("transformer", 32, 1e-4)
    assert (row["goal"], row["needs_review"]) == (None, True)


# --- backfill-meta


def backfill(run_dir, capsys, code=0):
    assert main(["backfill-meta", str(run_dir)]) == code
    captured = capsys.readouterr()
    return captured.out + captured.err


def content(folder, but=None):
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p != but}


@pytest.mark.parametrize("loop", LOOPS)
def test_backfill_touches_meta_alone_and_gives_the_stored_hash_again(
    old_run, tmp_path, capsys, loop
):
    run_dir = old_run(tmp_path / "job0", loop)
    meta_file = run_dir / "facts" / "meta.json"
    before = content(run_dir)
    backfill(run_dir, capsys)
    assert content(run_dir, but=meta_file) == before
    first = json.loads(meta_file.read_text())
    assert first["meta_hash"] == meta_hash(first)
    if loop == "transformer_classifier":
        assert first["meta_hash"] == "sha1:4f53f0232bfc"  # as the earlier code stored it
    assert f"{first['meta_hash']}, as before\n" in backfill(run_dir, capsys)
    assert json.loads(meta_file.read_text()) == first


@pytest.fixture
def open_run(old_run, tmp_path):
    """A run whose configuration leaves much open, with a meta that said it."""
    run_dir = old_run(tmp_path / "job0")
    stored = read_meta(run_dir) | {"meta_source": "live", "remark": "of the group's page"}
    (run_dir / "facts" / "meta.json").write_text(json.dumps(stored))
    config = yaml.safe_load((run_dir / ".hydra" / "config.yaml").read_text())
    config["data"]["path"] = "/data/*.h5"  # several files have no name of their own
    del config["data"]["classifier"], config["data"]["norm"], config["data"]["globals"]
    (run_dir / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config))
    return run_dir, stored


def test_backfill_keeps_what_only_the_old_meta_knew_and_asks_for_a_review(open_run, capsys):
    run_dir, stored = open_run
    text = backfill(run_dir, capsys)
    meta = json.loads((run_dir / "facts" / "meta.json").read_text())
    assert {name: meta[name] for name in CANONICAL_FIELDS} == {
        name: stored[name] for name in CANONICAL_FIELDS
    }
    assert meta["meta_hash"] == stored["meta_hash"] == meta_hash(meta)
    assert meta["remark"] == "of the group's page"
    assert meta["class_def_str"] == stored["class_def_str"]
    # kept, but the configuration doesn't prove it
    assert meta["needs_review_reason"] == [
        "missing_dataset_name",
        "missing_process_groups",
        "ambiguous_datatreatment",
    ]
    assert (meta["meta_confidence"], meta["meta_source"]) == ("low", "backfill")
    assert "as before, needs a review (missing_dataset_name" in text
    assert "as before" in backfill(run_dir, capsys)  # nothing settles by repeating it
    assert json.loads((run_dir / "facts" / "meta.json").read_text()) == meta


def test_backfill_lets_the_configuration_win_and_names_what_changed(open_run, capsys):
    run_dir, stored = open_run
    wrong = stored | {"goal": "anomaly_detection"}
    wrong["meta_hash"] = meta_hash(wrong)
    (run_dir / "facts" / "meta.json").write_text(json.dumps(wrong))
    text = backfill(run_dir, capsys)
    assert f"{wrong['meta_hash']} -> {stored['meta_hash']} (goal), needs a review" in text
    assert read_meta(run_dir)["goal"] == "classification"


def test_backfill_lets_what_was_settled_by_hand_win(open_run, capsys):
    run_dir, stored = open_run
    settled = {"dataset_name": "other", "datatreatment": {"normalization": "none"}}
    (run_dir / "facts" / "meta_override.json").write_text(json.dumps(settled))
    backfill(run_dir, capsys)
    meta = json.loads((run_dir / "facts" / "meta.json").read_text())
    assert (meta["dataset_name"], meta["datatreatment"]["normalization"]) == ("other", "none")
    assert meta["process_groups"] == stored["process_groups"]
    assert "missing_dataset_name" not in meta["needs_review_reason"]
    assert "missing_process_groups" in meta["needs_review_reason"]


def test_backfill_leaves_a_meta_alone_that_no_configuration_can_rebuild(open_run, capsys):
    run_dir, stored = open_run
    strip(run_dir, ".hydra/config.yaml")
    assert "no configuration" in backfill(run_dir, capsys, code=1)
    assert json.loads((run_dir / "facts" / "meta.json").read_text()) == stored
    assert row_of(run_dir)["class_def_str"] == stored["class_def_str"]


# --- the other commands


def test_a_folder_of_old_runs_is_listed_checked_and_watched(old_run, tmp_path, capsys):
    runs = tmp_path / "runs"
    for n, loop in enumerate(LOOPS):
        old_run(runs / f"run_20260101-000000_sweep_job{n}", loop)
        (runs / f"run_20260101-000000_sweep_job{n}" / "best_val.pt").write_bytes(b"weights")
    sweep = tmp_path / "multiruns" / "exp_20260101-000000_sweep"  # tied to them by its name alone
    sweep.mkdir(parents=True)
    before = content(tmp_path)
    assert main(["list", str(sweep), "--columns", "status,model_family", "--format", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",", 1)[1] for line in lines[1:]] == [
        f"complete,{family}" for family in FAMILIES.values()
    ]
    assert main(["check", str(sweep)]) == 0
    assert "4 runs: 4 good" in capsys.readouterr().out
    assert main(["diff", *(str(path) for path in sorted(runs.iterdir())[:2])]) == 0
    assert "loop" in capsys.readouterr().out
    assert main(["watch", str(sweep)]) == 0
    text = capsys.readouterr().out
    assert text.startswith("exp_20260101-000000_sweep: 4 runs, 4 complete\n")
    assert text.endswith("nothing is left to happen here\n")
    assert content(tmp_path) == before


def test_check_says_what_an_old_run_lacks_and_what_is_only_old(old_run, tmp_path):
    findings = check_run(old_run(tmp_path / "job0"))
    wrong = [finding.what for finding in findings if finding.is_wrong]
    notes = [finding.what for finding in findings if not finding.is_wrong]
    assert wrong == ["checkpoint: none"]
    assert notes == [
        "metrics: no test row",
        "meta.json: none, it is inferred from the configuration",
        "scores: none",
    ]
