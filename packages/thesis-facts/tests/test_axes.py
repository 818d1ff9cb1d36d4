"""Axes: exact names, only where they apply, one form."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thesis_facts import AXES, RunError, infer_axes, read_axes, read_config, write_meta
from thesis_facts.axes import settle_axes

NAMES = """
positional positional_space positional_dim_mask tokenizer_name pid_mode id_embed_dim token_order
include_met cont_features norm_policy norm_type attention_type attention_norm diff_bias_mode
ffn_type kan_ffn_variant pooling head_type causal_attention attention_biases sm_mode
lorentz_features lorentz_mlp_type lorentz_per_head lorentz_sparse_gating typepair_init
typepair_freeze typepair_kinematic_gate global_conditioned_mode nodewise_mass_enabled mia_enabled
mia_placement moe_enabled moe_top_k moe_routing_level moe_scope kan_grid_size kan_spline_order dim
depth heads mlp_dim dropout lr weight_decay batch_size epochs seed model_size_key n_parameters
experiment_name
"""


def test_the_names_are_those_that_reports_group_by():
    assert list(AXES) == NAMES.split()


def test_a_plain_transformer_has_no_axis_of_what_it_doesn_t_use(config):
    axes = infer_axes(config)
    absent = {
        "positional_space", "positional_dim_mask", "pid_mode", "id_embed_dim", "diff_bias_mode",
        "kan_ffn_variant", "sm_mode", "lorentz_features", "lorentz_mlp_type", "lorentz_per_head",
        "lorentz_sparse_gating", "typepair_init", "typepair_freeze", "typepair_kinematic_gate",
        "global_conditioned_mode", "mia_placement", "moe_top_k", "moe_routing_level", "moe_scope",
        "kan_grid_size", "kan_spline_order", "n_parameters",
    }  # fmt: skip
    assert set(AXES) - set(axes) == absent
    assert list(axes) == [name for name in AXES if name in axes]
    assert axes["model_size_key"] == "d32_L3"
    assert axes["cont_features"] == [0, 1, 2, 3]
    assert axes["experiment_name"] == "sweep"


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ({"positional": "learned"}, {"positional_space": "model", "positional_dim_mask": None}),
        (
            {"positional": "learned", "positional_space": "token", "positional_dim_mask": ["E"]},
            {"positional_dim_mask": ["E"]},
        ),
        ({"positional": "rotary", "positional_space": "token"}, {"positional_space": None}),
        (
            {"tokenizer": {"name": "identity", "pid_mode": "learned", "id_embed_dim": 8}},
            {"pid_mode": "learned", "id_embed_dim": 8},
        ),
        (
            {"tokenizer": {"name": "identity", "pid_mode": "one_hot", "id_embed_dim": 8}},
            {"pid_mode": "one_hot", "id_embed_dim": None},
        ),
        (
            {"tokenizer": {"name": "binned", "pid_mode": "learned"}},
            {
                "pid_mode": None,
                "cont_features": None,
                "nodewise_mass_enabled": None,
                "mia_enabled": None,
            },
        ),
        ({"tokenizer": {"name": "pretrained"}}, {"nodewise_mass_enabled": None}),
        (
            {"ffn": {"type": "kan", "kan": {"variant": "pure"}}},
            {"ffn_type": "kan", "kan_ffn_variant": "pure", "kan_grid_size": 5},
        ),
        ({"head": {"type": "kan"}}, {"kan_grid_size": 5, "kan_ffn_variant": None}),
        ({"head": {"type": "moe"}}, {"moe_top_k": 1, "moe_scope": None}),
        # experts win over KAN, KAN over standard
        (
            {
                "ffn": {"type": "kan", "kan": {"variant": "pure"}},
                "moe": {"enabled": True, "top_k": 2, "scope": "all_blocks"},
            },
            {"ffn_type": "moe", "moe_top_k": 2, "kan_ffn_variant": None, "kan_grid_size": None},
        ),
        # between the middle blocks the others keep their KAN
        (
            {
                "ffn": {"type": "kan", "kan": {"variant": "pure"}},
                "moe": {"enabled": True, "top_k": 2, "scope": "middle_blocks"},
            },
            {"ffn_type": "kan", "moe_scope": "middle_blocks", "kan_ffn_variant": "pure"},
        ),
        (
            {"mia_blocks": {"enabled": True, "placement": "append"}},
            {"mia_enabled": True, "mia_placement": "append"},
        ),
        ({"head": {"type": "linear"}, "pooling": "max"}, {"pooling": "max"}),
    ],
)
def test_an_axis_appears_where_it_applies(make_config, model, expected):
    axes = infer_axes(make_config(**model))
    assert {name: axes.get(name) for name in expected} == expected


def test_nodewise_mass_needs_the_energy(config):
    config["data"]["cont_features"] = [1, 2, 3]
    assert "nodewise_mass_enabled" not in infer_axes(config)


def test_a_bias_brings_its_axes_under_any_of_its_names(config):
    model = config["classifier"]["model"]
    model["attention_biases"] = "sm+lorentz_scalar+typepair+global"
    model["attention"]["type"] = "differential"
    axes = infer_axes(config)
    assert axes["attention_biases"] == (
        "global_conditioned+lorentz_scalar+sm_interaction+typepair_kinematic"
    )
    assert axes["lorentz_features"] == ["m2", "deltaR"]
    assert axes["sm_mode"] == "binary"
    assert axes["typepair_init"] == "none"
    assert axes["global_conditioned_mode"] == "global_scale"
    assert axes["diff_bias_mode"] == "shared"


@pytest.mark.parametrize(
    ("loop", "present"),
    [
        (
            "mlp_classifier",
            {"dropout", "lr", "weight_decay", "batch_size", "epochs"}
            | {"tokenizer_name", "include_met"},
        ),
        ("bdt_classifier", {"include_met"}),
        ("ae", {"lr", "weight_decay", "batch_size", "epochs"}),
    ],
)
def test_other_families_have_no_axis_of_the_transformer(config, loop, present):
    config["loop"] = loop
    config["phase1"] = {
        "trainer": {"lr": 1e-3, "weight_decay": 0, "batch_size": 128, "epochs": 7, "seed": 5}
    }
    axes = infer_axes(config)
    common = {"token_order", "cont_features", "seed", "experiment_name"}
    assert set(axes) == common | present
    assert axes["seed"] == (5 if loop == "ae" else 1)


def test_an_mlp_says_how_ids_enter_it(make_config):
    config = make_config(tokenizer={"name": "identity", "pid_mode": "learned", "id_embed_dim": 4})
    axes = infer_axes(config | {"loop": "mlp_classifier"})
    assert (axes["tokenizer_name"], axes["pid_mode"]) == ("identity", "learned")
    assert (axes["id_embed_dim"], axes["include_met"]) == (4, False)


def test_the_live_file_of_trees_is_taken_as_it_is(config, make_run, tmp_path):
    config["loop"] = "bdt_classifier"
    run_dir = make_run(tmp_path / "run", config=config, reported={"seed": 1})
    assert "n_parameters" not in read_axes(run_dir)
    assert read_axes(run_dir) == infer_axes(config)


@pytest.mark.parametrize("has_meta", [True, False])
@pytest.mark.parametrize("loop", ["mlp_classifier", "bdt_classifier"])
def test_older_baselines_have_the_axes_that_they_had(make_older_run, tmp_path, loop, has_meta):
    run_dir = make_older_run(tmp_path / "run", loop=loop)
    if has_meta:
        write_meta(run_dir, read_config(run_dir))
    else:
        (run_dir / "facts" / "axes.json").unlink()
    inputs = {"tokenizer_name", "pid_mode", "id_embed_dim", "include_met"}
    assert not inputs & set(read_axes(run_dir))
    assert read_axes(run_dir)["cont_features"] == [0, 1, 2, 3]


OF_INTERACTIONS = {
    "attention": {"type": "differential", "norm": "none", "diff_bias_mode": "split"},
    "mia_blocks": {"enabled": True, "placement": "prepend"},
}


def test_interactions_bias_the_branches_of_differential_attention(make_config):
    config = make_config(**OF_INTERACTIONS)
    assert infer_axes(config)["diff_bias_mode"] == "split"
    assert infer_axes(config, {"attention_biases": "none"})["diff_bias_mode"] == "split"
    config["classifier"]["model"]["mia_blocks"]["enabled"] = False
    assert "diff_bias_mode" not in infer_axes(config)


@pytest.mark.parametrize(
    ("biases", "mlp_type", "kept"),
    [("global", "kan", True), ("global", "standard", False), ("sm", "kan", False)],
)
def test_a_kan_of_met_has_a_grid(make_config, biases, mlp_type, kept):
    config = make_config(attention_biases=biases)
    bias = config["classifier"]["model"]["bias_config"]["global_conditioned"]
    bias["mlp_type"] = mlp_type
    axes = infer_axes(config)
    expected = (5, 3) if kept else (None, None)
    assert (axes.get("kan_grid_size"), axes.get("kan_spline_order")) == expected
    assert set(axes) <= set(AXES)  # what the gate reads is no axis itself


def test_older_transformers_keep_their_axes(make_config):
    config = make_config(**OF_INTERACTIONS)
    config["data"]["num_workers"] = 0
    assert "diff_bias_mode" not in infer_axes(config)
    model = config["classifier"]["model"]
    model["attention_biases"] = "global"
    model["bias_config"]["global_conditioned"]["mlp_type"] = "kan"
    assert "kan_grid_size" not in infer_axes(config)


def test_experts_in_the_head_alone_have_no_scope(config):
    config["classifier"]["model"]["moe"] |= {"enabled": True, "routing_level": "event"}
    axes = infer_axes(config, {"moe_enabled": False, "head_type": "moe"})
    assert (axes["moe_top_k"], axes["moe_routing_level"]) == (1, "event")
    assert "moe_scope" not in axes
    assert axes["ffn_type"] == "standard"


def test_a_loop_of_one_s_own_is_described_by_its_model_alone(config):
    config["loop"] = "mine"
    axes = infer_axes(config, reported={"dim": 7, "n_parameters": 99})
    assert axes == {
        "token_order": "input_order",
        "cont_features": [0, 1, 2, 3],
        "dim": 7,
        "n_parameters": 99,
        "experiment_name": "sweep",
    }


def test_what_the_model_reports_wins(config):
    config["classifier"]["model"]["attention_biases"] = "lorentz_scalar"
    reported = {"lorentz_features": ("deltaR",), "n_parameters": 1234, "dim": 64}
    axes = infer_axes(config, reported)
    assert axes["lorentz_features"] == ["deltaR"]
    assert axes["n_parameters"] == 1234
    assert axes["model_size_key"] == "d64_L3"


def test_a_reported_name_that_is_no_axis_is_refused(config):
    with pytest.raises(RunError, match="unknown axis: found n_params"):
        infer_axes(config, {"n_params": 3})


@pytest.mark.parametrize("has_meta", [True, False])
def test_an_older_file_is_brought_to_the_same_form(make_older_run, tmp_path, has_meta):
    run_dir = make_older_run(tmp_path / "run")
    if has_meta:
        write_meta(run_dir, read_config(run_dir))
    axes = read_axes(run_dir)
    assert axes["cont_features"] == [0, 1, 2, 3]
    assert not {"lorentz_features", "pid_mode", "kan_grid_size", "experiment_name"} & set(axes)
    assert axes["model_size_key"] == "d32_L3"


def test_an_older_file_says_nothing_of_an_autoencoder(make_older_run, tmp_path):
    axes = read_axes(make_older_run(tmp_path / "run", loop="ae"))
    assert axes["epochs"] == 7
    assert axes["lr"] == 1e-3
    assert "dim" not in axes


def test_without_a_file_the_configuration_is_asked(make_run, tmp_path, config):
    run_dir = make_run(tmp_path / "run")
    (run_dir / "facts" / "axes.json").unlink()
    assert read_axes(run_dir) == infer_axes(config)


def test_a_live_file_is_taken_as_it_is(make_run, tmp_path):
    run_dir = make_run(tmp_path / "run")
    stored = json.loads((run_dir / "facts" / "axes.json").read_text())
    assert read_axes(run_dir) == stored


values = st.sampled_from(
    ["none", "identity", "kan", "moe", "all_blocks", "learned", "token", True, False, 3, "[0, 1]"]
)


@given(st.dictionaries(st.sampled_from(list(AXES)), values))
def test_settling_twice_changes_nothing(axes):
    once = settle_axes(axes)
    assert settle_axes(once) == once
