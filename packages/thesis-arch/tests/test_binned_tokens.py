"""The classifier on events that are tokens of a vocabulary."""

import pytest
import torch

from small_models import Batch, classifier_spec, random_events
from thesis_arch import DataSpec, TransformerClassifier, load_model, model_payload

VOCABULARY = 40
BINNED = {"tokenizer__name": "binned"}


@pytest.fixture
def spec() -> DataSpec:
    return DataSpec(9, (), ("ttH", "4t"), vocab_size=VOCABULARY)


@pytest.fixture
def events() -> Batch:
    """Tokens 1..30, MET 31..35, METphi 36..39."""
    drawn = random_events()
    draw = torch.Generator().manual_seed(2)
    ids = torch.randint(1, 31, drawn.mask.shape, generator=draw) * drawn.mask
    n = len(ids)
    met = torch.randint(31, 36, (n,), generator=draw)
    phi = torch.randint(36, 40, (n,), generator=draw)
    return Batch(
        ids[..., None][..., :0].float(), ids, torch.stack([met, phi], 1).float(), drawn.mask
    )


@pytest.mark.parametrize(
    "options",
    [{}, {"globals__include_met": False}, {"positional": "learned", "positional_space": "token"}],
    ids=str,
)
def test_keeps_the_promises_of_a_classifier(options, build, events, tmp_path):
    model = build(classifier_spec(**BINNED, **options))
    longer = Batch(
        torch.nn.functional.pad(events.tokens_cont, (0, 0, 0, 2)),
        torch.nn.functional.pad(events.tokens_id, (0, 2)),
        events.globals,
        torch.nn.functional.pad(events.mask, (0, 2)),
    )
    torch.testing.assert_close(model(longer), model(events), rtol=1e-5, atol=1e-6)
    torch.save(model_payload(model), tmp_path / "best_val.pt")
    loaded = load_model(tmp_path / "best_val.pt")
    torch.testing.assert_close(loaded(events), model(events), rtol=0, atol=0)
    model.train()(events).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())


def test_met_tokens_matter(build, events):
    model = build(classifier_spec(**BINNED))
    moved = Batch(events.tokens_cont, events.tokens_id, events.globals.flip(0), events.mask)
    assert (model(moved) - model(events)).abs().max() > 1e-5


def test_the_kind_of_events_and_the_tokenizer_belong_together(spec):
    with pytest.raises(ValueError, match=r"found identity, but the events are binned tokens"):
        TransformerClassifier(classifier_spec(), spec)
    with pytest.raises(ValueError, match=r"found binned, but the events are objects"):
        TransformerClassifier(classifier_spec(**BINNED), DataSpec(9, (0, 1, 2, 3), ("ttH", "4t")))


@pytest.mark.parametrize("mask", [["E"], ["id"]])
def test_positions_know_no_features_of_binned_tokens(mask, spec):
    config = classifier_spec(
        **BINNED, positional="learned", positional_space="token", positional_dim_mask=mask
    )
    with pytest.raises(ValueError, match=r"the tokens have all$"):
        TransformerClassifier(config, spec)
