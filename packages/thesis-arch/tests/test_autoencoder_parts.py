"""Normalised units, errors, codes, noise: the parts of autoencoders against direct formulas."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional
from vector_quantize_pytorch import VectorQuantize

from small_autoencoders import DECODERS, ENCODERS, LATENTS, autoencoder
from small_models import changed
from thesis_arch import DataSpec
from thesis_arch.autoencoder.config import VqLatentConfig
from thesis_arch.autoencoder.decoders import DECODERS as KNOWN_DECODERS
from thesis_arch.autoencoder.diffusion.ddim import ddim
from thesis_arch.autoencoder.diffusion.noise import signal_and_noise, split, wanted
from thesis_arch.autoencoder.discriminator import hinge_loss
from thesis_arch.autoencoder.encoders import ENCODERS as KNOWN_ENCODERS
from thesis_arch.autoencoder.features import EventFeatures, Found, Truth
from thesis_arch.autoencoder.latents import LATENTS as KNOWN_LATENTS
from thesis_arch.autoencoder.latents.vq import VqLatent
from thesis_arch.autoencoder.losses import event_errors
from thesis_arch.autoencoder.multiplicity import Multiplicity
from thesis_arch.packing import Packing
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.physics.four_momentum import energy_of, squared_mass
from thesis_arch.physics.observer import fit_observers
from thesis_arch.physics.pairwise import Pairs


@pytest.fixture
def objects(events, spec):
    return EventObjects.of(events, spec)


@pytest.mark.parametrize("norm", ["zscore", "log_zscore"])
@pytest.mark.parametrize("columns", [(0, 1, 2, 3), (1, 2, 3), (3, 1), (2, 0)])
def test_normalised_units_and_back(events, norm, columns):
    spec = DataSpec(9, columns, ("a", "b"))
    some = changed(events, tokens_cont=events.tokens_cont[..., list(columns)])
    objects = EventObjects.of(some, spec)
    features = EventFeatures(spec, norm, with_met=True)
    fit_observers(features, [objects])
    targets = features(objects)
    torch.testing.assert_close(
        features.to_physical(targets.momenta), objects.cont, rtol=1e-4, atol=1e-4
    )
    assert len(features.names) == features.n_momenta


def test_every_number_has_width_one(objects, spec):
    features = EventFeatures(spec, "log_zscore", with_met=True)
    fit_observers(features, [objects])
    columns = dict(zip(features.names, features(objects).momenta.unbind(-1), strict=True))
    for name in ("mass", "Pt", "eta"):
        assert float(columns[name].std(correction=0)) == pytest.approx(1, abs=1e-4)
    both = columns["sin phi"].square() + columns["cos phi"].square()
    torch.testing.assert_close(both, torch.full_like(both, 2.0))


def test_errors_against_a_loop_over_events(objects, spec, events):
    generator = torch.Generator().manual_seed(5)
    n, n_events = len(objects.cont), len(events.mask)
    truth = Truth(torch.randn(n, 5, generator=generator), objects.ids, torch.randn(n_events, 3))
    found = Found(torch.randn(n, 5), torch.randn(n, 7), torch.randn(n_events, 3))
    errors = event_errors(found, truth, objects.packing)
    for event in range(n_events):
        own = objects.event == event
        if not own.any():
            assert errors["rec_tokens"][event] == errors["ids"][event] == 0
            continue
        squares = (found.momenta[own] - truth.momenta[own]).numpy() ** 2
        assert float(errors["rec_tokens"][event]) == pytest.approx(squares.mean(), rel=1e-5)
        probabilities = torch.softmax(found.id_logits[own].double(), -1)
        picked = probabilities[range(int(own.sum())), truth.ids[own] - 1]
        assert float(errors["ids"][event]) == pytest.approx(float(-picked.log().mean()), rel=1e-5)
        squares = (found.met[event] - truth.met[event]).numpy() ** 2
        assert float(errors["rec_globals"][event]) == pytest.approx(squares.mean(), rel=1e-5)


def test_phi_is_an_angle(spec, events):
    """pi and -pi are the same place, so an error across the seam is as small as elsewhere."""
    features = EventFeatures(spec, "log_zscore", with_met=False)
    fit_observers(features, [EventObjects.of(events, spec)])

    def at(phi: float) -> torch.Tensor:
        return features.normalised(torch.tensor([[50.0, 40.0, 0.5, phi]]))

    across = (at(math.pi - 0.01) - at(-math.pi + 0.01)).square().sum()
    elsewhere = (at(1.0) - at(1.02)).square().sum()
    torch.testing.assert_close(across, elsewhere, rtol=1e-2, atol=1e-6)


@pytest.mark.parametrize("norm", ["zscore", "log_zscore"])
@pytest.mark.parametrize("columns", [(0, 1, 2, 3), (2, 3), (3, 1, 2)])
def test_distance_is_delta_r(events, norm, columns):
    spec = DataSpec(9, columns, ("a", "b"))
    some = changed(events, tokens_cont=events.tokens_cont[..., list(columns)])
    objects = EventObjects.of(some, spec)
    features = EventFeatures(spec, norm, with_met=False)
    fit_observers(features, [objects])
    near = objects.cont.clone()
    near[:, spec.column("eta")] += 0.03
    near[:, spec.column("phi")] += 0.04
    found = features.distance(features.normalised(objects.cont), features.normalised(near))
    torch.testing.assert_close(found, torch.full_like(found, 0.05), rtol=1e-3, atol=1e-5)
    assert {features.names[c] for c in features.direction_columns} == {"eta", "sin phi", "cos phi"}


@pytest.mark.parametrize("columns", [(0, 1), (1, 3), (2, 0)])
def test_objects_without_a_direction_are_no_neighbours(events, columns):
    spec = DataSpec(9, columns, ("a", "b"))
    some = changed(events, tokens_cont=events.tokens_cont[..., list(columns)])
    model = autoencoder("mlp", "linear", "denoiser", spec)
    model.fit_statistics([some])
    assert model.features.direction_columns == []
    assert all(torch.isfinite(error).all() for error in model(some).values())


def test_near_objects_push_each_other_along_their_distance_alone(spec, events):
    """The push is along eta and phi, equal and opposite, and gone for far pairs."""
    torch.manual_seed(0)
    model = autoencoder("mlp", "linear", "denoiser", spec).eval()
    model.fit_statistics([events])
    decoder = model.decoder
    packing = Packing.of(torch.tensor([[True, True]]))
    noisy = torch.zeros(2, model.n_numbers)
    noisy[1, model.features.names.index("eta")] = 0.1

    def said(distance: float) -> torch.Tensor:
        pairs = Pairs.of(packing.mask)
        kept = decoder.nothing.expand(2, -1)
        return decoder(noisy, kept, torch.ones(1), packing, pairs, torch.tensor([distance]))

    with torch.no_grad():
        for parameter in [*decoder.transformer.parameters(), *decoder.out.parameters()]:
            parameter.zero_()
        close, far = said(0.1), said(50.0)
    torch.testing.assert_close(close[0], -close[1])
    moved = {name for name, value in zip(model.features.names, close[0], strict=False) if value}
    assert moved == {"eta"}
    assert (close[:, model.n_momenta :] == 0).all()
    assert (far == 0).all()


@pytest.mark.parametrize("eta", [0.0, 0.7, 2.4])
def test_energy_and_mass_are_each_others_inverse(eta):
    mass = torch.tensor([0.0, 0.1057, 5.0, 80.0])
    pt, etas = torch.full((4,), 300.0), torch.full((4,), eta)
    energy = energy_of(mass, pt, etas)
    expected = np.sqrt(mass.double().numpy() ** 2 + (300 * np.cosh(eta)) ** 2)
    np.testing.assert_allclose(energy.numpy(), expected, rtol=1e-6)
    rounding = 2 * energy.double() * torch.from_numpy(np.spacing(energy.numpy()))
    lost = (squared_mass(energy, pt, etas).double() - mass.double().square()).abs()
    assert (lost <= rounding + 1e-6 * mass.double().square()).all()


def test_every_part_that_can_be_named_is_known():
    for ours, known in ((ENCODERS, KNOWN_ENCODERS), (LATENTS, KNOWN_LATENTS)):
        assert {section["_target_"] for section in ours.values()} == known.keys()
    named = {section["_target_"] for name, section in DECODERS.items() if name != "denoiser"}
    assert named == KNOWN_DECODERS.keys()
    for known in (KNOWN_ENCODERS, KNOWN_LATENTS, KNOWN_DECODERS):
        assert all(target == f"{part.__module__}.{part.__name__}" for target, part in known.items())


def vq(**changes):
    section = LATENTS["vq"] | {"latent_dim": 2, "codebook_size": 16} | changes
    return VqLatent(VqLatentConfig.model_validate(section), 2)


def test_codes_are_the_nearest_ones():
    torch.manual_seed(0)
    latent, x = vq(), torch.randn(200, 2)
    latent.train()(x)
    codes = latent.eval()(x)
    distances = torch.cdist(latent.project(x), latent.codebook.vectors)
    assert (codes.index == distances.argmin(1)).all()
    torch.testing.assert_close(codes.vectors, latent.codebook.vectors[codes.index])
    nearest = distances.amin(1).square() / 2
    torch.testing.assert_close(codes.distance, nearest, rtol=1e-3, atol=1e-5)


def test_gradients_pass_the_codes_straight():
    torch.manual_seed(0)
    latent = vq(beta=0.0).train()
    torch.nn.init.eye_(latent.project.weight)
    torch.nn.init.zeros_(latent.project.bias)
    latent(torch.randn(200, 2))
    x = torch.randn(50, 2, requires_grad=True)
    vectors = latent(x).vectors
    vectors.square().sum().backward()
    torch.testing.assert_close(x.grad, 2 * vectors.detach())


@pytest.mark.parametrize("ema", [True, False])
def test_codes_follow_as_those_of_a_known_library(ema):
    """Same start, same batches: the same codes, moving averages and losses, step by step."""
    torch.manual_seed(0)
    ours = vq(ema=ema, dead_below=0.0, ema_decay=0.9, beta=0.3).train()
    torch.nn.init.eye_(ours.project.weight)
    torch.nn.init.zeros_(ours.project.bias)
    ours(torch.randn(200, 2))
    theirs = VectorQuantize(
        dim=2,
        codebook_size=16,
        decay=0.9,
        commitment_weight=0.3,
        rotation_trick=False,
        ema_update=ema,
        learnable_codebook=not ema,
        threshold_ema_dead_code=0,
    )
    inner = theirs._codebook
    with torch.no_grad():
        for theirs_, own in (
            (inner.embed, ours.codebook.vectors),
            (inner.embed_avg, ours.codebook.sums),
            (inner.cluster_size, ours.codebook.counts),
        ):
            theirs_.copy_(own[None])
    for _ in range(5):
        x = torch.randn(100, 2)
        codes = ours(x)
        vectors, index, penalty = theirs(x[None])
        assert (codes.index == index[0]).all()
        torch.testing.assert_close(codes.vectors, vectors[0])
        own_penalty = ours.take_penalty()
        torch.testing.assert_close(own_penalty, penalty.reshape(()))
        if not ema:
            (own_pull,) = torch.autograd.grad(own_penalty, ours.codebook.vectors)
            (their_pull,) = torch.autograd.grad(penalty, inner.embed)
            torch.testing.assert_close(own_pull, their_pull[0])
            with torch.no_grad():
                ours.codebook.vectors -= own_pull
                inner.embed -= their_pull
        torch.testing.assert_close(ours.codebook.vectors, inner.embed[0])
        if ema:
            torch.testing.assert_close(ours.codebook.counts, inner.cluster_size[0])


def test_codes_begin_where_the_objects_are():
    """k-means halves the distance that codes on drawn objects would have."""
    torch.manual_seed(0)
    groups = torch.tensor([[0.0, 0.0], [50.0, 0.0], [0.0, 50.0], [50.0, 50.0]])
    x = groups.repeat_interleave(100, 0) + torch.randn(400, 2)
    latent = vq(codebook_size=64).train()
    torch.nn.init.eye_(latent.project.weight)
    torch.nn.init.zeros_(latent.project.bias)
    latent.codebook.place(x)
    assert latent.eval()(x).distance.mean() < 0.12
    with torch.no_grad():
        latent.codebook.vectors.copy_(x[torch.randperm(400)[:64]])
    assert latent(x).distance.mean() > 0.15


def test_no_objects_move_no_codes():
    torch.manual_seed(0)
    latent = vq().train()
    assert len(latent(torch.randn(0, 2)).index) == 0
    assert not latent.codebook.placed
    assert torch.isfinite(latent.codebook.vectors).all()
    latent(torch.randn(200, 2))
    before = latent.codebook.vectors.clone()
    assert latent(torch.randn(0, 2)).vectors.shape == (0, 2)
    torch.testing.assert_close(latent.codebook.vectors, before, rtol=1e-3, atol=1e-3)


def test_dead_codes_come_back():
    """After the objects have moved elsewhere, (almost) all codes are where they are now."""
    torch.manual_seed(0)
    latent = vq(dead_below=0.1, ema_decay=0.5).train()
    latent(torch.randn(200, 2))
    far = torch.randn(200, 2) + 40.0
    assert len(latent.eval()(far).index.unique()) < 8
    latent.train()
    for _ in range(20):
        latent(far)
    assert len(latent.eval()(far).index.unique()) >= 14


def test_codes_that_live_are_left_alone():
    """Of the same kind of objects again and again none is drawn anew, not even a rare one."""
    torch.manual_seed(0)
    latent = vq(dead_below=0.1, ema_decay=0.9).train()
    for _ in range(50):
        latent(torch.randn(64, 2))
    before = latent.codebook.vectors.clone()
    latent(torch.randn(64, 2))
    steps = (latent.codebook.vectors - before).norm(dim=1)
    assert float(steps.max()) < 0.5  # a code that is drawn anew jumps by 1 and more
    counts = latent.codebook.counts
    assert counts.min() < 0.5 * counts.mean()  # there are rare ones


def test_frequencies_are_those_of_the_codes_that_were_told():
    latent = vq()
    told = torch.tensor([0, 0, 0, 5])
    latent.set_usage(told)
    expected = torch.full((16,), 0.5)
    expected[0], expected[5] = 3.5, 1.5
    torch.testing.assert_close(latent.frequencies, expected / expected.sum())


@pytest.mark.parametrize("train", [True, False])
def test_codes_are_in_full_precision_under_autocast(train):
    torch.manual_seed(0)
    latent, x = vq(beta=0.0), torch.randn(200, 2)
    latent.train()(x)
    latent.train(train)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        codes = latent(x)
    assert codes.vectors.dtype == torch.float32
    if not train:
        torch.testing.assert_close(codes.vectors, latent.codebook.vectors[codes.index])


def test_a_codebook_that_learns_by_gradient():
    torch.manual_seed(0)
    latent, x = vq(ema=False, dead_below=0.0).train(), torch.randn(200, 2)
    latent(x)
    before = latent.codebook.vectors.detach().clone()
    optimiser = torch.optim.SGD(latent.parameters(), lr=1.0)
    latent(x + 1)  # elsewhere than where k-means has put the codes
    latent.take_penalty().backward()
    optimiser.step()
    assert (latent.codebook.vectors != before).any()


def test_nothing_moves_the_codes_is_refused():
    with pytest.raises(ValueError, match="nothing would move the codes"):
        vq(ema=False, beta=0.0)


def test_numbers_of_objects(objects, events):
    number = Multiplicity(9)
    number.observe(objects)
    lengths = events.mask.sum(1)
    shares = np.bincount(lengths.numpy(), minlength=10) / len(lengths)
    seen = lengths[:1]
    assert float(number.surprise(seen)) == pytest.approx(-math.log(shares[int(seen)]), rel=0.2)
    drawn = number.sample(20000, torch.Generator().manual_seed(1)).numpy()
    np.testing.assert_allclose(np.bincount(drawn, minlength=10) / 20000, shares, atol=0.02)


def test_signal_falls_from_all_to_almost_nothing():
    time = torch.linspace(0, 1, 101)
    a, s = signal_and_noise(time)
    torch.testing.assert_close(a.square() + s.square(), torch.ones(101))
    assert (a.diff() <= 0).all()
    assert float(a[0]) == pytest.approx(1)
    assert float(a[-1]) == pytest.approx(0.01)
    middle = math.cos((0.5 + 0.008) / 1.008 * math.pi / 2) / math.cos(0.008 / 1.008 * math.pi / 2)
    assert float(a[50]) == pytest.approx(middle, rel=1e-5)


@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_what_is_predicted_gives_event_and_noise_back(prediction):
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(2, 50, 4, generator=generator, dtype=torch.float64)
    a, s = signal_and_noise(torch.linspace(0, 1, 50, dtype=torch.float64)[:, None])
    said = wanted(prediction, x, noise, a, s)
    clean, left = split(prediction, said, a * x + s * noise, a, s)
    torch.testing.assert_close(clean, x)
    torch.testing.assert_close(left, noise)


@pytest.mark.parametrize("prediction", ["epsilon", "v"])
def test_ddim_of_a_perfect_denoiser_of_gaussians(prediction):
    """Of x ~ N(m, w²) the best prediction is known, and DDIM maps noise to m + w noise."""
    mean, width = 0.7, 0.4

    def denoise(noisy: torch.Tensor, time: float) -> torch.Tensor:
        a, s = signal_and_noise(torch.tensor(time))
        total = a**2 * width**2 + s**2
        best = mean + a * width**2 / total * (noisy - a * mean)
        noise = (noisy - a * best) / s.clamp_min(1e-6)
        return wanted(prediction, best, noise, a, s)

    noise = torch.randn(2000, 1, generator=torch.Generator().manual_seed(0))
    made = ddim(denoise, noise, 200, prediction)
    assert float(made.mean()) == pytest.approx(mean, abs=0.03)
    assert float(made.std()) == pytest.approx(width, rel=0.06)
    assert float(torch.corrcoef(torch.cat([made, noise], 1).T)[0, 1]) > 0.999


def test_hinge_loss():
    truth, found = torch.tensor([2.0, 0.0]), torch.tensor([-3.0, 0.5])
    assert hinge_loss(truth, found).tolist() == [0 + 0, 1 + 1.5]


def test_events_that_are_made_up(spec, events):
    torch.manual_seed(0)
    model = autoencoder("mlp", "linear", "denoiser", spec)
    model.fit_statistics([events])
    model.eval()
    momenta, ids = model.sample(50, torch.Generator().manual_seed(1))
    again, _ = model.sample(50, torch.Generator().manual_seed(1))
    assert momenta.shape == (50, 9, 4)
    assert torch.equal(momenta, again)
    assert set(((ids > 0).sum(1)).tolist()) <= set(events.mask.sum(1).tolist())
    assert ids.max() <= 7
    assert not torch.equal(momenta, model.sample(50, torch.Generator().manual_seed(2))[0])
    pt = momenta[..., 1].where(ids > 0, 0.0)
    assert (pt.diff(dim=1) <= 0).all()  # hardest first, padding last
    assert (momenta[..., 0] >= momenta[..., 1] * momenta[..., 2].cosh() * (1 - 1e-5)).all()


def test_code_surprise_is_the_likelihood_of_number_and_codes(spec, events):
    torch.manual_seed(0)
    model = autoencoder("mlp", "vq", "mlp", spec)
    model.fit_statistics([events])
    model.train()(events)
    codes = model.eval()(events)["codes"]
    model.remember_usage(codes)
    scores = model.event_scores(events)
    lengths = events.mask.sum(1)
    numbers = torch.bincount(lengths, minlength=10) / len(lengths)
    for event in range(len(events.mask)):
        own = codes[event][codes[event] >= 0]
        expected = -torch.log(model.latent.frequencies[own]).sum() - numbers[lengths[event]].log()
        assert float(scores["code_surprise"][event]) == pytest.approx(float(expected), rel=0.05)


def test_parts_that_need_what_the_data_lack_are_refused(events):
    without_met = DataSpec(9, (0, 1, 2, 3), ("a", "b"), has_globals=False)
    with pytest.raises(ValueError, match="globals_head"):
        autoencoder("mlp", "none", "mlp", without_met)
    autoencoder("mlp", "none", "mlp", without_met, globals_head=False)
    binned = DataSpec(9, (), ("a", "b"), vocab_size=886)
    with pytest.raises(ValueError, match="binned"):
        autoencoder("mlp", "none", "mlp", binned, globals_head=False)
    without_phi = DataSpec(9, (0, 1, 2), ("a", "b"))
    with pytest.raises(ValueError, match=r"pair_features.*phi"):
        autoencoder("gnn", "none", "mlp", without_phi)


def test_ids_are_told_by_cross_entropy_of_ids_from_one(objects, spec):
    logits = functional.one_hot(objects.ids - 1, 7).float() * 50
    truth = Truth(torch.zeros(len(objects.ids), 5), objects.ids, None)
    errors = event_errors(Found(truth.momenta, logits, None), truth, objects.packing)
    assert float(errors["ids"].max()) < 1e-6
