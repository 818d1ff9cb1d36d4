"""What the data keys of a configuration may be.

No torch here: a mistyped key is answered before anything heavy is imported.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    model_validator,
)

from thesis_data.synthetic.config import ToyConfig
from thesis_facts.processes import PROCESSES

TokenOrder = Literal["input_order", "pt_ordered", "shuffled"]

_CONFIG = ConfigDict(extra="forbid", frozen=True)


def parse_labels(value: Any) -> Any:
    """Bring the spellings of a label list to one: 1, [1, 2], "1,2", "1:2", "[1,2]"."""
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,)
    if isinstance(value, str):
        return tuple(part for part in re.split(r"[,:\s]+", value.strip("[]() ")) if part)
    return value


def check_paths(value: Any) -> Any:
    """Refuse what names no file: one message, where a union would give one for each member."""
    several = isinstance(value, list | tuple) and all(isinstance(part, str) for part in value)
    if value is None or isinstance(value, str) or (several and value):
        return value
    raise ValueError(f"expected a file, a pattern, or a list of these, found {value!r}")


Labels = Annotated[tuple[int, ...], BeforeValidator(parse_labels), Field(min_length=1)]


class LabelGroup(BaseModel):
    """One class of a task: a name and the process labels that belong to it."""

    model_config = _CONFIG

    name: str
    labels: Labels


class SignalVsBackground(BaseModel):
    """Class 0 is the background, class 1 the signal."""

    model_config = _CONFIG

    signal: Labels
    background: Labels


class TaskConfig(BaseModel):
    """Which processes make up which class; the first key that is set wins.

    With none set, the task is 4t against all other processes; the checked config then says so.
    """

    model_config = _CONFIG

    label_groups: tuple[LabelGroup, ...] | None = None
    signal_vs_background: SignalVsBackground | None = None
    selected_labels: Labels | None = None

    def groups(self) -> tuple[LabelGroup, ...]:
        """The classes in the order of their indices."""
        if self.label_groups:
            return self.label_groups
        if self.signal_vs_background:
            sides = (self.signal_vs_background.background, self.signal_vs_background.signal)
        else:
            sides = tuple((label,) for label in self.selected_labels or ())
        return tuple(
            LabelGroup(name="+".join(PROCESSES.get(x, str(x)) for x in side), labels=side)
            for side in sides
        )

    @model_validator(mode="before")
    @classmethod
    def _set_default_task(cls, values: Any) -> Any:
        if not isinstance(values, dict) or any(values.values()):
            return values
        others = [label for label in PROCESSES if label != 1]
        return values | {"signal_vs_background": {"signal": [1], "background": others}}

    @model_validator(mode="after")
    def _check_groups(self) -> "TaskConfig":
        groups = self.groups()
        if len(groups) < 2:
            raise ValueError(f"a task needs two classes or more, found {len(groups)}")
        labels = [label for group in groups for label in group.labels]
        unknown = sorted(set(labels) - set(PROCESSES))
        if unknown:
            known = ", ".join(f"{label} ({name})" for label, name in PROCESSES.items())
            raise ValueError(f"unknown process labels {unknown}; known are {known}")
        repeated = sorted({label for label in labels if labels.count(label) > 1})
        if repeated:
            raise ValueError(f"labels {repeated} are in the task more than once")
        names = [group.name for group in groups]
        if len(set(names)) < len(names):
            raise ValueError(f"two classes have the same name: {names}")
        return self


class DatasetNames(BaseModel):
    """Names of the arrays inside the H5 file; weights are optional."""

    model_config = _CONFIG

    x_train: str = "X_train"
    x_val: str = "X_val"
    x_test: str = "X_test"
    y_train: str | None = "Y_train"
    y_val: str | None = "y_val"
    y_test: str | None = "y_test"
    w_train: str | None = None
    w_val: str | None = None
    w_test: str | None = None


class GlobalsConfig(BaseModel):
    """Event-wide numbers between the ids and the objects: MET (GeV) and METphi (rad)."""

    model_config = _CONFIG

    present: bool = True
    size: Literal[2] = 2


class AugmentConfig(BaseModel):
    """Symmetries of the collision that training events are turned by, drawn anew each epoch."""

    model_config = _CONFIG

    phi_rotation: bool = False
    eta_flip: bool = False


class DataConfig(BaseModel):
    """Where events come from, which of them, and how they are prepared.

    Attributes
    ----------
    path : str, tuple of str, or None
        The H5 file, a pattern such as ``part_*.h5``, or a list of both: one data set.
    dataset_name : str or None
        A name for the sample where the file's own name does not say it, or there are several.
    norm : str
        Read by whoever builds the model: batches stay in GeV and rad.
    seed : int
        Draws the subset of `limit_samples` and the order of shuffled tokens.
    tokenization : str
        "direct": an object is an id and numbers. "binned": one whole number, as `thesis-data bin`
        writes it; the files say the same, or are refused.
    cont_features : tuple of int
        Which of (E, pt, eta, phi) a token has.
    limit_samples : int
        Events per split, the same number of each class; 0 takes all.
    limit_train_samples : int
        The same for the training split alone, so that runs are judged on the same events.
    memory_budget_gib : float
        A split that would take more memory (GiB) is streamed from disk.
    """

    model_config = _CONFIG

    kind: Literal["events"] = "events"
    tokenization: Literal["direct", "binned"] = "direct"
    path: Annotated[str | tuple[str, ...] | None, BeforeValidator(check_paths)] = None
    dataset_name: str | None = None
    datasets: DatasetNames = DatasetNames()
    n_tokens: PositiveInt = 18
    globals: GlobalsConfig = GlobalsConfig()
    norm: Literal["zscore", "log_zscore", "none"] = "zscore"
    seed: NonNegativeInt = 42
    cont_features: tuple[Annotated[int, Field(ge=0, le=3)], ...] = (0, 1, 2, 3)
    limit_samples: NonNegativeInt = 0
    limit_train_samples: NonNegativeInt = 0
    memory_budget_gib: float = Field(8.0, gt=0, allow_inf_nan=False)
    token_order: TokenOrder = "input_order"
    classifier: TaskConfig = TaskConfig()
    augment: AugmentConfig = AugmentConfig()
    synthetic: ToyConfig | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_older_order_keys(cls, values: Any) -> Any:
        """`sort_tokens_by: pt` and `shuffle_tokens: true` are older spellings of `token_order`."""
        if not isinstance(values, dict):
            return values
        values = dict(values)
        sort_by = values.pop("sort_tokens_by", None)
        shuffle = values.pop("shuffle_tokens", False)
        if sort_by not in (None, "pt"):
            raise ValueError(f"sort_tokens_by is pt or null, found {sort_by!r}")
        asked = {"pt_ordered"} if sort_by else set()
        asked |= {"shuffled"} if shuffle else set()
        asked |= {values.get("token_order", "input_order")} - {"input_order"}
        if len(asked) > 1:
            raise ValueError(f"two token orders at once: {sorted(asked)}; set token_order alone")
        if asked:
            values["token_order"] = asked.pop()
        return values

    @model_validator(mode="after")
    def _check_limit(self) -> "DataConfig":
        n_classes = len(self.classifier.groups())
        for key in ("limit_samples", "limit_train_samples"):
            if 0 < getattr(self, key) < n_classes:
                raise ValueError(
                    f"{key} is {getattr(self, key)}, but the task has {n_classes} classes"
                )
        return self

    def limit(self, split: str) -> int:
        """Most events of a split; 0 for all."""
        limits = [self.limit_samples]
        if split == "train":
            limits.append(self.limit_train_samples)
        return min((limit for limit in limits if limit), default=0)

    @model_validator(mode="after")
    def _check_path(self) -> "DataConfig":
        if self.synthetic is not None and isinstance(self.path, tuple):
            raise ValueError(f"synthetic makes one file, but path is a list: {list(self.path)}")
        return self

    @model_validator(mode="after")
    def _check_features(self) -> "DataConfig":
        if len(set(self.cont_features)) < len(self.cont_features):
            raise ValueError(f"cont_features names a column twice: {list(self.cont_features)}")
        if self.tokenization == "direct" and not self.cont_features:
            raise ValueError("cont_features is empty: choose some of 0 E, 1 pt, 2 eta, 3 phi")
        return self

    @model_validator(mode="after")
    def _check_binned(self) -> "DataConfig":
        """What needs the numbers of an object can't be had of binned tokens."""
        if self.tokenization == "direct":
            return self
        senseless = {
            "cont_features": (bool(self.cont_features), "[]"),
            "norm": (self.norm != "none", "none"),
            "token_order": (self.token_order == "pt_ordered", "input_order or shuffled"),
            "augment": (self.augment != AugmentConfig(), "off"),
            "globals.present": (not self.globals.present, "true: MET and METphi are tokens"),
            "synthetic": (self.synthetic is not None, "null: make a toy file and bin it"),
        }
        wrong = [f"{key} must be {value}" for key, (is_set, value) in senseless.items() if is_set]
        if wrong:
            raise ValueError(
                "binned tokens are whole numbers without E, pt, eta, phi, so that "
                f"{'; '.join(wrong)} (data=h5_tokens_binned sets all)"
            )
        return self


class ToyRegressionConfig(BaseModel):
    """A smooth function of a few features plus noise: what `test_mlp` learns.

    Attributes
    ----------
    n_samples : int
        Over the three splits together (80, 10 and 10 per cent).
    noise : float
        Standard deviation of what is added to the target, in units of the target's own spread.
    """

    model_config = _CONFIG

    kind: Literal["toy_regression"] = "toy_regression"
    n_samples: int = Field(4_000, ge=30)
    n_features: PositiveInt = 8
    task: Literal["regression", "binary"] = "regression"
    seed: NonNegativeInt = 42
    noise: float = Field(0.1, ge=0, allow_inf_nan=False)
