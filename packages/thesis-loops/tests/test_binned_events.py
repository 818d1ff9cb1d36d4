"""Training on events that were binned beforehand."""

import json

import pytest
import torch

from small_runs import options
from thesis_arch import load_model
from thesis_data.batches import eval_batches
from thesis_data.binned_file import write_binned_file
from thesis_data.config import DataConfig
from thesis_data.loading import load_events
from thesis_facts.errors import ConfigError
from thesis_facts.scores import read_scores

VOCABULARY = 7 * 6**3 + 2 * 6 + 1  # of six bins


@pytest.fixture
def data(toy_file, tmp_path):
    """The `data` section of the toy events as tokens of six bins."""
    write_binned_file(toy_file, tmp_path / "binned.h5", n_bins=6)
    return {
        "kind": "events",
        "path": str(tmp_path / "binned.h5"),
        "tokenization": "binned",
        "norm": "none",
        "cont_features": [],
        "token_order": "shuffled",
    }


def small(name):
    tokenizer = {"name": name}
    sizes = {"dim": 16, "depth": 1, "heads": 2, "mlp_dim": 16}
    return options("transformer_classifier", tokenizer=tokenizer, **sizes)


@pytest.mark.parametrize("include_met", [False, True])
def test_a_transformer_learns_from_tokens(include_met, data, config, train, run_dir):
    changes = {"data": data, "classifier__globals__include_met": include_met}
    changes["classifier__model"] = small("binned")
    train(config("transformer_classifier", run_dir=str(run_dir), **changes))
    meta = json.loads((run_dir / "facts" / "meta.json").read_text())
    assert meta["datatreatment"]["tokenization"] == "binned"
    (batch,) = eval_batches(load_events(DataConfig(**data), ("test",)).test, 1_000)
    assert batch.tokens_id.max() > torch.iinfo(torch.int8).max
    model = load_model(run_dir / "best_val.pt")
    logits = model.event_scores(batch)["logits"].numpy()
    assert logits == pytest.approx(read_scores(run_dir, "test").logits, abs=1e-5)
    assert (VOCABULARY, 16) in [tuple(p.shape) for p in model.parameters()]


def test_tokens_need_the_tokenizer_for_them(data, config, train):
    changes = {"data": data, "classifier__model": small("identity")}
    with pytest.raises(ConfigError, match=r"classifier\.model\.tokenizer\.name.*binned"):
        train(config("transformer_classifier", **changes))
