"""Errors that a user can act on: what is wrong, where, what was found, what to do.

Everything here is standard library only, so that a configuration mistake is answered before
anything heavy is imported.
"""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterator, Mapping
from typing import Any


class ThesisError(Exception):
    """A mistake that the user can mend; commands show its text without a traceback.

    Parameters
    ----------
    message
        What is wrong, in one short clause.
    key
        Where: a dotted configuration key, a file, an argument.
    found, expected
        What stood there, and what should have stood there.
    do
        What to do about it, as an imperative.

    Examples
    --------
    >>> print(DataError("wrong width", key="data.path", found="20 columns", expected=92))
    wrong width: data.path: found 20 columns, but expected 92
    """

    def __init__(
        self,
        message: str,
        *,
        key: str | None = None,
        found: object = None,
        expected: object = None,
        do: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.key = key
        self.found = found
        self.expected = expected
        self.do = do

    def __str__(self) -> str:
        values = ""
        if self.found is not None and self.expected is not None:
            values = f"found {self.found}, but expected {self.expected}"
        elif self.found is not None:
            values = f"found {self.found}"
        elif self.expected is not None:
            values = f"expected {self.expected}"
        text = ": ".join(part for part in (self.message, self.key, values) if part)
        return f"{text}; {self.do}" if self.do else text


class ConfigError(ThesisError):
    """A configuration key or value that is unknown or makes no sense."""


class DataError(ThesisError):
    """Events, score files or data sets that can't be used as they are."""


class RunError(ThesisError):
    """A run directory, its facts or its checkpoints can't be read or written."""


class LockedError(RunError):
    """Another process is working in this run directory."""


def explain(error: Any, model: Any, prefix: str = "") -> ConfigError:
    """Turn a pydantic ``ValidationError`` into one message in the words of the configuration.

    Parameters
    ----------
    error
        A pydantic 2 ``ValidationError`` (only its ``errors()`` is used).
    model
        The model class whose validation failed; its fields give the known spellings.
    prefix
        Dotted path of the section that was validated, e.g. ``"classifier.trainer"``.

    Returns
    -------
    ConfigError
        For one mistake with all its fields set; for several, one line each.
    """
    mistakes = [_explain_one(item, model, prefix) for item in error.errors()]
    if len(mistakes) == 1:
        return mistakes[0]
    return ConfigError("\n".join(str(mistake) for mistake in mistakes))


def _explain_one(item: Mapping[str, Any], model: Any, prefix: str) -> ConfigError:
    kind, message = item["type"], item["msg"]
    key, siblings = _locate(item["loc"], model, prefix, ends_unknown=kind == "extra_forbidden")
    if kind == "extra_forbidden":
        return ConfigError("unknown key", key=key, do=_nearest(key, siblings, model, prefix))
    if kind == "missing":
        return ConfigError("missing key", key=key, do="give it a value")
    if kind.startswith("union_tag_"):  # one key says which of several sections this is
        context = item["ctx"]
        spellings = context["discriminator"].split(" | ")  # of a field with an alias: that is last
        key = _join(key, spellings[-1].strip("'"))
        if kind == "union_tag_not_found":
            return ConfigError("missing key", key=key, do="give it a value")
        expected = f"one of {context['expected_tags']}"
        return ConfigError("wrong value", key=key, found=repr(context["tag"]), expected=expected)
    if kind in ("value_error", "assertion_error"):
        # our own validators already say what is expected
        return ConfigError(message.split(", ", 1)[-1], key=key or None)
    expected = message.removeprefix("Input should be ")
    return ConfigError("wrong value", key=key, found=_shorten(item.get("input")), expected=expected)


def _locate(
    loc: tuple[Any, ...], model: Any, prefix: str, ends_unknown: bool
) -> tuple[str, list[str]]:
    """Dotted key of an error location, and the field names known at its last level.

    Locations also hold what is no key: tags of unions and names of validators. They are told
    apart by walking the fields.
    """
    key, models, in_mapping, siblings = prefix, [model], False, _names([model])
    for position, part in enumerate(loc):
        fields = [m.model_fields[n] for m in models for n in (_field_name(m, part),) if n]
        if isinstance(part, int):
            key += f"[{part}]"
        elif in_mapping:  # any name is a key here
            key, in_mapping = _join(key, part), False
        elif fields:
            key, siblings = _join(key, part), _names(models)
            models = [m for field in fields for m in _models_in(field.annotation)]
            in_mapping = any(_holds_mapping(field.annotation) for field in fields)
        elif ends_unknown and position == len(loc) - 1:
            key, siblings = _join(key, part), _names(models)
        else:  # which member of a union was tried
            models = [m for m in models if _is_tagged(m, part)] or models
    return key, siblings


def _is_tagged(model: Any, tag: object) -> bool:
    annotations = [field.annotation for field in model.model_fields.values()]
    return model.__name__ == tag or any(tag in typing.get_args(a) for a in annotations)


def _join(key: str, part: object) -> str:
    return f"{key}.{part}" if key else str(part)


def _field_name(model: Any, part: object) -> str | None:
    for name, field in model.model_fields.items():
        if part in (name, getattr(field, "alias", None)):
            return name
    return None


def _names(models: list[Any]) -> list[str]:
    return [_spelled(name, field) for model in models for name, field in model.model_fields.items()]


def _spelled(name: str, field: Any) -> str:
    """As a configuration spells the key of a field."""
    return getattr(field, "alias", None) or name


def _models_in(annotation: Any) -> Iterator[Any]:
    """Model classes anywhere inside an annotation such as ``list[Layer] | None``."""
    if hasattr(annotation, "model_fields"):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from _models_in(argument)


def _holds_mapping(annotation: Any) -> bool:
    origin = typing.get_origin(annotation) or annotation
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return True
    return any(_holds_mapping(argument) for argument in typing.get_args(annotation))


def _nearest(key: str, siblings: list[str], model: Any, prefix: str) -> str:
    """Advice for an unknown key: the nearest spelling beside it, else the same name elsewhere."""
    parent, _, leaf = key.rpartition(".")
    near = difflib.get_close_matches(leaf, siblings, n=1) or [
        name for name in siblings if name == _initials(leaf) or _initials(name) == leaf
    ]
    if near:
        return f"did you mean {parent + '.' if parent else ''}{near[0]}?"
    known = _all_keys(model, prefix)
    elsewhere = [k for k in known if k.rpartition(".")[2] == leaf and k != key]
    if elsewhere:
        return f"did you mean {elsewhere[0]}?"
    return f"known here: {', '.join(sorted(set(siblings)))}" if siblings else "remove it"


def _initials(name: str) -> str:
    """As names are shortened: learning_rate is lr, weight_decay is wd."""
    return "".join(word[:1] for word in name.split("_"))


def _all_keys(model: Any, prefix: str, above: tuple[Any, ...] = ()) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = _join(prefix, _spelled(name, field))
        yield key
        for inner in _models_in(field.annotation):
            if inner not in above:  # a model may hold itself
                yield from _all_keys(inner, key, (*above, model))


def _shorten(value: object, limit: int = 80) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
