"""Device and precision: chosen once at the start, recorded in the facts."""

import os
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from thesis_facts.errors import ConfigError
from thesis_loops.engine.ranks import local_rank, n_ranks
from thesis_loops.engine.settings import RunSettings, TrainerSettings

_AMP_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Numerics:
    """Where and how precisely a run computes.

    Attributes
    ----------
    device : torch.device
        Where the model lives.
    amp : str
        off, bf16 or fp16.
    matmul_precision : str
        highest, high or medium, `auto` resolved.
    deterministic : bool
        Whether only algorithms run that give the same numbers each time.
    """

    device: torch.device
    amp: str
    matmul_precision: str
    deterministic: bool = False

    @classmethod
    def choose(cls, device: str, settings: RunSettings, deterministic: bool = False) -> "Numerics":
        """Resolve `auto`, check that the machine has what is asked for, and set it.

        A loop without gradients leaves precision open: it gets all there is.

        Raises
        ------
        ConfigError
            The device does not exist here, or can't do the precision.
        """
        chosen = select_device(device)
        amp, precision = "off", "highest"
        if isinstance(settings, TrainerSettings):
            amp, precision = settings.amp, settings.matmul_precision
        if amp == "fp16" and chosen.type != "cuda":  # the loss scaling is made for CUDA
            raise ConfigError(
                "fp16 needs a GPU with CUDA",
                key="trainer.amp",
                found="fp16",
                expected=f"off or bf16 on {chosen.type}",
            )
        if precision == "auto":
            precision = "medium" if chosen.type == "cpu" and _cpu_has_bf16() else "highest"
        torch.set_float32_matmul_precision(precision)
        if deterministic and chosen.type == "cuda":  # cuBLAS reads it when it is first used
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        if torch.are_deterministic_algorithms_enabled() != deterministic:
            torch.use_deterministic_algorithms(deterministic)  # imports a compiler: takes seconds
        if chosen.type == "cpu":
            # oneDNN compiles a kernel a shape and keeps 1,024 of them, a gigabyte; the number of
            # tokens is another one in almost every step, so what few steps need is enough.
            os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "256")
        if chosen.type == "cuda":  # what facts say of name and memory is of the current GPU
            torch.cuda.set_device(chosen)
        return cls(chosen, amp, precision, deterministic)

    def autocast(self) -> AbstractContextManager[Any]:
        """Mixed precision for the forward pass."""
        if self.amp == "off":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=_AMP_TYPES[self.amp])

    def describe(self) -> dict[str, Any]:
        """For the facts: what decides the last digits of a result."""
        return {
            "device": str(self.device),
            "amp": self.amp,
            "matmul_precision": self.matmul_precision,
            "deterministic": self.deterministic,
            "threads": torch.get_num_threads(),
            "ranks": n_ranks(),
        }


def select_device(name: str) -> torch.device:
    """`auto` takes the first GPU with CUDA, else the CPU; else cpu, cuda, cuda:N or mps.

    Of several processes on one machine each takes the GPU of its own number.

    Training on `mps` (Apple's GPUs) was never tried, which is why `auto` does not choose it.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and n_ranks() > 1:
        name = f"cuda:{local_rank()}"
    try:
        device = torch.device(name)
    except RuntimeError:
        device = None
    if device is None or device.type not in ("cpu", "cuda", "mps"):  # torch knows more
        raise ConfigError(
            "unknown device",
            key="device",
            found=repr(name),
            expected="auto, cpu, cuda, cuda:N or mps",
        )
    n_gpus = torch.cuda.device_count() if device.type == "cuda" else torch.mps.device_count()
    if device.type != "cpu" and (device.index or 0) >= n_gpus:
        raise ConfigError(
            "no such GPU here",
            key="device",
            found=repr(name),
            expected=f"one of {n_gpus} GPUs" if n_gpus else "cpu, since this machine has none",
            do="use device=auto",
        )
    return device


def cuda_info() -> dict[str, Any]:
    """What the facts say of GPUs."""
    if not torch.cuda.is_available():
        return {"available": False}
    return {"available": True, "name": torch.cuda.get_device_name(), "version": torch.version.cuda}


def _cpu_has_bf16() -> bool:
    # AVX512-BF16 or AMX; without them bfloat16 products are emulated and slower than float32.
    # Torch has no public name for the question, and not every version has these.
    questions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, name, bool)() for name in questions)
