"""Options that don't go together are refused with the reason, before anything is built."""

import pytest
from pydantic import ValidationError

from small_models import classifier_spec

DIFFERENTIAL = {"attention__type": "differential"}
SPLIT = DIFFERENTIAL | {"attention__diff_bias_mode": "split"}
LORENTZ = {"attention_biases": "lorentz_scalar"}

REFUSED = {
    "heads don't divide": ({"dim": 18}, "dim 18 is not a multiple of heads 4"),
    "odd head, rotary": (
        {"dim": 12, "positional": "rotary"},
        "positional=rotary halves .* 3 is odd",
    ),
    "odd head, differential": ({"dim": 12} | DIFFERENTIAL, "attention.type=differential halves"),
    "quartered head": (
        {"dim": 24, "positional": "rotary"} | DIFFERENTIAL,
        "quarters each head, but dim 24 / heads 4 = 6",
    ),
    "unknown bias": (
        {"attention_biases": "lorentz"},
        "none or a sum like 'a\\+b' of: lorentz_scalar",
    ),
    "bias twice": ({"attention_biases": "sm+sm_interaction"}, "a bias stands twice"),
    "mask in model space": (
        {"positional": "learned", "positional_dim_mask": ["id"]},
        "only positional_space=token still has",
    ),
    "dual branch without branches": (
        LORENTZ | {"bias_config__lorentz_scalar__dual_branch": True},
        "dual_branch is true, but goes with",
    ),
    "one branch where both are split": (
        LORENTZ | SPLIT | {"bias_config__lorentz_scalar__dual_branch": False},
        "dual_branch is false, but goes with",
    ),
    "split of what has one branch": (
        SPLIT | {"attention_biases": "sm_interaction"},
        "only lorentz_scalar has a bias for each branch",
    ),
    "binned with bias": (
        {"tokenizer__name": "binned"} | LORENTZ,
        "attention_biases=.* four-momenta",
    ),
    "binned with masses": (
        {"tokenizer__name": "binned", "nodewise_mass__enabled": True},
        "nodewise_mass.enabled=true needs four-momenta",
    ),
    "binned with interactions": (
        {"tokenizer__name": "binned", "mia_blocks__enabled": True},
        "mia_blocks.enabled=true needs four-momenta",
    ),
    "bias that nobody sees": (
        {"depth": 1} | LORENTZ,
        "attention_biases=lorentz_scalar acts on pairs .* head.pooling=cls reads only",
    ),
    "interactions that nobody sees": (
        {"depth": 1, "mia_blocks__enabled": True},
        "mia_blocks.enabled=true acts on pairs",
    ),
    "masses ahead": (
        {"causal_attention": True, "nodewise_mass__enabled": True},
        "nodewise_mass.enabled=true tells each token of all others",
    ),
    "experts ahead": (
        {"causal_attention": True, "moe__enabled": True, "moe__routing_level": "event"},
        "moe.routing_level=event tells each token of all others",
    ),
    "reduction": (
        {"mia_blocks__enabled": True, "mia_blocks__reduction_dim": 3},
        "reduction_dim is 3, but one bias for each of the 4 heads",
    ),
    "more experts than there are": ({"moe__top_k": 5}, "top_k 5 is more than num_experts 3"),
    "grid": ({"kan__grid_range": [2.0, -2.0]}, "expected \\[from, to\\] with from < to"),
    "no neighbours": (
        {"nodewise_mass__k_values": [0, 2]},
        "different numbers of neighbours from 1",
    ),
    "neighbours twice": ({"nodewise_mass__k_values": [2, 2]}, "different numbers of neighbours"),
}


@pytest.mark.parametrize(("options", "message"), REFUSED.values(), ids=REFUSED)
def test_is_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        classifier_spec(**options)


def test_aliases_are_names_of_biases():
    model = classifier_spec(attention_biases="typepair + sm+global").model
    assert model.biases == ("typepair_kinematic", "sm_interaction", "global_conditioned")


def test_biases_act_nowhere_where_differential_attention_says_none():
    options = LORENTZ | DIFFERENTIAL | {"attention__diff_bias_mode": "none"}
    assert classifier_spec(**options).model.biases == ()


@pytest.mark.parametrize(
    "options",
    [
        LORENTZ | {"head__pooling": "mean"},
        {"attention_biases": "global"},
        {"mia_blocks__enabled": True, "mia_blocks__placement": "append"},
    ],
    ids=str,
)
def test_a_single_block_takes_what_it_can_use(options):
    assert classifier_spec(depth=1, **options).model.depth == 1
