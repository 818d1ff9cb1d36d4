"""What all loops on collider events do before their first step."""

import logging
import warnings
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Protocol, TypeVar

from thesis_arch.data_spec import DataSpec
from thesis_arch.strict import Section
from thesis_data.batches import eval_batches
from thesis_data.config import DataConfig
from thesis_data.dataset_files import describe_dataset
from thesis_data.events import EventBatch
from thesis_data.loading import EventData
from thesis_facts.errors import ConfigError
from thesis_loops.config import RunConfig
from thesis_loops.engine.distributed import from_rank_zero
from thesis_loops.engine.earlier import check_same_dataset
from thesis_loops.engine.run import Run

log = logging.getLogger("thesis_loops")


class HasStatistics(Protocol):
    """A model that takes its normalisation from training batches."""

    def fit_statistics(self, batches: Iterable[EventBatch]) -> None: ...


class HasAxes(Protocol):
    """A model that says where it lies in design space."""

    def effective_axes(self) -> dict[str, Any]: ...


N = TypeVar("N", bound=HasStatistics)


def events_section(config: RunConfig) -> DataConfig:
    """The `data` section, where it is of collider events.

    Raises
    ------
    ConfigError
        It is another kind of data.
    """
    if not isinstance(config.data, DataConfig):
        raise ConfigError(
            "the loop trains on collider events",
            key="data",
            found=config.data.kind,
            do="choose data=synthetic or data=h5_tokens",
        )
    return config.data


def build_for_events(
    architecture: Callable[[Any, DataSpec], N], config: Section, events: DataConfig, data: EventData
) -> N:
    """The model for these events, with its normalisation set from the training split.

    Raises
    ------
    ConfigError
        Options and events do not go together.
    """
    spec = DataSpec(
        n_tokens=data.n_tokens,
        cont_features=data.cont_features,
        class_names=data.class_names,
        has_globals=events.globals.present,
        vocab_size=data.vocab_size,
    )
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UserWarning)
            model = architecture(config, spec)
        model.fit_statistics(eval_batches(data.train, 4096))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    for warning in said:  # as a line of the run: Python would print where in the library it arose
        log.warning(str(warning.message))
    return model


def begin_facts(run: Run, model: HasAxes, events: DataConfig) -> None:
    """The model is built: say what it is, how it computes, and which files it learns from.

    Raises
    ------
    RunError
        The run is resumed, and the files are no longer those that it began with.
    """
    described = partial(describe_dataset, events)
    dataset = from_rank_zero(described) if events.path is not None else None
    check_same_dataset(run.earlier.dataset, dataset)
    run.dataset = dataset
    run.recorder.begin(model.effective_axes(), numerics=run.numerics.describe(), dataset=dataset)
