"""What a run writes and tells beside its scalars: `logging` of the config.

No torch here, and no default: `configs/logging` holds the values, this file says what they may be.
"""

from typing import Literal

from pydantic import Field, model_validator

from thesis_arch.strict import Section


class ScoresSettings(Section):
    """`max_events`: of each split, in `scores/`; 0 keeps all. `embeddings`: keep them too."""

    max_events: int = Field(ge=0)
    embeddings: bool


class EvaluationSettings(Section):
    """What `facts/evaluation.json` holds beside the numbers of val and test.

    `train_events`: how many training events are scored for the gap to validation; 0 for none.
    `cost`: time scoring, and count its operations, for about a second.
    """

    train_events: int = Field(ge=0)
    cost: bool


class Families(Section):
    """Which kinds of pictures are drawn while a run trains, where it has what they show."""

    losses: bool
    metrics: bool
    recon: bool
    codebook: bool
    latency: bool
    adversarial: bool
    diffusion: bool
    roc: bool
    confusion: bool
    scores: bool


class Moments(Section):
    """When pictures are drawn."""

    on_epoch_end_quick: bool
    on_validation_end: bool
    on_test_end: bool
    on_train_end_full: bool


class WandbSettings(Section):
    """Where a run is mirrored to.

    Attributes
    ----------
    project, entity : str
        `entity` null is the default one of the key's owner.
    run_name : str or None
        Null: the name of the run directory.
    group : str or None
        Null: the name of the sweep.
    tags : tuple of str or None
        Null: level, goal, family, dataset and needs_review, as far as they are known.
    mode : str
        online; or offline, to be sent later by `thesis-wandb sync`. WANDB_MODE wins.
    dir : str or None
        For the files of W&B; null: the run directory.
    log_freq : int
        Epochs from one row to the next.
    log_artifacts : bool
        Whether the best checkpoint is sent, too.
    """

    project: str
    entity: str | None
    run_name: str | None
    group: str | None
    tags: tuple[str, ...] | None
    mode: Literal["online", "offline"]
    dir: str | None
    log_freq: int = Field(ge=1)
    log_artifacts: bool


class LoggingSection(Section):
    """What a run writes beside its scalars."""

    epoch_histories: bool
    scores: ScoresSettings
    evaluation: EvaluationSettings
    make_plots: bool
    families: Families | None = None
    moments: Moments | None = None
    fig_format: Literal["png", "pdf", "svg"]
    dpi: int = Field(ge=30, le=1200)
    figures_subdir: str
    file_naming: str
    use_wandb: bool
    wandb: WandbSettings | None = None

    @model_validator(mode="after")
    def _has_what_it_asks_for(self) -> "LoggingSection":
        needed = {"make_plots": ("families", "moments"), "use_wandb": ("wandb",)}
        for switch, sections in needed.items():
            for name in sections:
                if getattr(self, switch) and getattr(self, name) is None:
                    raise ValueError(f"{name}: missing, and {switch} needs it")
        return self
