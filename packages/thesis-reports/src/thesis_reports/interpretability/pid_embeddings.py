"""The learned vectors of object ids of each run, and what pairs of kinds have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thesis_facts.configs import value_at
from thesis_facts.errors import ConfigError, RunError, ThesisError
from thesis_reports.aggregation import Setting, summarise
from thesis_reports.comparison import LEVEL
from thesis_reports.interpretability import embedding_geometry as geometry
from thesis_reports.interpretability.embedding_geometry import OBJECTS, PAIRS
from thesis_reports.interpretability.epoch_files import read_all, read_nearest, trained
from thesis_reports.ranking import Metric
from thesis_reports.statistics import Spread, spread

_SAME_START = 0.9  # mean cosine after an epoch of vectors that began alike; of others it is about 0


@dataclass(frozen=True, eq=False)
class Embedding:
    """The vectors of a run, padding left out.

    Attributes
    ----------
    row
        Of the runs table.
    epoch
        Of `vectors`, counted from 0: the best, or the nearest earlier one there is.
    vectors : [7, d]
        At that epoch.
    history
        [7, d] by epoch, counted from 0.
    """

    row: Mapping[str, Any]
    epoch: int
    vectors: NDArray[np.float64]
    history: dict[int, NDArray[np.float64]]

    @property
    def dimension(self) -> int:
        """Length of a vector, d."""
        return self.vectors.shape[1]

    @property
    def first(self) -> NDArray[np.float64]:
        """Vectors [7, d] after the first epoch there is, not those that training began with."""
        return self.history[min(self.history)]

    @property
    def change(self) -> NDArray[np.float64]:
        """What training did to the cosines [7, 7] from the first epoch to `epoch`."""
        return geometry.cosines(self.vectors) - geometry.cosines(self.first)


@dataclass(frozen=True)
class Pair:
    """Two kinds of a setting: mean over seeds of their cosine, and what training changed."""

    name: str
    cosine: Spread
    p_holm: float
    change: Spread

    @property
    def is_found(self) -> bool:
        """Whether the cosine is more than random directions give."""
        return self.p_holm < LEVEL


def read_embeddings(
    runs: pd.DataFrame, configs: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Embedding], list[tuple[str, str]]]:
    """Embeddings by run directory, and (name, reason) of the runs without."""
    found: dict[str, Embedding] = {}
    left_out = []
    for row in trained(runs).to_dict("records"):
        run_dir = str(row["run_dir"])
        try:
            _check_ids(configs.get(run_dir, {}))
            epoch, parts = read_nearest(run_dir, row.get("best_epoch"), ["pid_embedding"])
            history = {
                epoch: geometry.vectors_of(part["weight"])
                for epoch, part in read_all(run_dir, "pid_embedding")
                if "weight" in part
            }
            vectors = geometry.vectors_of(parts["pid_embedding"].get("weight", np.zeros(0)))
            found[run_dir] = Embedding(row, epoch, vectors, history)
        except ConfigError:
            raise  # torch is missing
        except ThesisError as error:
            left_out.append((str(row["name"]), str(error)))
    return found, left_out


def by_setting(
    settings: Sequence[Setting], found: Mapping[str, Embedding], runs: pd.DataFrame, metric: Metric
) -> dict[str, list[Embedding]]:
    """Embeddings of each setting by its label, the best on validation first."""
    best = [result.setting.label for result in summarise(settings, runs, metric)]
    labels = dict.fromkeys([*best, *(setting.label for setting in settings)])
    groups: dict[str, list[Embedding]] = {label: [] for label in labels}
    for setting in settings:
        groups[setting.label] += [found[run] for run in setting.run_dirs if run in found]
    return {label: group for label, group in groups.items() if group}


def pairs_of(group: Sequence[Embedding]) -> list[Pair]:
    """All pairs of kinds, from most alike to most unlike."""
    matrices = np.array([geometry.cosines(one.vectors) for one in group])
    changes = np.array([one.change for one in group])
    cosine = [spread(matrices[:, i, j]) for i, j in PAIRS]
    p_holm = geometry.p_values([one.mean for one in cosine], group[0].dimension, len(group))
    pairs = [
        Pair(f"{OBJECTS[j]} and {OBJECTS[i]}", cosine[k], float(p), spread(changes[:, i, j]))
        for k, ((i, j), p) in enumerate(zip(PAIRS, p_holm, strict=True))
    ]
    return sorted(pairs, key=lambda pair: pair.cosine.mean, reverse=True)


def start_alike(groups: Sequence[Sequence[Embedding]]) -> bool:
    """Whether runs of two settings with one seed had about the same vectors after an epoch."""
    by_seed: dict[Any, NDArray[np.float64]] = {}
    for group in groups:
        for one in group:
            key = (one.row.get("seed"), one.dimension)
            known = by_seed.setdefault(key, one.first)
            lengths = geometry.norms(known) * geometry.norms(one.first)
            cosine = (known * one.first).sum(-1) / np.where(lengths > 0, lengths, 1)
            if known is not one.first and float(cosine.mean()) > _SAME_START:
                return True
    return False


def _check_ids(config: Mapping[str, Any]) -> None:
    """Refuse a run whose ids enter without vectors that are learned."""
    tokenizer = value_at(config, "classifier.model.tokenizer")
    if not isinstance(tokenizer, Mapping):
        return
    name, mode = tokenizer.get("name"), tokenizer.get("pid_mode")
    if mode in ("one_hot", "fixed_random"):
        raise RunError("its ids are not learned", key="tokenizer.pid_mode", found=mode)
    if name in ("raw", "binned"):
        raise RunError("objects enter without vectors of ids", key="tokenizer.name", found=name)
