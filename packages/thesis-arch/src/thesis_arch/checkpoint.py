"""The model part of a checkpoint: everything that scores raw events with nothing beside it."""

import zipfile
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

FORMAT_VERSION = 4

_ARCHIVE = b"PK\x03\x04"  # what a file of torch begins with

# What a checkpoint may name. Nothing outside this dict is ever imported on a file's word.
ARCHITECTURES = {
    "autoencoder": "thesis_arch.autoencoder.model:Autoencoder",
    "bdt_classifier": "thesis_arch.baselines.bdt:BoostedTrees",
    "diffusion_autoencoder": "thesis_arch.autoencoder.diffusion.model:DiffusionAutoencoder",
    "mlp_classifier": "thesis_arch.baselines.mlp:MLPClassifier",
    "simple_mlp": "thesis_arch.simple.mlp:SimpleMLP",
    "transformer_classifier": "thesis_arch.transformer_classifier.classifier:TransformerClassifier",
}


class CheckpointError(ValueError):
    """A file that is no checkpoint of ours, is torn, or is from a newer version."""


def model_payload(model: nn.Module) -> dict[str, Any]:
    """Plain containers and tensors from which `load_model` builds the same model again.

    Parameters
    ----------
    model : nn.Module
        One of `ARCHITECTURES`, not compiled, not wrapped.
    """
    described = cast(Any, model)
    return {
        "format_version": FORMAT_VERSION,
        "architecture": described.architecture,
        "config": described.config.model_dump(mode="json"),
        "spec": {
            k: list(v) if isinstance(v, tuple) else v for k, v in asdict(described.spec).items()
        },
        "weights": {k: v.detach().cpu().clone() for k, v in model.state_dict().items()},
    }


def build_model(payload: dict[str, Any], source: str = "checkpoint") -> nn.Module:
    """The model described by `payload`, in eval mode.

    Raises
    ------
    CheckpointError
        Unknown version or architecture, or weights that do not fit the config.
    """
    version = payload.get("format_version")
    if version != FORMAT_VERSION:
        raise CheckpointError(
            f"{source}: found format version {version}, but this thesis-arch reads {FORMAT_VERSION}"
        )
    name = payload.get("architecture")
    if name not in ARCHITECTURES:
        raise CheckpointError(
            f"{source}: found architecture {name!r}, but expected one of {sorted(ARCHITECTURES)}"
        )
    try:
        config = find_architecture(name).config_class.model_validate(payload["config"])
        model = build_untrained(name, config, payload["spec"])
        model.load_state_dict(payload["weights"])
    except (AttributeError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"{source}: the model in it does not fit its config: {error}"
        ) from error
    return model.eval()


def build_untrained(name: str, config: Any, spec: dict[str, Any]) -> nn.Module:
    """A model of `ARCHITECTURES` with the weights that it begins with.

    Parameters
    ----------
    name : str
        Of the architecture.
    config
        Checked config of the model.
    spec : dict
        Fields of its spec, as `model_payload` writes them.
    """
    architecture = find_architecture(name)
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in spec.items()}
    return architecture(config, architecture.spec_class(**fields))


def find_architecture(name: str) -> Any:
    """The class of a model in `ARCHITECTURES`."""
    module, attribute = ARCHITECTURES[name].split(":")
    return getattr(import_module(module), attribute)


def load_model(path: str | Path, device: str | torch.device = "cpu") -> nn.Module:
    """Load the model of a `best_val.pt` or `last.pt`, in eval mode.

    The file is read with ``weights_only=True``: a checkpoint can't run code.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    CheckpointError
        The file is torn or foreign.
    """
    return build_model(read_payload(path), source=str(path)).to(device)


def read_payload(path: str | Path) -> dict[str, Any]:
    """The model part of a `best_val.pt` or `last.pt`, as `model_payload` made it.

    Raises
    ------
    FileNotFoundError, CheckpointError
        As `load_model`.
    """
    content = read_checkpoint(path)
    payload = content.get("model", content)
    if not isinstance(payload, dict):
        raise CheckpointError(f"{path}: this is no thesis-arch checkpoint")
    return payload


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The dict in a checkpoint file; raises CheckpointError where there is none."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: there is no such checkpoint")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # foreign bytes make the unpickler fail in any way
        raise CheckpointError(
            f"{path}: not a readable checkpoint ({_reason(path, error)})"
        ) from error
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: this is no thesis-arch checkpoint")
    return content


def _reason(path: Path, error: Exception) -> str:
    """Why a file could not be read: torch's own words name neither of the usual causes."""
    with path.open("rb") as file:
        start = file.read(4)
        is_archive = zipfile.is_zipfile(file)
    if not start:
        return "it is empty"
    if start == _ARCHIVE and not is_archive:
        return "it is truncated"
    if not is_archive:
        return "it is no checkpoint of torch"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
