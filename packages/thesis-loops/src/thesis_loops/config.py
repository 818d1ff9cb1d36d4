"""The composed config of a run: every key that a loop reads, with what it may be.

No torch here, and no default: `configs/` holds the values, this file says what they may be.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import Field, ValidationError, field_validator, model_validator

from thesis_arch.simple.config import SimpleMLPConfig
from thesis_arch.strict import Section
from thesis_arch.transformer_classifier.config import GlobalsConfig, TransformerConfig
from thesis_data.config import DataConfig, ToyRegressionConfig
from thesis_facts.errors import ConfigError, explain
from thesis_loops.engine.settings import TrainerSettings

# The loops, and what a sweeper may optimise: results of validation, never of the test split.
OBJECTIVES = {
    "transformer_classifier": ("best_val_loss", "best_val_auroc", "best_val_acc"),
    "test_mlp": ("best_val_loss",),
}

# SIGINT is not among them: it always is ctrl-C.
StopSignal = Literal["SIGTERM", "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGQUIT", "SIGXCPU", "SIGTSTP"]


class EnvSection(Section):
    """Where files are: `output_root` for what we write, `data_root` for data sets."""

    output_root: str
    data_root: str


class ClassifierTrainer(TrainerSettings):
    """`classifier.trainer`: what all trainers have, and how classes are weighed and judged."""

    label_smoothing: float = Field(ge=0, lt=1)
    class_weights: Literal["none", "balanced"]
    metrics: tuple[Literal["acc", "auroc", "f1"], ...]


class ClassifierSection(Section):
    """`classifier`, for loops that tell processes apart."""

    model: TransformerConfig
    globals: GlobalsConfig
    trainer: ClassifierTrainer


class GeneralSection(Section):
    """`general`, of the `test_mlp` loop."""

    trainer: TrainerSettings


class SimpleSection(Section):
    """`simple`, of the `test_mlp` loop."""

    mlp: SimpleMLPConfig


class ScoresSettings(Section):
    """`max_events`: of each split, in `scores/`; 0 keeps all. `embeddings`: keep them too."""

    max_events: int = Field(ge=0)
    embeddings: bool


class LoggingSection(Section):
    """What a run writes beside its scalars."""

    epoch_histories: bool
    scores: ScoresSettings


class MetaSection(Section):
    """What can't be read off the rest of the config."""

    goal: Literal["classification", "anomaly_detection"] | None


class ExperimentSection(Section):
    """`name` is part of the names of runs and sweeps."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


class RunConfig(Section):
    """All of it. Sections of other loops are left out.

    Attributes
    ----------
    device : str
        auto, cpu, cuda, cuda:N or mps.
    deterministic : bool
        Only algorithms that give the same numbers each time, also on GPUs.
    checkpoint_every_s : float or None
        Seconds between checkpoints inside an epoch; null saves at its end alone.
    stop_signals : tuple of str
        Mean "save and leave", with exit code 85.
    """

    loop: str
    env: EnvSection
    data: Annotated[DataConfig | ToyRegressionConfig, Field(discriminator="kind")]
    classifier: ClassifierSection | None = None
    general: GeneralSection | None = None
    simple: SimpleSection | None = None
    logging: LoggingSection
    meta: MetaSection
    experiment: ExperimentSection
    device: str
    deterministic: bool
    checkpoint_every_s: float | None = Field(gt=0)
    stop_signals: tuple[StopSignal, ...]
    resume: Literal["auto"] | None
    run_dir: str | None
    job_id: str | None
    objective: str

    @field_validator("loop")
    @classmethod
    def _is_a_loop(cls, value: str) -> str:
        if value not in OBJECTIVES:
            raise ValueError(f"found {value!r}, but expected one of {', '.join(OBJECTIVES)}")
        return value

    @model_validator(mode="after")
    def _fits_the_loop(self) -> "RunConfig":
        allowed = OBJECTIVES[self.loop]
        if self.objective not in allowed:
            raise ValueError(
                f"objective: found {self.objective}, but expected one of {', '.join(allowed)} "
                "(tuning on the test split is refused)"
            )
        return self


def check_config(cfg: Mapping[str, Any] | DictConfig) -> RunConfig:
    """Check a composed config as a whole.

    Raises
    ------
    ConfigError
        Names the key, the value and what is allowed; for an unknown key the nearest spelling.
    """
    try:
        plain = OmegaConf.to_container(cfg, resolve=True) if OmegaConf.is_config(cfg) else dict(cfg)
    except OmegaConfBaseException as error:
        raise ConfigError(str(error).splitlines()[0]) from error
    try:
        return RunConfig.model_validate(plain)
    except ValidationError as error:
        raise explain(error, RunConfig) from error
