"""What a model says of every event of a split, with what is known of the events beside it."""

from collections import defaultdict
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from thesis_data.batches import eval_batches
from thesis_data.corruption import Corrupt
from thesis_data.events import EventBatch
from thesis_data.loading import Split
from thesis_facts.anomaly import AnomalyScores
from thesis_facts.scores import Scores

JETS, B_JETS, LEPTONS = (1, 2), (2,), (3, 4, 5, 6)  # ids
_PT = 1


class ScoresEvents(Protocol):
    """A model that scores events: tensors [B, ...] by name."""

    def event_scores(self, batch: Any) -> dict[str, Tensor]: ...


def event_variables(batch: EventBatch) -> dict[str, Tensor]:
    """What an analysis cuts on and no model is needed for, each [B] float32.

    ``n_objects``; ``n_jets`` (b-jets among them), ``n_bjets`` and ``n_leptons`` (electrons and
    muons); ``ht``, the sum of pt of all objects (GeV); ``met`` (GeV). Of binned tokens only the
    first is known.
    """
    found = {"n_objects": batch.mask.sum(1).float()}
    if not batch.cont_features:
        return found
    for name, ids in (("n_jets", JETS), ("n_bjets", B_JETS), ("n_leptons", LEPTONS)):
        of_kind = torch.isin(batch.tokens_id, batch.tokens_id.new_tensor(ids)) & batch.mask
        found[name] = of_kind.sum(1).float()
    if _PT in batch.cont_features:
        pt = batch.tokens_cont[..., batch.cont_features.index(_PT)]
        found["ht"] = (pt * batch.mask).sum(1)
    if batch.globals.shape[1]:
        found["met"] = batch.globals[:, 0]
    return found


def classifier_scores(
    model: ScoresEvents,
    split: Split,
    class_names: tuple[str, ...],
    *,
    batch_size: int,
    device: torch.device,
    with_embeddings: bool = False,
    corrupt: Corrupt | None = None,
) -> Scores:
    """Logits of every event of a split, in its order; `event_variables` are its columns.

    Parameters
    ----------
    device
        Where the model is.
    with_embeddings
        Of millions of events they would fill the memory.
    corrupt
        What is done to each batch first; the columns tell of the events as they were.
    """
    columns = _score(model, split, batch_size, device, with_embeddings, corrupt)
    return Scores(
        logits=columns.pop("logits"),
        labels=columns.pop("label"),
        class_names=class_names,
        process=columns.pop("process"),
        weights=columns.pop("weight", None),
        embeddings=columns.pop("embedding", None),
        columns={name: columns[name] for name in columns if columns[name].ndim == 1},
    )


def anomaly_scores(
    model: ScoresEvents,
    split: Split,
    *,
    batch_size: int,
    device: torch.device,
    with_embeddings: bool = False,
    corrupt: Corrupt | None = None,
) -> AnomalyScores:
    """Scores of every event of a split, in its order.

    Beside the model's own there are two that need no model: ``n_objects`` and ``ht``, of the
    events as the model saw them. A score that finds no more than these has learned nothing of use.
    """
    columns = _score(model, split, batch_size, device, with_embeddings, corrupt, after=True)
    del columns["label"]
    for name in ("n_jets", "n_bjets", "n_leptons", "met"):
        columns.pop(name, None)
    return AnomalyScores(
        process=columns.pop("process"),
        weights=columns.pop("weight", None),
        embeddings=columns.pop("embedding", None),
        scores={name: values.astype(np.float32) for name, values in columns.items()},
    )


def _score(
    model: ScoresEvents,
    split: Split,
    batch_size: int,
    device: torch.device,
    with_embeddings: bool,
    corrupt: Corrupt | None,
    after: bool = False,
) -> dict[str, np.ndarray]:
    """Columns by name; with `after` the event variables are those of corrupted events."""
    parts: dict[str, list[Tensor]] = defaultdict(list)
    for batch in eval_batches(split, batch_size):
        seen = batch if corrupt is None else corrupt(batch)
        scored = model.event_scores(seen.to(device))
        if not with_embeddings:
            scored.pop("embedding", None)
        told = {"label": batch.label, "process": batch.process, "weight": batch.weight}
        scored |= event_variables(seen if after else batch)
        for name, values in (scored | told).items():
            if values is not None:
                parts[name].append(values.cpu())
    return {name: _joined(values) for name, values in parts.items()}


def _joined(parts: list[Tensor]) -> np.ndarray:
    values = torch.cat(parts)
    return (values.float() if values.dtype in (torch.bfloat16, torch.float16) else values).numpy()
