"""Messages that a user can act on."""

import pickle
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import pytest

from thesis_facts.errors import ConfigError, LockedError, RunError, ThesisError, explain


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "wrong width"),
        ({"key": "data.path"}, "wrong width: data.path"),
        ({"found": 20, "expected": 92}, "wrong width: found 20, but expected 92"),
        ({"key": "data.path", "expected": 92}, "wrong width: data.path: expected 92"),
        (
            {"key": "data.path", "found": 0, "expected": 92, "do": "use another file"},
            "wrong width: data.path: found 0, but expected 92; use another file",
        ),
    ],
)
def test_message_names_only_the_fields_that_are_given(fields, text):
    assert str(ThesisError("wrong width", **fields)) == text


def test_errors_cross_process_borders_with_their_fields():
    error = pickle.loads(pickle.dumps(RunError("gone", key="a", found=1, expected=2, do="look")))
    assert (str(error), error.key) == ("gone: a: found 1, but expected 2; look", "a")


def test_a_lock_is_a_matter_of_runs():
    assert issubclass(LockedError, RunError)


@dataclass
class Field:
    """What `explain` uses of a pydantic field."""

    annotation: Any
    alias: str | None = None


class Early:
    """What `explain` uses of a pydantic model."""

    model_fields: ClassVar = {"patience": Field(int), "min_delta": Field(float)}


class Other:
    """The other member of a union."""

    model_fields: ClassVar = {"kind": Field(Literal["other"]), "rounds": Field(int)}


class Trainer:
    model_fields: ClassVar = {
        "epochs": Field(int),
        "lr": Field(float),
        "schedule": Field(Literal["cosine", "constant"]),
        "early_stopping": Field(Early | None),
        "stages": Field(list[Early]),
        "by_name": Field(dict[str, Early]),
        "stop": Field(Early | Other),
    }


@dataclass
class ValidationError:
    """What `explain` uses of pydantic's error."""

    items: list = field(default_factory=list)

    def errors(self):
        return self.items


def item(kind, loc, msg="", found=None):
    return {"type": kind, "loc": loc, "msg": msg, "input": found}


def explained(*items, prefix="classifier.trainer"):
    error = explain(ValidationError(list(items)), Trainer, prefix)
    assert isinstance(error, ConfigError)
    return error


def test_an_unknown_key_gets_the_nearest_spelling_beside_it():
    error = explained(item("extra_forbidden", ("epoch",)))
    assert error.key == "classifier.trainer.epoch"
    assert "did you mean classifier.trainer.epochs?" in str(error)


def test_a_key_is_known_by_its_initials_and_in_full():
    assert "did you mean classifier.trainer.lr?" in str(
        explained(item("extra_forbidden", ("learning_rate",)))
    )
    assert "did you mean classifier.trainer.early_stopping?" in str(
        explained(item("extra_forbidden", ("es",)))
    )


def test_an_unknown_key_that_exists_elsewhere_is_found_there():
    error = explained(item("extra_forbidden", ("patience",)))
    assert "did you mean classifier.trainer.early_stopping.patience?" in str(error)


def test_an_unknown_key_unlike_any_other_shows_what_is_known():
    assert "known here: min_delta, patience" in str(
        explained(item("extra_forbidden", ("early_stopping", "zzz")))
    )


def test_a_wrong_value_is_shown_with_what_is_allowed():
    error = explained(
        item("literal_error", ("schedule",), "Input should be 'cosine' or 'constant'", "cosin")
    )
    assert str(error) == (
        "wrong value: classifier.trainer.schedule: found 'cosin', "
        "but expected 'cosine' or 'constant'"
    )


def test_a_missing_key_is_named():
    assert "missing key: lr" in str(explained(item("missing", ("lr",)), prefix=""))


def test_the_words_of_our_own_validators_stand_alone():
    error = explained(item("value_error", (), "Value error, a warm-up of 9 in 3 epochs"))
    assert str(error) == "a warm-up of 9 in 3 epochs: classifier.trainer"


@pytest.mark.parametrize(
    ("loc", "key"),
    [
        (("stages", 1, "patience"), "classifier.trainer.stages[1].patience"),
        (("by_name", "first", "patience"), "classifier.trainer.by_name.first.patience"),
        # names of union members and validators are no keys
        (("early_stopping", "Early", "patience"), "classifier.trainer.early_stopping.patience"),
    ],
)
def test_the_key_leads_through_lists_mappings_and_unions(loc, key):
    assert explained(item("int_type", loc, "Input should be a valid integer", "x")).key == key


def test_an_unknown_key_of_one_member_of_a_union_is_not_explained_by_another():
    error = explained(item("extra_forbidden", ("stop", "other", "patience")))
    assert error.key == "classifier.trainer.stop.patience"
    assert "did you mean classifier.trainer.early_stopping.patience?" in str(error)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("union_tag_invalid", "wrong value: a.b.kind: found 'oter', but expected one of 'other'"),
        ("union_tag_not_found", "missing key: a.b.kind; give it a value"),
    ],
)
def test_the_key_that_picks_a_section_is_the_one_that_is_wrong(kind, text):
    context = {"discriminator": "'kind'", "tag": "oter", "expected_tags": "'other'"}
    mistake = {**item(kind, ()), "ctx": context}
    assert str(explained(mistake, prefix="a.b")) == text


def test_several_mistakes_get_a_line_each():
    error = explained(item("missing", ("lr",)), item("extra_forbidden", ("epoch",)))
    assert len(str(error).splitlines()) == 2


def test_a_long_value_is_cut():
    error = explained(item("int_type", ("epochs",), "Input should be a valid integer", "x" * 500))
    assert len(str(error)) < 200
