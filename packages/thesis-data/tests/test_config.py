import subprocess
import sys

import pytest
from pydantic import ValidationError

from thesis_data.config import DataConfig, TaskConfig, ToyRegressionConfig
from thesis_facts.errors import explain


@pytest.mark.parametrize("value", ["1,2", "1:2", "[1,2]", "[1, 2]", [1, 2], ["1", 2], (1, 2)])
def test_every_spelling_of_a_label_list_is_the_same_list(value):
    assert TaskConfig(selected_labels=value).selected_labels == (1, 2)


def test_a_single_signal_label_needs_no_list():
    task = TaskConfig(signal_vs_background={"signal": 1, "background": "2:3"})
    assert [group.labels for group in task.groups()] == [(2, 3), (1,)]


def test_default_task_is_4t_against_all():
    groups = TaskConfig().groups()
    assert [(group.name, group.labels) for group in groups] == [
        ("ttH+ttW+ttWW+ttZ", (2, 3, 4, 5)),
        ("4t", (1,)),
    ]


def test_first_task_that_is_set_wins():
    by_groups = [{"name": "a", "labels": [1]}, {"name": "b", "labels": [2, 3]}]
    signal = {"signal": 2, "background": [1]}
    both = TaskConfig(
        label_groups=by_groups, signal_vs_background=signal, selected_labels=[3, 4, 5]
    )
    assert [group.name for group in both.groups()] == ["a", "b"]
    without_groups = TaskConfig(signal_vs_background=signal, selected_labels=[3, 4, 5])
    assert [group.name for group in without_groups.groups()] == ["4t", "ttH"]
    assert len(TaskConfig(selected_labels=[3, 4, 5]).groups()) == 3


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"selected_labels": [1, 7]}, r"unknown process labels \[7\]"),
        ({"selected_labels": [1, 1]}, r"labels \[1\] are in the task more than once"),
        ({"selected_labels": [1]}, "two classes or more"),
        ({"selected_labels": []}, "at least 1"),
        ({"selected_labels": "one,two"}, "integer"),
        (
            {"signal_vs_background": {"signal": 1, "background": [1, 2]}},
            r"labels \[1\] are in the task more than once",
        ),
        (
            {"label_groups": [{"name": "x", "labels": [1]}, {"name": "x", "labels": [2]}]},
            "same name",
        ),
    ],
)
def test_a_task_that_makes_no_sense_is_refused(task, message):
    with pytest.raises(ValidationError, match=message):
        TaskConfig(**task)


@pytest.mark.parametrize(
    ("keys", "order"),
    [
        ({}, "input_order"),
        ({"sort_tokens_by": "pt"}, "pt_ordered"),
        ({"shuffle_tokens": True}, "shuffled"),
        ({"sort_tokens_by": None, "shuffle_tokens": False, "token_order": "shuffled"}, "shuffled"),
        ({"sort_tokens_by": "pt", "token_order": "pt_ordered"}, "pt_ordered"),
    ],
)
def test_older_keys_of_token_order_still_act(keys, order):
    assert DataConfig(**keys).token_order == order


@pytest.mark.parametrize(
    "keys",
    [
        {"sort_tokens_by": "pt", "shuffle_tokens": True},
        {"sort_tokens_by": "pt", "token_order": "shuffled"},
        {"sort_tokens_by": "eta"},
    ],
)
def test_contradicting_token_orders_are_refused(keys):
    with pytest.raises(ValidationError, match=r"token order|sort_tokens_by"):
        DataConfig(**keys)


def test_a_mistyped_key_is_answered_with_the_known_one():
    with pytest.raises(ValidationError) as caught:
        DataConfig(augment={"phi_rotatoin": True})
    message = str(explain(caught.value, DataConfig, "data"))
    assert "data.augment.phi_rotatoin" in message
    assert "phi_rotation" in message


@pytest.mark.parametrize(
    "keys", [{"cont_features": [1, 1]}, {"cont_features": [4]}, {"cont_features": []}]
)
def test_features_are_different_columns_of_the_four_momentum(keys):
    with pytest.raises(ValidationError, match="cont_features"):
        DataConfig(**keys)


def test_a_limit_leaves_an_event_for_every_class():
    with pytest.raises(ValidationError, match="limit_samples is 2, but the task has 3 classes"):
        DataConfig(limit_samples=2, classifier={"selected_labels": [1, 2, 3]})
    assert DataConfig(limit_samples=2).limit_samples == 2


def test_kinds_of_data_are_told_apart():
    assert DataConfig().kind == "events"
    assert ToyRegressionConfig().kind == "toy_regression"
    with pytest.raises(ValidationError):
        DataConfig(kind="toy_regression")


def test_configuration_and_command_line_need_no_torch():
    code = "import sys, thesis_data.config, thesis_data.cli; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert answer.stdout.strip() == "False", answer.stderr


BINNED = {"tokenization": "binned", "norm": "none", "cont_features": []}


@pytest.mark.parametrize("order", ["input_order", "shuffled"])
def test_binned_tokens_come_in_input_order_or_shuffled(order):
    assert DataConfig(**BINNED, token_order=order).cont_features == ()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"cont_features": [1, 2]}, "cont_features must be []"),
        ({"norm": "zscore"}, "norm must be none"),
        ({"token_order": "pt_ordered"}, "token_order must be input_order or shuffled"),
        ({"sort_tokens_by": "pt"}, "token_order must be input_order or shuffled"),
        ({"augment": {"phi_rotation": True}}, "augment must be off"),
        ({"globals": {"present": False}}, "globals.present must be true"),
        ({"synthetic": {"n_events": 10}}, "make a toy file and bin it"),
    ],
)
def test_what_needs_numbers_is_refused_of_binned_tokens(keys, said):
    with pytest.raises(ValidationError) as caught:
        DataConfig(**(BINNED | keys))
    text = str(explain(caught.value, DataConfig, "data"))
    assert said in text
    assert "whole numbers" in text
    assert "data=h5_tokens_binned" in text


def test_direct_tokens_have_a_feature():
    with pytest.raises(ValidationError, match="choose some of 0 E"):
        DataConfig(cont_features=[])
