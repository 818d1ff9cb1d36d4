"""Collider events: H5 files, the toy Monte Carlo, tasks, tokens and batches.

The public names load on first use, so that `thesis_data.config` (checked when a command starts)
and `thesis-data inspect` never wait for torch.
"""

from importlib import import_module

_HOMES = {
    "DataConfig": "config",
    "ToyRegressionConfig": "config",
    "EventBatch": "events",
    "EventSplit": "events",
    "StreamedSplit": "streaming",
    "train_batches": "batches",
    "eval_batches": "batches",
    "index_batches": "batches",
    "steps_per_epoch": "batches",
    "make_toy_regression": "toy_regression",
    "toy_batches": "toy_regression",
    "describe_dataset": "dataset_files",
    "ensure_dataset": "toy_dataset",
    "inspect_file": "validation",
    "EventData": "loading",
    "load_events": "loading",
    "keyed_seed": "random",
    "keyed_generator": "random",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
