"""The metrics as a package: examples that run, light imports."""

import doctest
import importlib
import pkgutil
import subprocess
import sys

import pytest

from thesis_facts import metrics

MODULES = [
    f"thesis_facts.metrics.{module.name}" for module in pkgutil.iter_modules(metrics.__path__)
]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples_run(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_the_public_names_are_there():
    assert sorted(metrics.__all__) == metrics.__all__
    for name in metrics.__all__:
        assert getattr(metrics, name).__doc__


def test_metrics_need_numpy_alone():
    code = (
        "import sys, thesis_facts.metrics, thesis_facts.scores\n"
        "print(*{'scipy', 'sklearn', 'pandas', 'polars', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
