"""``import thesis_facts`` costs nothing, and its names are what they are."""

import ast
import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import thesis_facts

# A name that goes, or comes, is a decision: notebooks live on these.
PUBLIC = [
    "AXES",
    "Comparison",
    "ConfigError",
    "DataError",
    "LABELS",
    "LockedError",
    "MOMENTS",
    "PROCESSES",
    "Point",
    "RunError",
    "Runs",
    "Scores",
    "SweepPlan",
    "ThesisError",
    "accuracy",
    "append_jsonl_event",
    "append_scalars_csv",
    "asimov_significance",
    "auroc",
    "auroc_uncertainty",
    "brier",
    "build_event_payload",
    "calibration_error",
    "canonical_groups",
    "classification_metrics",
    "classification_report",
    "compare_runs",
    "describe_file",
    "discover_runs",
    "effective_events",
    "efficiency_at_rejection",
    "expected_significance",
    "explain",
    "f1",
    "infer_axes",
    "infer_meta",
    "load_runs",
    "lock_holder",
    "log_loss",
    "meta_hash",
    "paired_auroc_difference",
    "process_report",
    "read_axes",
    "read_config",
    "read_evaluation",
    "read_events",
    "read_histories",
    "read_meta",
    "read_plan",
    "read_scores",
    "rejection_at",
    "roc_curve",
    "run_lock",
    "run_meta",
    "significance",
    "sweep_progress",
    "truncate_scalars",
    "write_atomic",
    "write_json",
    "write_meta",
    "write_plan",
    "write_pointer",
    "write_scores",
]

EXAMPLES = ["errors", "meta", "overrides", "processes"]


def test_public_names_are_frozen():
    assert sorted(thesis_facts.__all__) == sorted(PUBLIC)
    assert dir(thesis_facts) == thesis_facts.__all__


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_loads_and_is_documented(name):
    value = getattr(thesis_facts, name)
    assert not callable(value) or value.__doc__


def test_type_checkers_see_the_names_that_load():
    stub = Path(thesis_facts.__file__).with_suffix(".pyi")
    typed = [
        (alias.name, node.module)
        for node in ast.parse(stub.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    ]
    assert sorted(name for name, _ in typed) == sorted(thesis_facts.__all__)
    for name, module in typed:
        assert getattr(importlib.import_module(module), name) is getattr(thesis_facts, name)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'lod_runs'"):
        thesis_facts.lod_runs  # noqa: B018


def _loaded_by(code):
    """Modules outside the standard library that a fresh interpreter loads for some code."""
    code = f"import sys; before = set(sys.modules); {code}; print(*(set(sys.modules) - before))"
    output = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    ).stdout
    return {name.partition(".")[0] for name in output.split()} - set(sys.stdlib_module_names)


@pytest.mark.parametrize("modules", ["thesis_facts", "thesis_facts.errors, thesis_facts.cli"])
def test_import_loads_the_standard_library_alone(modules):
    assert _loaded_by(f"import {modules}") == {"thesis_facts"}


def test_writing_facts_loads_no_table_library():
    loaded = _loaded_by("from thesis_facts import append_scalars_csv, build_event_payload")
    assert not loaded & {"numpy", "polars", "pandas", "omegaconf"}


def test_polars_tables_need_no_pandas():
    assert "pandas" not in _loaded_by("from thesis_facts import load_runs")


@pytest.mark.parametrize("name", EXAMPLES)
def test_docstring_examples_run(name):
    result = doctest.testmod(importlib.import_module(f"thesis_facts.{name}"))
    assert result.attempted > 0
    assert result.failed == 0
