"""Torch modules for collider events. Public names load on first use, so configs need no torch."""

from importlib import import_module

_HOME = {
    "CheckpointError": "thesis_arch.checkpoint",
    "DataSpec": "thesis_arch.data_spec",
    "SimpleMLP": "thesis_arch.simple.mlp",
    "SimpleMLPConfig": "thesis_arch.simple.config",
    "TransformerClassifier": "thesis_arch.transformer_classifier.classifier",
    "TransformerConfig": "thesis_arch.transformer_classifier.config",
    "load_model": "thesis_arch.checkpoint",
    "model_payload": "thesis_arch.checkpoint",
}
__all__ = sorted(_HOME)


def __getattr__(name: str) -> object:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'thesis_arch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
