"""What every autoencoder promises, whatever its parts."""

from collections.abc import Callable
from copy import deepcopy

import pytest
import torch

from small_autoencoders import KINDS, autoencoder
from small_models import Batch, changed
from thesis_arch import DataSpec, load_model, model_payload
from thesis_arch.autoencoder.base import AutoencoderBase
from thesis_arch.autoencoder.losses import momenta_error
from thesis_arch.auxiliary import auxiliary_loss
from thesis_arch.physics.event_objects import EventObjects


@pytest.fixture(params=KINDS, ids="-".join)
def kind(request: pytest.FixtureRequest) -> tuple[str, str, str]:
    return request.param


@pytest.fixture
def make(kind, spec: DataSpec, events: Batch) -> Callable[[], AutoencoderBase]:
    """`make()`: a model with statistics, and with codes that k-means has placed."""

    def build() -> AutoencoderBase:
        torch.manual_seed(1)
        model = autoencoder(*kind, spec)
        model.fit_statistics([events])
        model.train()(events)
        auxiliary_loss(model)
        return model.eval()

    return build


def test_padding_never_changes_scores(make, events):
    model = make()
    poisoned = events.tokens_cont.masked_fill(~events.mask[..., None], float("nan"))
    longer = changed(
        events,
        tokens_cont=torch.cat([poisoned, torch.full_like(poisoned[:, :3], 1e30)], dim=1),
        tokens_id=torch.cat([events.tokens_id, torch.zeros_like(events.tokens_id[:, :3])], dim=1),
        mask=torch.cat([events.mask, torch.zeros_like(events.mask[:, :3])], dim=1),
    )
    if hasattr(model, "probe"):  # noise by slot: of more slots there has to be more of it
        model.probe = torch.cat([model.probe, model.probe[:, :3]], dim=1)
    expected = model.event_scores(events)
    for name, values in model.event_scores(longer).items():
        torch.testing.assert_close(values, expected[name], rtol=1e-4, atol=1e-5, msg=name)


def test_padding_never_enters_statistics(kind, spec, events):
    clean = autoencoder(*kind, spec)
    poisoned = deepcopy(clean)
    clean.fit_statistics([events])
    padding = ~events.mask[..., None]
    poisoned.fit_statistics(
        [changed(events, tokens_cont=events.tokens_cont.masked_fill(padding, float("nan")))]
    )
    for (name, a), (_, b) in zip(clean.named_buffers(), poisoned.named_buffers(), strict=True):
        torch.testing.assert_close(a, b, msg=name)


def test_what_is_kept_of_an_object_does_not_depend_on_its_slot(make, events):
    model = make()
    order = torch.randperm(events.mask.shape[1], generator=torch.Generator().manual_seed(3))
    shuffled = changed(
        events,
        tokens_cont=events.tokens_cont[:, order],
        tokens_id=events.tokens_id[:, order],
        mask=events.mask[:, order],
    )
    a, b = model.event_scores(events), model.event_scores(shuffled)
    # the noise by which a denoiser judges is that of the slot
    of_noise = {"denoising", "denoising_ids"} if "denoising" in a else set()
    if of_noise:
        of_noise |= {"rec_tokens", "ids_wrong", "reconstruction"}
    for name in a.keys() - of_noise:
        torch.testing.assert_close(b[name], a[name], rtol=1e-4, atol=1e-4, msg=name)


def test_events_do_not_see_each_other(make, events):
    model = make()
    some = changed(events, **{name: getattr(events, name)[5:9] for name in vars(events)})
    whole = model.event_scores(events)
    for name, values in model.event_scores(some).items():
        torch.testing.assert_close(values, whole[name][5:9], rtol=1e-4, atol=1e-5, msg=name)


def test_every_parameter_gets_a_gradient(make, events):
    model = make().train()
    torch.manual_seed(4)  # of a denoiser some events are told what is kept, and some are not
    model.objective(model(events)).sum().backward()
    penalty = auxiliary_loss(model)
    assert (penalty is not None) == ("codebook" in model(events))
    dead = {n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().max() > 0}
    assert dead == set()


def test_checkpoint_gives_the_same_scores(make, events, tmp_path):
    model = make()
    torch.save(model_payload(model), tmp_path / "best_val.pt")
    loaded = load_model(tmp_path / "best_val.pt")
    for name, values in model.event_scores(events).items():
        torch.testing.assert_close(loaded.event_scores(events)[name], values, rtol=0, atol=0)


def test_events_with_one_object_or_none_train_and_score(make, events):
    model = make()
    for most in (1, 0):
        mask = events.mask & (torch.arange(events.mask.shape[1]) < most)
        mask[0] = False
        few = changed(events, mask=mask)
        model.train().zero_grad()
        model.objective(model(few)).sum().backward()
        for name, p in model.named_parameters():
            assert p.grad is None or torch.isfinite(p.grad).all(), name
        for name, values in model.eval().event_scores(few).items():
            assert torch.isfinite(values).all(), name


def test_what_is_reconstructed_is_in_physical_units(make, events):
    model = make()
    momenta, ids = model.reconstructed(events)
    assert momenta.shape == events.tokens_cont.shape
    assert ((ids > 0) == events.mask).all()
    assert (momenta[~events.mask] == 0).all()
    assert (momenta[events.mask][:, :2] > 0).all()  # E and pt, whose logarithms were learned
    assert (momenta[events.mask][:, 3].abs() <= torch.pi).all()


def test_what_is_reconstructed_comes_closer(make, events):
    """A few steps on the same events: it says more of them than their mean does."""
    model = make().train()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(240):
        optimiser.zero_grad()
        model.objective(model(events)).mean().backward()
        optimiser.step()
    objects = EventObjects.of(events, model.spec)
    truth = model.features(objects)
    mean = truth.momenta.mean(0).expand_as(truth.momenta)
    of_mean = momenta_error(mean, truth, objects.packing).mean()
    assert model.eval().event_scores(events)["rec_tokens"].mean() < 0.85 * of_mean
