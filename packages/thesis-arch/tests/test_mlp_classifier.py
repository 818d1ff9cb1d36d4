"""What the MLP classifier promises: the contract of classifiers, but for the order of objects."""

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from small_models import changed
from thesis_arch import DataSpec, load_model, model_payload
from thesis_arch.baselines.mlp import MLPClassifier
from thesis_arch.baselines.mlp_config import MLPSpec

VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "raw": {"tokenizer": {"name": "raw", "id_embed_dim": 8, "pid_mode": "one_hot"}},
    "learned ids": {"tokenizer": {"name": "identity", "id_embed_dim": 3, "pid_mode": "learned"}},
    "no MET": {"include_met": False},
    "log_zscore, relu, no batch norm": {
        "norm": "log_zscore",
        "activation": "relu",
        "use_batch_norm": False,
    },
}


def mlp_spec(include_met: bool = True, norm: str = "zscore", **model: Any) -> MLPSpec:
    defaults = {
        "name": "mlp_classifier",
        "hidden_sizes": [24, 16],
        "dropout": 0.1,
        "activation": "gelu",
        "use_batch_norm": True,
        "tokenizer": {"name": "identity", "id_embed_dim": 8, "pid_mode": "one_hot"},
    }
    sections = {"model": defaults | model, "globals": {"include_met": include_met}, "norm": norm}
    return MLPSpec.model_validate(sections)


@pytest.fixture(params=VARIANTS)
def config(request) -> MLPSpec:
    return mlp_spec(**VARIANTS[request.param])


@pytest.fixture
def build(spec, events):
    def make(config: MLPSpec) -> MLPClassifier:
        torch.manual_seed(1)
        model = MLPClassifier(config, spec)
        model.fit_statistics([events])
        model(events)  # a batch norm has seen something
        return model.eval()

    return make


def test_padding_never_changes_logits(config, build, events):
    model = build(config)
    expected = model(events)
    poisoned = events.tokens_cont.masked_fill(~events.mask[..., None], float("nan"))
    torch.testing.assert_close(
        model(changed(events, tokens_cont=poisoned)), expected, rtol=0, atol=0
    )
    longer = changed(
        events,
        tokens_cont=torch.cat([poisoned, torch.full_like(poisoned[:, :3], 1e30)], dim=1),
        tokens_id=torch.cat([events.tokens_id, torch.zeros_like(events.tokens_id[:, :3])], dim=1),
        mask=torch.cat([events.mask, torch.zeros_like(events.mask[:, :3])], dim=1),
    )
    torch.testing.assert_close(model(longer), expected, rtol=0, atol=0)


def test_a_batch_cut_to_its_longest_event_gives_the_same(config, build, events):
    model = build(config)
    short = events.mask.sum(1) <= 5
    few = changed(events, **{name: getattr(events, name)[short] for name in vars(events)})
    slots = {name: getattr(few, name)[:, :5] for name in ("tokens_cont", "tokens_id", "mask")}
    torch.testing.assert_close(model(changed(few, **slots)), model(events)[short])


def test_padding_never_enters_statistics(config, spec, events):
    clean, poisoned = (MLPClassifier(config, spec) for _ in range(2))
    clean.fit_statistics([events])
    padding = ~events.mask[..., None]
    poisoned.fit_statistics(
        [changed(events, tokens_cont=events.tokens_cont.masked_fill(padding, float("nan")))]
    )
    for (name, a), (_, b) in zip(clean.named_buffers(), poisoned.named_buffers(), strict=True):
        torch.testing.assert_close(a, b, msg=name)


def test_every_parameter_gets_a_gradient(config, build, events):
    model = build(config).train()
    model(events).square().sum().backward()
    dead = [
        name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0
    ]
    # A batch norm takes away what a bias before it adds.
    norms = config.model.use_batch_norm
    assert [name for name in dead if not (norms and name.endswith("bias"))] == []


def test_events_do_not_see_each_other(config, build, events):
    model = build(config)
    half = changed(events, **{name: getattr(events, name)[5:9] for name in vars(events)})
    torch.testing.assert_close(model(half), model(events)[5:9])


def test_checkpoint_gives_the_same_scores(config, build, events, tmp_path):
    model = build(config)
    torch.save(model_payload(model), tmp_path / "best_val.pt")
    loaded = load_model(tmp_path / "best_val.pt")
    scores = model.event_scores(events)
    assert scores["embedding"].shape == (len(events.mask), 16)
    for name, values in scores.items():
        torch.testing.assert_close(loaded.event_scores(events)[name], values, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["tokens_id", "globals"])
def test_ids_and_met_are_seen(name, build, events):
    model = build(mlp_spec())
    others = {"tokens_id": (events.tokens_id % 7 + 1) * events.mask, "globals": events.globals + 1}
    assert not torch.equal(model(changed(events, **{name: others[name]})), model(events))


def test_met_needs_met():
    with pytest.raises(ValueError, match=r"include_met.*no MET"):
        MLPClassifier(mlp_spec(), DataSpec(9, (0, 1, 2, 3), ("ttH", "4t"), has_globals=False))


def test_vocabulary_tokens_are_no_features():
    with pytest.raises(ValueError, match=r"binned tokens; use data=h5_tokens"):
        MLPClassifier(mlp_spec(), DataSpec(9, (), ("ttH", "4t"), vocab_size=886))
    tokenizer = {"name": "binned", "id_embed_dim": 8, "pid_mode": "one_hot"}
    with pytest.raises(ValidationError, match="'identity' or 'raw'"):
        mlp_spec(tokenizer=tokenizer)
