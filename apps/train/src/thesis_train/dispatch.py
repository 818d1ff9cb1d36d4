"""Which loop is behind which name."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

Train = Callable[[Mapping[str, Any]], dict[str, Any]]

# Names of functions, not functions: `thesis-train --help` never waits for torch.
DISPATCH = {
    "bdt_classifier": "thesis_loops.bdt_classifier:train",
    "mlp_classifier": "thesis_loops.mlp_classifier:train",
    "test_mlp": "thesis_loops.test_mlp:train",
    "transformer_classifier": "thesis_loops.transformer_classifier:train",
}


def find_loop(name: str) -> Train:
    """The `train(cfg) -> dict` of a loop."""
    module, function = DISPATCH[name].split(":")
    return getattr(import_module(module), function)
