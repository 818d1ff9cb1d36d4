"""The composed config of a run: every key that a loop reads, with what it may be.

No torch here, and no default: `configs/` holds the values, this file says what they may be.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import Discriminator, Field, Tag, ValidationError, field_validator, model_validator

from thesis_arch.autoencoder.config import (
    DecoderConfig,
    DenoiserConfig,
    DiscriminatorConfig,
    EncoderConfig,
    LatentConfig,
)
from thesis_arch.baselines.bdt_config import BDTConfig
from thesis_arch.baselines.mlp_config import MLPConfig
from thesis_arch.simple.config import SimpleMLPConfig
from thesis_arch.strict import Section
from thesis_arch.transformer_classifier.config import GlobalsConfig, TransformerConfig
from thesis_data.config import DataConfig, Labels, ToyRegressionConfig
from thesis_facts.errors import ConfigError, explain
from thesis_loops.engine.settings import RunSettings, TrainerSettings
from thesis_loops.logging_config import LoggingSection

# The loops, and what a sweeper may optimise: results of validation, never of the test split.
_OF_CLASSIFIERS = ("best_val_loss", "best_val_auroc", "best_val_acc")
OBJECTIVES = {
    "transformer_classifier": _OF_CLASSIFIERS,
    "mlp_classifier": _OF_CLASSIFIERS,
    "bdt_classifier": _OF_CLASSIFIERS,
    "ae": ("best_val_loss",),
    "gan_ae": ("best_val_loss",),
    "diffusion_ae": ("best_val_loss",),
    "test_mlp": ("best_val_loss",),
}

# A user's own loop may train any of these models.
_NAMED_LIKE_THEIR_MODEL = {"transformer_classifier", "mlp_classifier", "bdt_classifier"}

# SIGINT is not among them: it always is ctrl-C.
StopSignal = Literal["SIGTERM", "SIGUSR1", "SIGUSR2", "SIGHUP", "SIGQUIT", "SIGXCPU", "SIGTSTP"]


class EnvSection(Section):
    """Where files are: `output_root` for what we write, `data_root` for data sets.

    `storage_root` is what a cluster builds both from.
    """

    output_root: str
    data_root: str
    storage_root: str | None = None


class ClassSettings(RunSettings):
    """How classes are weighed and judged."""

    class_weights: Literal["none", "balanced"]
    metrics: tuple[Literal["acc", "auroc", "f1"], ...]


class PidScheduleSettings(Section):
    """When the learned embedding of object ids trains.

    Attributes
    ----------
    mode : str
        standard: always; warmup_fixed: from `transition_epoch` on; frozen_backbone: from then on it
        alone does, starting anew.
    transition_epoch : int
        Epochs before the change.
    reinit_mode : str
        How it starts anew: random as at first, or with a column for each id.
    pid_lr : float or None
        Learning rate of the embedding, with the schedule of `lr`; null is `lr`.
    """

    mode: Literal["standard", "warmup_fixed", "frozen_backbone"]
    transition_epoch: int = Field(ge=0)
    reinit_mode: Literal["normal", "one_hot_padded"]
    pid_lr: float | None = Field(gt=0)


class InterpretabilitySettings(Section):
    """What is read off the model after an epoch, as far as the model has it.

    Attributes
    ----------
    checkpoint_epochs : tuple of int or None
        After which epochs, counted from 0; null: after each.
    n_events : int
        Validation events whose attention maps and routes are kept.
    """

    enabled: bool
    checkpoint_epochs: tuple[int, ...] | None
    n_events: int = Field(ge=1)
    save_attention_maps: bool
    save_differential_lambda: bool
    save_bias_gates: bool
    save_kan_splines: bool
    save_moe_routing: bool
    save_gradient_norms: bool


class ClassifierTrainer(ClassSettings, TrainerSettings):
    """`classifier.trainer` of networks; `log_pid_embeddings` keeps those of each epoch."""

    label_smoothing: float = Field(ge=0, lt=1)
    log_pid_embeddings: bool
    pid_schedule: PidScheduleSettings
    interpretability: InterpretabilitySettings

    @model_validator(mode="after")
    def _transition_comes(self) -> "ClassifierTrainer":
        schedule = self.pid_schedule
        if schedule.mode != "standard" and schedule.transition_epoch >= self.epochs:
            raise ValueError(
                f"pid_schedule.transition_epoch is {schedule.transition_epoch}, but a run of "
                f"{self.epochs} epochs never gets there"
            )
        return self


class ClassifierSection(Section):
    """`classifier`, for networks that tell processes apart."""

    model: Annotated[TransformerConfig | MLPConfig, Field(discriminator="name")]
    globals: GlobalsConfig
    trainer: ClassifierTrainer


class BoostingSection(Section):
    """`classifier`, for boosted trees that do."""

    model: BDTConfig
    globals: GlobalsConfig
    trainer: ClassSettings


class CorruptionSettings(Section):
    """What is done to events to see whether anomaly scores find it; null does nothing.

    Attributes
    ----------
    smearing : float or None
        Width of the factor, about 1, of energy and pt of each object.
    swapped_ids : float or None
        Chance of an object to get the id of another of its event.
    met_scale : float or None
        Factor of MET.
    dropped_objects : float or None
        Chance of an object to be lost; one at least stays.
    """

    smearing: float | None = Field(gt=0)
    swapped_ids: float | None = Field(gt=0, le=1)
    met_scale: float | None = Field(gt=0)
    dropped_objects: float | None = Field(gt=0, lt=1)


class AnomalySettings(Section):
    """`background`: labels of the processes to learn from; null learns from all."""

    background: Labels | None
    corruptions: CorruptionSettings


class AdversarialSettings(Section):
    """The game against the discriminator.

    Attributes
    ----------
    weight : float
        Of the adversarial loss.
    adaptive : bool
        Whether it is scaled to pull on the decoder's last layer as the reconstruction does.
    start_epoch : int
        Epochs of reconstruction alone before it.
    lr : float
        Of the discriminator.
    """

    weight: float = Field(gt=0)
    adaptive: bool
    start_epoch: int = Field(ge=0)
    lr: float = Field(gt=0)


class AdversarialTrainer(TrainerSettings):
    """`phase1.trainer` of the loop `gan_ae`."""

    adversarial: AdversarialSettings

    @model_validator(mode="after")
    def _game_begins(self) -> "AdversarialTrainer":
        if self.adversarial.start_epoch >= self.epochs:
            raise ValueError(
                f"adversarial.start_epoch is {self.adversarial.start_epoch}, but a run of "
                f"{self.epochs} epochs never gets there"
            )
        return self


class AutoencoderSection(Section):
    """`phase1`, of the loop `ae`."""

    encoder: EncoderConfig
    latent_space: LatentConfig
    decoder: DecoderConfig
    anomaly: AnomalySettings
    trainer: TrainerSettings


class AdversarialSection(Section):
    """`phase1`, of the loop `gan_ae`."""

    encoder: EncoderConfig
    latent_space: LatentConfig
    decoder: DecoderConfig
    discriminator: DiscriminatorConfig
    anomaly: AnomalySettings
    trainer: AdversarialTrainer


class DiffusionSection(Section):
    """`phase1`, of the loop `diffusion_ae`."""

    encoder: EncoderConfig
    latent_space: LatentConfig
    decoder: DenoiserConfig
    anomaly: AnomalySettings
    trainer: TrainerSettings


class GeneralSection(Section):
    """`general`, of the `test_mlp` loop."""

    trainer: TrainerSettings


class SimpleSection(Section):
    """`simple`, of the `test_mlp` loop."""

    mlp: SimpleMLPConfig


class MetaSection(Section):
    """What can't be read off the rest of the config."""

    goal: Literal["classification", "anomaly_detection"] | None


class ExperimentSection(Section):
    """`name` is part of the names of runs and sweeps."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


def _trained_by(section: Any) -> str:
    """Which of the two sections this is: one key of the model says so."""
    if isinstance(section, Mapping):
        return (
            "BoostingSection" if _model_name(section) == "bdt_classifier" else "ClassifierSection"
        )
    return type(section).__name__


def _played_by(section: Any) -> str:
    """Which of the three autoencoder sections this is."""
    if not isinstance(section, Mapping):
        return type(section).__name__
    if "discriminator" in section:
        return "AdversarialSection"
    decoder = section.get("decoder")
    target = decoder.get("_target_") if isinstance(decoder, Mapping) else None
    return "DiffusionSection" if str(target).endswith(".Denoiser") else "AutoencoderSection"


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
    classifier: (
        Annotated[
            Annotated[ClassifierSection, Tag("ClassifierSection")]
            | Annotated[BoostingSection, Tag("BoostingSection")],
            Discriminator(_trained_by),
        ]
        | None
    ) = None
    phase1: (
        Annotated[
            Annotated[AutoencoderSection, Tag("AutoencoderSection")]
            | Annotated[AdversarialSection, Tag("AdversarialSection")]
            | Annotated[DiffusionSection, Tag("DiffusionSection")],
            Discriminator(_played_by),
        ]
        | None
    ) = None
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

    @model_validator(mode="before")
    @classmethod
    def _model_of_the_loop(cls, values: Any) -> Any:
        loop, model = values.get("loop"), _model_name(values.get("classifier"))
        if {loop, model} <= _NAMED_LIKE_THEIR_MODEL and loop != model:
            raise ValueError(
                f"classifier.model.name: found {model}, but loop={loop} trains a model of its own "
                f"name; choose loop={model}, or leave classifier/model out"
            )
        return values

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


def _model_name(section: Any) -> Any:
    model = section.get("model") if isinstance(section, Mapping) else None
    return model.get("name") if isinstance(model, Mapping) else None
