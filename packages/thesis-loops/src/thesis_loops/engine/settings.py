"""What a `trainer` section may hold (no torch: a typo is answered fast)."""

from typing import Literal

from pydantic import Field

from thesis_arch.strict import Section


class EarlyStoppingSettings(Section):
    """Stop when the validation loss no longer falls."""

    enabled: bool
    patience: int = Field(ge=1)
    min_delta: float = Field(ge=0)
    restore_best_weights: bool


class RunSettings(Section):
    """What every loop needs to know, whatever it trains.

    Attributes
    ----------
    batch_size : int
        Events that are worked on at once: in a step, or while scoring.
    seed : int
        Of everything random but the subset of the data.
    """

    batch_size: int = Field(ge=1)
    seed: int = Field(ge=0)


class TrainerSettings(RunSettings):
    """What every gradient-based loop needs to know.

    Attributes
    ----------
    epochs : int
        Passes over the training events.
    lr, weight_decay : float
        Of AdamW; the decay acts on what has two dimensions: matrices, embeddings, the CLS token.
    warmup_steps : int
        Steps in which the rate rises linearly from lr/10 to lr.
    lr_schedule : str
        What the rate does after the warm-up; cosine and linear end at zero.
    grad_clip : float
        Largest norm of the gradient; 0 switches clipping off.
    ema_decay : float or None
        Decay of an exponential moving average of the weights (Polyak averaging), which is then
        what is validated and saved; null trains without.
    amp : str
        Automatic mixed precision of products.
    matmul_precision : str
        `medium` lets float32 products use bfloat16 inside; `auto` chooses it on CPUs that have
        bfloat16 instructions, and `highest` elsewhere.
    """

    epochs: int = Field(ge=1)
    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    warmup_steps: int = Field(ge=0)
    lr_schedule: Literal["cosine", "linear", "constant"]
    grad_clip: float = Field(ge=0)
    ema_decay: float | None = Field(gt=0, lt=1)
    amp: Literal["off", "bf16", "fp16"]
    matmul_precision: Literal["auto", "highest", "high", "medium"]
    early_stopping: EarlyStoppingSettings
