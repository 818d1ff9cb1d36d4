"""What a run writes and tells beside its scalars: `logging` of the config.

No torch here, and no default: `configs/logging` holds the values, this file says what they may be.
"""

from pathlib import PurePath
from typing import Literal

from pydantic import Field, field_validator, model_validator

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
    """When pictures are drawn: of the epochs, of the validation events of an epoch, of the test
    events, and of all epochs when the run is complete."""

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
        For the files of W&B; null: WANDB_DIR, else the run directory.
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
    """What a run writes beside its scalars.

    Attributes
    ----------
    plots_time_share : float or None
        Of the run's time, for pictures while it trains and those of its end; the end's are drawn
        in any case. None for no limit.
    """

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
    plots_time_share: float | None = Field(default=None, gt=0, le=1)  # not left out: see below
    use_wandb: bool
    wandb: WandbSettings | None = None

    @field_validator("figures_subdir")
    @classmethod
    def _stays_in_the_run(cls, value: str) -> str:
        path = PurePath(value)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise ValueError(f"found {value!r}, but expected a folder inside the run directory")
        return value

    @field_validator("file_naming")
    @classmethod
    def _names_each_picture(cls, value: str) -> str:
        expected = (
            "a file name with {family} and {moment}, or pictures would overwrite each other, and "
            "with {epoch_or_step}, or only the last epoch's is kept"
        )
        try:
            names = {value.format(family=f, moment=m, epoch_or_step=0) for f in "ab" for m in "cd"}
        except (LookupError, ValueError, AttributeError) as error:
            raise ValueError(f"found {value!r}, but expected {expected}") from error
        if len(names) < 4 or any("/" in name or "\0" in name for name in names):
            raise ValueError(f"found {value!r}, but expected {expected}")
        return value

    @model_validator(mode="after")
    def _has_what_it_asks_for(self) -> "LoggingSection":
        needed = {"make_plots": ("families", "moments"), "use_wandb": ("wandb",)}
        for switch, sections in needed.items():
            for name in sections:
                if getattr(self, switch) and getattr(self, name) is None:
                    raise ValueError(f"{switch} needs {name}, which is missing")
        if self.make_plots and "plots_time_share" not in self.model_fields_set:
            raise ValueError("make_plots needs plots_time_share, which is missing")
        return self
