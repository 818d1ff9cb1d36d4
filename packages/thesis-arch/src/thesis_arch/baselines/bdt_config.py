"""What `classifier.model` may hold for boosted trees (no xgboost: a typo is answered fast)."""

from typing import Literal

from pydantic import Field

from thesis_arch.strict import Section
from thesis_arch.transformer_classifier.config import GlobalsConfig


class BDTConfig(Section):
    """Trees and how they are grown; the names are those of xgboost.

    Attributes
    ----------
    n_estimators : int
        Most boosting rounds; early stopping may end before.
    max_depth : int
        Cuts from the root of a tree to its leaves.
    learning_rate : float
        Factor on what each tree says.
    subsample, colsample_bytree : float
        Parts of the events and of the columns that a tree sees.
    min_child_weight, gamma, reg_alpha, reg_lambda : float
        Least sum of second derivatives in a leaf, least gain of a cut, L1 and L2 penalty.
    n_jobs : int or None
        Threads; null leaves it to OpenMP (OMP_NUM_THREADS).
    features : str
        raw (objects slot by slot, and MET) or physics (multiplicities, HT, masses, … beside them).
    early_stopping_rounds : int or None
        Rounds without a lower validation loss after which training ends; null trains them all.
        Either way the round with the lowest one is tested.
    """

    name: Literal["bdt_classifier"]
    n_estimators: int = Field(ge=1)
    max_depth: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    subsample: float = Field(gt=0, le=1)
    colsample_bytree: float = Field(gt=0, le=1)
    min_child_weight: float = Field(ge=0)
    gamma: float = Field(ge=0)
    reg_alpha: float = Field(ge=0)
    reg_lambda: float = Field(ge=0)
    n_jobs: int | None = Field(ge=1)
    features: Literal["raw", "physics"]
    early_stopping_rounds: int | None = Field(ge=1)


class BDTSpec(Section):
    """All that boosted trees are built from; a checkpoint stores it."""

    model: BDTConfig
    globals: GlobalsConfig
