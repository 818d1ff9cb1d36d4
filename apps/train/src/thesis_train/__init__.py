"""The command line of training. `compose` gives its config to notebooks."""

from importlib import import_module

# Loaded on first use: `thesis-train --help` waits neither for Hydra nor for torch.
_HOME = {"DISPATCH": "thesis_train.dispatch", "compose": "thesis_train.config"}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'thesis_train' has no attribute {name!r}")
