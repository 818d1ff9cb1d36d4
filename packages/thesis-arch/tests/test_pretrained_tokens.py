"""Tokens of a trained autoencoder: frozen, its own normalisation, no other file needed later."""

import pytest
import torch

from small_autoencoders import autoencoder
from small_models import changed, classifier_spec
from thesis_arch import DataSpec, TransformerClassifier, load_model, model_payload
from thesis_arch.autoencoder.config import TrainedAutoencoder
from thesis_arch.auxiliary import auxiliary_loss
from thesis_arch.checkpoint import build_model
from thesis_arch.object_ids import id_embedding
from thesis_arch.physics.event_objects import EventObjects

KINDS = {
    "vectors": (("mlp", "vq", "mlp"), {"model_type": "vq", "codes": "vectors"}),
    "indices": (("transformer", "vq", "gnn"), {"model_type": "vq", "codes": "indices"}),
    "no codebook": (("gnn", "linear", "gnn"), {"model_type": "ae", "codes": "vectors"}),
    "diffusion": (("mlp", "linear", "denoiser"), {"model_type": "ae", "codes": "vectors"}),
}


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


@pytest.fixture
def phase1(kind, spec, events):
    """What the checkpoint of a trained autoencoder holds."""
    torch.manual_seed(5)
    model = autoencoder(*kind[0], spec)
    model.fit_statistics([events])
    model.train()(events)
    auxiliary_loss(model)
    return model_payload(model.eval())


def described(payload):
    return TrainedAutoencoder(
        **{name: payload[name] for name in ("architecture", "config", "spec")}
    )


def classifier(payload, options, spec):
    asked = {f"tokenizer__{name}": value for name, value in options.items()}
    config = classifier_spec(tokenizer__name="pretrained", **asked)
    config = config.model_copy(update={"pretrained": described(payload)})
    torch.manual_seed(1)
    return TransformerClassifier(config, spec)


@pytest.fixture
def build(kind, phase1, spec, events):
    def make():
        model = classifier(phase1, kind[1], spec)
        other = changed(events, tokens_cont=events.tokens_cont * 3)
        model.fit_statistics([other])
        model.tokenizer.load(phase1["weights"])
        return model.eval()

    return make


def test_tokens_are_what_the_autoencoder_keeps(build, kind, phase1, spec, events):
    objects = EventObjects.of(events, spec)
    codes = build_model(phase1).codes(objects)
    model = build()
    tokens = model.tokenizer(objects)
    if kind[1]["codes"] == "indices":
        expected = model.tokenizer.embedding(codes.index)
    else:
        expected = codes.vectors
    torch.testing.assert_close(tokens, expected)


def test_training_changes_all_but_the_autoencoder(build, phase1, events):
    model = build().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimiser = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        model(events).square().sum().backward()
        optimiser.step()
    trained = dict(model.named_parameters())
    for name, value in model.state_dict().items():
        if name.startswith("tokenizer.frozen.model."):
            own = phase1["weights"][name.removeprefix("tokenizer.frozen.model.")]
            assert torch.equal(value, own), name
        elif name in trained:
            assert not torch.equal(value, before[name]), name


def test_what_is_frozen_is_not_the_models_own(build, phase1):
    model = build()
    own = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert model.effective_axes()["n_parameters"] == own
    assert id_embedding(model) is None
    assert not model.train().tokenizer.frozen.model.training


def test_the_checkpoint_needs_no_other_file(build, events, tmp_path):
    model = build()
    torch.save(model_payload(model), tmp_path / "best_val.pt")
    loaded = load_model(tmp_path / "best_val.pt")
    for name, values in model.event_scores(events).items():
        torch.testing.assert_close(loaded.event_scores(events)[name], values, rtol=0, atol=0)


def test_padding_never_changes_logits(build, events):
    model = build()
    poisoned = events.tokens_cont.masked_fill(~events.mask[..., None], float("nan"))
    torch.testing.assert_close(model(changed(events, tokens_cont=poisoned)), model(events))


def test_other_features_are_refused_by_name(kind, phase1):
    without_energy = DataSpec(9, (1, 2, 3), ("ttH", "4t"))
    with pytest.raises(ValueError, match=r"learned from E, Pt, eta, phi.*gives Pt, eta, phi"):
        classifier(phase1, kind[1], without_energy)
    other_ids = DataSpec(9, (0, 1, 2, 3), ("ttH", "4t"), num_types=5)
    with pytest.raises(ValueError, match="7 object ids, but the events have 4"):
        classifier(phase1, kind[1], other_ids)


def test_another_kind_of_latent_space_is_refused(kind, phase1, spec):
    other = {"vq": "ae", "ae": "vq"}[kind[1]["model_type"]]
    with pytest.raises(ValueError, match=r"model_type.*codebook"):
        classifier(phase1, kind[1] | {"model_type": other}, spec)


def test_no_autoencoder_is_refused(spec):
    with pytest.raises(ValueError, match="no autoencoder was given"):
        TransformerClassifier(classifier_spec(tokenizer__name="pretrained"), spec)
