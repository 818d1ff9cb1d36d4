"""Scores of a split, with what is known of its events."""

import numpy as np
import pytest
import torch

from thesis_data.config import DataConfig
from thesis_data.corruption import corruption
from thesis_data.events import EventBatch
from thesis_data.loading import load_events
from thesis_data.scoring import anomaly_scores, classifier_scores

CPU = torch.device("cpu")


class Model:
    """Says what an event weighs in pt, and how much MET it has."""

    def event_scores(self, batch: EventBatch) -> dict[str, torch.Tensor]:
        total = (batch.tokens_cont[..., 1] * batch.mask).sum(1)
        pooled = torch.stack([total, batch.globals[:, 0]], dim=1)
        return {"logits": pooled, "embedding": pooled}


class Judge:
    def event_scores(self, batch: EventBatch) -> dict[str, torch.Tensor]:
        return {"error": batch.globals[:, 0].bfloat16(), "embedding": batch.globals}


@pytest.fixture
def data(write, datasets):
    return load_events(DataConfig(path=str(write(datasets()))))


def test_variables_agree_with_a_count_by_hand(data, datasets):
    rows = datasets()["X_val"]
    scores = classifier_scores(Model(), data.val, data.class_names, batch_size=7, device=CPU)
    ids, pt = rows[:, :18], rows[:, 20:].reshape(-1, 18, 4)[..., 1]
    expected = {
        "n_objects": [np.count_nonzero(event) for event in ids],
        "n_jets": [sum(i in (1, 2) for i in event) for event in ids],
        "n_bjets": [sum(i == 2 for i in event) for event in ids],
        "n_leptons": [sum(3 <= i <= 6 for i in event) for event in ids],
        "ht": pt.sum(1),
        "met": rows[:, 18],
    }
    assert set(scores.columns) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(scores.columns[name], values, rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(scores.logits[:, 1], rows[:, 18], rtol=1e-6)
    assert scores.embeddings is None


def test_of_corrupted_events_the_columns_tell_what_they_were(data):
    drop = corruption("dropped_objects", 0.5, 18)
    given = {"batch_size": 16, "device": CPU, "corrupt": drop}
    scores = classifier_scores(Model(), data.val, data.class_names, **given)
    np.testing.assert_array_less(scores.logits[:, 0], scores.columns["ht"] + 1e-3)
    assert scores.logits[:, 0].sum() < 0.7 * scores.columns["ht"].sum()


def test_anomaly_scores_are_floats_beside_two_that_need_no_model(data):
    scores = anomaly_scores(Judge(), data.val, batch_size=9, device=CPU, with_embeddings=True)
    assert list(scores.scores) == ["error", "n_objects", "ht"]
    assert all(values.dtype == np.float32 for values in scores.scores.values())
    assert scores.embeddings is not None
    assert scores.embeddings.shape == (len(data.val), 2)
