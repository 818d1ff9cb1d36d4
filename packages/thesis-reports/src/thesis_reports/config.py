"""What a report can be told, typed beside the code that reads it.

The defaults repeat those of ``configs/report/base.yaml``, so that a notebook can say
``run_report({"inputs": {"sweep_dir": ...}})``; a test of the app keeps the two equal.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from thesis_facts.errors import ConfigError, explain


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Strings = Annotated[list[str], BeforeValidator(_as_list)]
FigureFormat = Literal["png", "pdf", "svg"]
CorruptionType = Literal[
    "smearing", "swapped_ids", "met_scale", "met_direction", "met_shuffled", "dropped_objects"
]
_CHANCES = ("swapped_ids", "met_shuffled", "dropped_objects")


class Section(BaseModel):
    """A part of the config: unknown keys are mistakes, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Inputs(Section):
    """Which runs are read: one of `sweep_dir`, `sweep_dirs` and `run_dirs`, narrowed by `select`.

    All take wildcards; runs of several sweeps have their sweep in the column ``sweep``. `select`
    maps a column of the runs table to the value, or the list of values, that a run must have there
    to be kept.
    """

    sweep_dir: str | None = None
    sweep_dirs: Strings | None = None
    run_dirs: Strings | None = None
    select: dict[str, Any] = {}

    def sweeps(self) -> list[str] | None:
        """The sweeps that are given, in either way."""
        return self.sweep_dirs if self.sweep_dir is None else [self.sweep_dir]


class Outputs(Section):
    """Where the report goes below ``{output_root}/reports``, and how its figures are saved.

    `report_subdir` null means ``report_TIMESTAMP_NAME``; `which_figures` null means all.
    """

    report_subdir: str | None = None
    which_figures: Strings | None = None
    fig_format: Annotated[list[FigureFormat], BeforeValidator(_as_list)] = ["png", "pdf"]
    dpi: int = Field(150, ge=50, le=1200)


class Thresholds(Section):
    """Values that a metric has to reach, such as ``val_acc: 0.8``; gives the time it took.

    `comparison` null takes the direction in which the metric improves. A metric named without
    its split is looked up in `split`.
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, float]  # ty: ignore[incompatible-mutable-override]

    comparison: Literal["le", "ge"] | None = None
    split: Literal["train", "val", "test"] = "val"

    def targets(self) -> dict[str, float]:
        """The metrics that have a threshold, by the name that the config gives them."""
        return dict(self.__pydantic_extra__)


class CorruptionParams(Section):
    """How strong a corruption is: a width, a factor, an angle (rad) or a chance, by its type."""

    strength: float = Field(gt=0, allow_inf_nan=False)


class CorruptionStrategy(Section):
    """Something that is done to events before they are scored.

    Types are ``smearing`` (width of the factor of energy and pt), ``swapped_ids`` and
    ``dropped_objects`` (chance of each object), ``met_scale`` (factor), ``met_direction`` (largest
    angle, rad) and ``met_shuffled`` (chance to get the MET of another event). `name` null is the
    type with its strength.
    """

    type: CorruptionType
    params: CorruptionParams
    name: str | None = None

    @model_validator(mode="after")
    def _check_chance(self) -> CorruptionStrategy:
        if self.type in _CHANCES and self.params.strength > 1:
            raise ValueError(f"params.strength is a chance, found {self.params.strength}")
        return self

    @property
    def label(self) -> str:
        """What figures call it."""
        return self.name or f"{self.type} {self.params.strength:g}"


class Inference(Section):
    """Scores from checkpoints in place of those that training wrote.

    `device` is auto, cpu, cuda or cuda:N; `batch_size` null scores in the batches of the run, which
    gives its very numbers; `max_samples` null scores all events of a split, else so many, always
    the same ones. `persist_raw_scores` leaves a copy of the scores in the report.
    `corruption_strategies` are tried by the analyses that judge models one by one.
    """

    enabled: bool = False
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$")
    batch_size: int | None = Field(None, ge=1)
    max_samples: int | None = Field(None, ge=1)
    persist_raw_scores: bool = False
    corruption_strategies: list[CorruptionStrategy] = []

    @model_validator(mode="after")
    def _check_labels(self) -> Inference:
        labels = [strategy.label for strategy in self.corruption_strategies]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(
                f"corruption_strategies need different names, found {twice[0]!r} twice"
            )
        return self


class OtherData(Section):
    """`path`: H5 files that checkpoints score in place of the data set of each run."""

    path: str | list[str] | None = None


class Environment(Section):
    """`output_root` null: inferred from where the inputs lie."""

    output_root: str | None = None


class ReportConfig(Section):
    """The whole config of a report; an analysis with keys of its own extends this class.

    `report_name` is the analysis, or `report_path` a file outside the package that holds one.
    `config_name` is the file that was composed; it names the report. `rank_by` is the metric
    that says which run is best, always on the validation split; null takes the first of AUROC,
    accuracy and loss that the runs have.
    """

    report_name: str = "sweep_summary"
    report_path: str | None = None
    config_name: str | None = None
    rank_by: str | None = None
    inputs: Inputs = Inputs()
    outputs: Outputs = Outputs()
    thresholds: Thresholds = Thresholds()
    inference: Inference = Inference()
    data: OtherData = OtherData()
    env: Environment = Environment()

    def title(self) -> str:
        """The name under which the report is filed."""
        if self.report_path is not None:
            return Path(self.report_path).stem
        return self.config_name or self.report_name


Config = TypeVar("Config", bound=ReportConfig)


def read_config(cfg: Mapping[str, Any] | DictConfig, model: type[Config]) -> Config:
    """Check a composed config and give it as `model`.

    Raises
    ------
    ConfigError
        Where a key or a value is wrong, or where no run is named.
    """
    try:
        config = model.model_validate(plain_config(cfg))
    except ValidationError as error:
        raise explain(error, model) from error
    for key, asked in (
        ("data.path", config.data.path),
        (
            "inference.corruption_strategies",
            ", ".join(one.label for one in config.inference.corruption_strategies),
        ),
    ):
        if asked and not config.inference.enabled:
            raise ConfigError(
                "such events have no scores yet",
                key=key,
                found=str(asked),
                do="add inference.enabled=true",
            )
    ways = ("sweep_dir", "sweep_dirs", "run_dirs")
    given = [key for key in ways if getattr(config.inputs, key) is not None]
    if len(given) != 1:
        raise ConfigError(
            "a report needs runs to report on",
            key="inputs",
            found=" and ".join(given) or f"none of {', '.join(ways)}",
            expected="exactly one of them",
            do="add inputs.sweep_dir=PATH or inputs.run_dirs=[PATH,...]",
        )
    return config


def plain_config(cfg: Mapping[str, Any] | DictConfig) -> dict[str, Any]:
    """A composed config as plain containers, its interpolations resolved."""
    try:
        values = OmegaConf.to_container(cfg, resolve=True) if isinstance(cfg, DictConfig) else cfg
    except OmegaConfBaseException as error:
        raise ConfigError(
            "the config can't be resolved", found=str(error).splitlines()[0]
        ) from error
    return {str(key): value for key, value in dict(values).items()}  # ty: ignore
