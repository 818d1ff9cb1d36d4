"""What kind of run this is: proven by its configuration, or left open."""

import json

import pytest

from thesis_facts import (
    RunError,
    infer_axes,
    infer_meta,
    meta_hash,
    read_meta,
    write_json,
    write_meta,
)
from thesis_facts.backfill import backfill
from thesis_facts.meta import CANONICAL_FIELDS

BACKGROUND, SIGNAL = ["ttH", "ttW", "ttWW", "ttZ"], ["4t"]

# as an older system stored it beside the hash that it computed
STORED = {
    "schema_version": 1,
    "level": "sim_event",
    "goal": "classification",
    "dataset_name": "topspythia",
    "model_family": "transformer",
    "process_groups": [BACKGROUND, SIGNAL],
    "datatreatment": {
        "token_order": "input_order",
        "tokenization": "direct",
        "pid_encoding": "none",
        "id_embed_dim": 8,
        "met_rep": "met_metphi",
        "globals_included": True,
        "feature_set_version": "v1",
        "normalization": "zscore",
    },
}
STORED_HASH = "sha1:4f53f0232bfc"


def test_the_stored_hash_of_an_older_run_comes_out_again():
    assert meta_hash(STORED) == STORED_HASH
    shuffled = dict(reversed([*STORED.items(), ("meta_source", "live")]))
    assert meta_hash(shuffled) == STORED_HASH


@pytest.mark.parametrize("field", CANONICAL_FIELDS)
def test_every_canonical_field_counts_in_the_hash(field):
    assert meta_hash({**STORED, field: "other"}) != STORED_HASH


def test_an_older_configuration_gives_the_older_meta(make_older_run, tmp_path):
    run_dir = make_older_run(tmp_path / "run")
    meta = read_meta(run_dir)  # there is no meta.json
    assert {name: meta[name] for name in CANONICAL_FIELDS} == STORED
    assert meta["meta_hash"] == STORED_HASH
    assert meta["meta_source"] == "backfill"


def test_the_derived_fields_follow(config):
    meta = infer_meta(config)
    assert meta["dataset_name"] == "4topssplittedv2"
    assert meta["n_classes"] == 2
    assert meta["processes_all"] == sorted([*BACKGROUND, *SIGNAL])
    assert meta["class_def_str"] == "ttH+ttW+ttWW+ttZ | 4t"
    assert meta["process_groups_key"] == "ttH+ttW+ttWW+ttZ|4t"
    assert meta["row_key"] == "4topssplittedv2::ttH+ttW+ttWW+ttZ|4t"
    assert meta["feature_mode"] == "4vec+MET+globals"
    assert meta["meta_source"] == "live"
    assert meta["meta_confidence"] == "high"
    assert not meta["needs_review"]


@pytest.mark.parametrize(
    ("task", "groups"),
    [
        ({"signal_vs_background": {"signal": [1], "background": [5, 2]}}, [["ttH", "ttZ"], ["4t"]]),
        ({"signal_vs_background": {"signal": 2, "background": "1:3"}}, [["4t", "ttW"], ["ttH"]]),
        ({"selected_labels": [2, 1]}, [["4t"], ["ttH"]]),
        ({"selected_labels": "1,2"}, [["4t"], ["ttH"]]),
        ({"selected_labels": "1:2"}, [["4t"], ["ttH"]]),
        ({"selected_labels": "[2, 1]"}, [["4t"], ["ttH"]]),
        (
            {"label_groups": [{"name": "b", "labels": [5, 3]}, {"name": "s", "labels": 1}]},
            [["4t"], ["ttW", "ttZ"]],
        ),
        # the first that is set decides
        (
            {"label_groups": [{"labels": [2]}, {"labels": [1]}], "selected_labels": [4, 5]},
            [["4t"], ["ttH"]],
        ),
        # nothing is proven by a label without a name, in two classes, or an empty class
        ({"selected_labels": [1, 9]}, None),
        ({"selected_labels": [1, 1]}, None),
        ({"selected_labels": "a"}, None),
        ({"signal_vs_background": {"signal": 1, "background": []}}, None),
        ({"signal_vs_background": "1"}, None),
        ({"label_groups": [1]}, None),
        ({}, None),
    ],
)
def test_process_groups_come_from_the_task(config, task, groups):
    config["data"]["classifier"] = task
    meta = infer_meta(config)
    assert meta["process_groups"] == groups
    assert meta["needs_review_reason"] == ([] if groups else ["missing_process_groups"])
    assert meta["meta_confidence_fields"]["process_groups"] == ("high" if groups else "low")


@pytest.mark.parametrize(
    ("loop", "family", "goal"),
    [
        ("transformer_classifier", "transformer", "classification"),
        ("mlp_classifier", "mlp", "classification"),
        ("bdt_classifier", "bdt", "classification"),
        ("ae", "ae", "anomaly_detection"),
        ("gan_ae", "ae", "anomaly_detection"),
        ("diffusion_ae", "ae", "anomaly_detection"),
        ("my_classifier", None, None),  # a user's own loop: never guessed from its name
    ],
)
def test_family_and_goal_come_from_a_known_loop(config, loop, family, goal):
    config["loop"] = loop
    meta = infer_meta(config)
    assert (meta["model_family"], meta["goal"]) == (family, goal)
    assert ("missing_model_family" in meta["needs_review_reason"]) == (family is None)


def test_a_goal_that_is_set_wins(config):
    config["meta"]["goal"] = "anomaly_detection"
    assert infer_meta(config)["goal"] == "anomaly_detection"


@pytest.mark.parametrize(
    ("data", "order"),
    [
        ({"token_order": "pt_ordered"}, "pt_sorted"),
        ({"token_order": "shuffled"}, "shuffled"),
        ({"token_order": "by_taste"}, "unknown"),
        ({"token_order": None, "sort_tokens_by": "pt"}, "pt_sorted"),
        ({"token_order": None, "sort_tokens_by": "eta"}, "unknown"),
        ({"token_order": None, "shuffle_tokens": True}, "shuffled"),
        ({"token_order": None}, "input_order"),
    ],
)
def test_token_order_speaks_the_language_of_meta(config, data, order):
    config["data"] |= data
    assert infer_meta(config)["datatreatment"]["token_order"] == order


@pytest.mark.parametrize(
    ("tokenizer", "encoding", "tokenization", "mode"),
    [
        ({"name": "raw"}, "none", "direct", "4vec+MET+globals"),
        ({"name": "identity", "pid_mode": "learned"}, "embedded", "direct", "5vec+MET+globals"),
        ({"name": "identity", "pid_mode": "one_hot"}, "onehot", "direct", "5vec+MET+globals"),
        ({"name": "binned"}, "embedded", "binned", "5vec+MET+globals"),
        ({"name": "pretrained"}, "embedded", "vq", "5vec+MET+globals"),
        (None, "unknown", "direct", None),
    ],
)
def test_the_tokenizer_decides_the_encoding(config, tokenizer, encoding, tokenization, mode):
    config["classifier"]["model"]["tokenizer"] = tokenizer
    meta = infer_meta(config)
    assert meta["datatreatment"]["pid_encoding"] == encoding
    assert meta["datatreatment"]["tokenization"] == tokenization
    assert meta["feature_mode"] == mode


@pytest.mark.parametrize(
    ("name", "pid_mode", "size"),
    [
        ("raw", "learned", None),
        ("identity", "one_hot", None),
        ("identity", "learned", 8),
        ("identity", "fixed_random", 8),
        ("binned", "one_hot", 8),
    ],
)
def test_only_an_embedding_of_ids_has_a_size(config, name, pid_mode, size):
    tokenizer = {"name": name, "pid_mode": pid_mode, "id_embed_dim": 8}
    config["classifier"]["model"]["tokenizer"] = tokenizer
    meta = infer_meta(config)
    assert meta["datatreatment"]["id_embed_dim"] == size
    assert meta["meta_confidence"] == "high"
    assert not meta["needs_review"]
    config["data"]["num_workers"] = 0
    assert infer_meta(config)["datatreatment"]["id_embed_dim"] == 8  # as older systems said


def test_autoencoders_embed_ids_too(config):
    config["loop"], config["phase1"] = "ae", {"encoder": {"id_embed_dim": 6}}
    del config["classifier"]["model"]
    treatment = infer_meta(config)["datatreatment"]
    assert (treatment["pid_encoding"], treatment["id_embed_dim"]) == ("embedded", 6)
    config["data"]["num_workers"] = 0  # older systems left it open
    assert infer_meta(config)["datatreatment"]["pid_encoding"] == "unknown"


def test_trees_are_not_normalised(config):
    config["loop"] = "bdt_classifier"
    assert infer_meta(config)["datatreatment"]["normalization"] == "none"
    config["data"]["num_workers"] = 0
    assert infer_meta(config)["datatreatment"]["normalization"] == "zscore"


def test_binned_events_are_binned_whatever_the_model_makes_of_them(config):
    config["data"] |= {"tokenization": "binned", "norm": "none"}
    treatment = infer_meta(config)["datatreatment"]
    assert treatment["tokenization"] == "binned"
    assert treatment["normalization"] == "none"


def test_older_runs_keep_their_one_word_for_every_encoding(config):
    config["classifier"]["model"]["tokenizer"] = {"name": "identity", "pid_mode": "one_hot"}
    config["data"]["num_workers"] = 0
    assert infer_meta(config)["datatreatment"]["pid_encoding"] == "embedded"


@pytest.mark.parametrize(
    ("present", "met_rep", "included"),
    [(True, "met_metphi", True), (False, "none", False), (None, "unknown", "unknown")],
)
def test_met_follows_the_globals(config, present, met_rep, included):
    config["data"]["globals"]["present"] = present
    treatment = infer_meta(config)["datatreatment"]
    assert (treatment["met_rep"], treatment["globals_included"]) == (met_rep, included)


def test_unknown_treatment_lowers_the_confidence_and_the_worst_field_counts(config):
    del config["data"]["norm"]
    meta = infer_meta(config)
    assert meta["meta_confidence_fields"]["datatreatment"] == "medium"
    assert meta["meta_confidence"] == "medium"
    assert meta["needs_review_reason"] == ["ambiguous_datatreatment"]
    del config["data"]["globals"]
    assert infer_meta(config)["meta_confidence"] == "low"


def test_an_empty_configuration_proves_nothing():
    meta = infer_meta({})
    assert meta["meta_confidence"] == "low"
    assert meta["needs_review_reason"] == [
        "missing_goal",
        "missing_dataset_name",
        "missing_model_family",
        "missing_process_groups",
        "ambiguous_datatreatment",
    ]


@pytest.mark.parametrize("path", [["a.h5", "b.h5"], "parts/run2_*.h5", "part_[12].h5"])
def test_several_files_have_the_name_that_they_are_given(config, path):
    config["data"] |= {"path": path, "dataset_name": None}
    meta = infer_meta(config)
    assert meta["dataset_name"] is None
    assert "missing_dataset_name" in meta["needs_review_reason"]
    infer_axes(config)
    config["data"]["dataset_name"] = "run-2_all"
    assert infer_meta(config)["dataset_name"] == "run2all"


def test_a_named_sample_needs_no_path(config):
    config["data"] |= {"path": None, "dataset_name": "run-2_all"}
    assert infer_meta(config)["dataset_name"] == "run2all"
    config["data"]["dataset_name"] = None
    assert infer_meta(config)["dataset_name"] is None


def test_an_override_wins_field_by_field_and_the_rest_follows(config):
    override = {
        "dataset_name": "fourtops",
        "process_groups": [["ttZ", "ttH"], ["4t"]],
        "datatreatment": {"normalization": "minmax"},
    }
    meta = infer_meta(config, override)
    assert meta["row_key"] == "fourtops::ttH+ttZ|4t"
    assert meta["datatreatment"]["normalization"] == "minmax"
    assert meta["datatreatment"]["met_rep"] == "met_metphi"
    assert meta["meta_source"] == "override"
    assert meta["meta_hash"] == meta_hash(meta) != infer_meta(config)["meta_hash"]


def test_an_override_settles_what_needed_a_review(config):
    config["loop"] = "mine"
    meta = infer_meta(config, {"goal": "classification", "model_family": "mlp"})
    assert not meta["needs_review"]
    assert meta["meta_confidence"] == "high"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ({"gaol": "classification"}, r"gaol.*did you mean goal\?"),
        ({"meta_hash": "sha1:0"}, "unknown field"),
        ({"process_groups": ["4t"]}, "no classes"),
        ({"process_groups": [[]]}, "no classes"),
    ],
)
def test_an_override_that_makes_no_sense_is_refused(config, override, message):
    with pytest.raises(RunError, match=message):
        infer_meta(config, override)


def test_written_meta_is_read_again_with_an_override_that_came_later(tmp_path, config):
    written = write_meta(tmp_path, config)
    assert read_meta(tmp_path) == written
    write_json(tmp_path / "facts" / "meta_override.json", {"goal": "anomaly_detection"})
    meta = read_meta(tmp_path)
    assert meta["goal"] == "anomaly_detection"
    assert meta["process_groups"] == [BACKGROUND, SIGNAL]  # signal stays last
    assert write_meta(tmp_path, config) == meta


def test_fields_of_other_systems_are_kept(tmp_path):
    (tmp_path / "facts").mkdir()
    stored = {**STORED, "meta_hash": STORED_HASH, "their_field": [1]}
    (tmp_path / "facts" / "meta.json").write_text(json.dumps(stored))
    assert read_meta(tmp_path) == stored


@pytest.fixture
def stored_run(tmp_path):
    """A run whose configuration proves little, beside a meta.json that knew more; a writer."""
    facts = tmp_path / "facts"
    little = {"loop": "transformer_classifier", "data": {"path": "tops_pythia.h5"}}
    write_json(facts / "config.json", little)

    def store(**treatment):
        meta = {**STORED, "datatreatment": STORED["datatreatment"] | treatment}
        write_json(facts / "meta.json", {**meta, "meta_hash": meta_hash(meta)})
        return meta_hash(meta)

    return tmp_path, store


def test_backfill_keeps_the_treatment_that_the_configuration_leaves_open(stored_run):
    run_dir, store = stored_run
    before = store(pid_encoding="embedded", id_embed_dim=8, augmentation="rotations")
    assert f"{before}, as before" in backfill(run_dir)
    treatment = read_meta(run_dir)["datatreatment"]
    assert (treatment["pid_encoding"], treatment["id_embed_dim"]) == ("embedded", 8)
    assert treatment["augmentation"] == "rotations"


@pytest.mark.parametrize(("name", "dim"), [("raw", None), ("identity", 8)])
def test_backfill_takes_a_stored_dimension_where_ids_are_embedded(stored_run, config, name, dim):
    run_dir, store = stored_run
    store(pid_encoding="embedded", id_embed_dim=8)
    config["classifier"]["model"]["tokenizer"] = {"name": name}
    write_json(run_dir / "facts" / "config.json", config)
    backfill(run_dir)
    assert read_meta(run_dir)["datatreatment"]["id_embed_dim"] == dim


@pytest.mark.parametrize("text", ['{"goal": 3, "note": "mine"}', '{"goal": "class', ""])
def test_backfill_puts_a_meta_that_cant_be_read_aside(stored_run, text):
    run_dir, _ = stored_run
    path = run_dir / "facts" / "meta.json"
    path.write_text(text)
    said = backfill(run_dir, write=False)
    assert "unreadable (put aside as meta.json.unreadable) -> sha1:" in said
    assert path.read_text() == text
    assert backfill(run_dir) == said
    assert path.with_name("meta.json.unreadable").read_text() == text
    assert read_meta(run_dir)["goal"] == "classification"
