"""Which loop is behind which name."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

Train = Callable[[Mapping[str, Any]], dict[str, Any]]

# Names of functions, not functions: `thesis-train --help` never waits for torch.
DISPATCH = {
    "ae": "thesis_loops.ae:train",
    "bdt_classifier": "thesis_loops.bdt_classifier:train",
    "diffusion_ae": "thesis_loops.diffusion_ae:train",
    "gan_ae": "thesis_loops.gan_ae:train",
    "mlp_classifier": "thesis_loops.mlp_classifier:train",
    "test_mlp": "thesis_loops.test_mlp:train",
    "transformer_classifier": "thesis_loops.transformer_classifier:train",
}


def find_loop(name: str) -> Train:
    """The `train(cfg) -> dict` of a loop."""
    module, function = DISPATCH[name].split(":")
    return getattr(import_module(module), function)
