"""What the name of a training loop says about its run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Loop:
    """Model family, goal and trainer section of the runs of one loop; None where open."""

    family: str | None
    goal: str | None
    trainer: str | None


LOOPS: dict[str, Loop] = {
    "transformer_classifier": Loop("transformer", "classification", "classifier.trainer"),
    "mlp_classifier": Loop("mlp", "classification", "classifier.trainer"),
    "bdt_classifier": Loop("bdt", "classification", "classifier.trainer"),
    "ae": Loop("ae", "anomaly_detection", "phase1.trainer"),
    "gan_ae": Loop("ae", "anomaly_detection", "phase1.trainer"),
    "diffusion_ae": Loop("ae", "anomaly_detection", "phase1.trainer"),
    "test_mlp": Loop("mlp", None, "general.trainer"),
}

_OWN_LOOP = Loop(None, None, None)


def loop_of(config: Mapping[str, Any]) -> Loop:
    """Loop that a configuration asks for; a user's own loop tells nothing."""
    return LOOPS.get(str(config.get("loop")), _OWN_LOOP)
