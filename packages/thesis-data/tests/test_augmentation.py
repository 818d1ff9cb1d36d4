import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from thesis_data.augmentation import augment_batch, draw_symmetries, reflect, rotate, wrap
from thesis_data.config import AugmentConfig
from thesis_data.events import EventBatch
from thesis_data.random import keyed_generator

ALL = (0, 1, 2, 3)
BOTH = AugmentConfig(phi_rotation=True, eta_flip=True)
RUBBISH = 77.0


def make_batch(n_events: int = 64, seed: int = 0, columns: tuple[int, ...] = ALL) -> EventBatch:
    """Events with rubbish in their padded slots."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape, low, high):
        return low + (high - low) * torch.rand(*shape, generator=generator)

    mask = torch.arange(9) < torch.randint(1, 9, (n_events, 1), generator=generator)
    pt = uniform(n_events, 9, low=20, high=300)
    eta = uniform(n_events, 9, low=-2.5, high=2.5)
    phi = uniform(n_events, 9, low=-math.pi, high=math.pi)
    tokens = torch.stack([1.1 * pt * torch.cosh(eta), pt, eta, phi], dim=-1)
    tokens[~mask] = RUBBISH
    met = torch.stack([pt[:, 0], phi[:, 1]], dim=-1)
    return EventBatch(
        tokens_cont=tokens[..., columns],
        tokens_id=mask.long(),
        globals=met,
        mask=mask,
        label=torch.zeros(n_events, dtype=torch.long),
        weight=None,
        process=torch.ones(n_events, dtype=torch.long),
        index=torch.arange(n_events),
        row=torch.arange(n_events),
        cont_features=columns,
        split="train",
    )


def turn(batch: EventBatch, config: AugmentConfig, key: int) -> EventBatch:
    return augment_batch(batch, config, draw_symmetries(len(batch), keyed_generator(key)))


def pair_masses(batch: EventBatch) -> torch.Tensor:
    """[B, T, T] squared masses of pairs of valid objects, in double precision."""
    energy, pt, eta, phi = batch.tokens_cont.double().unbind(-1)
    momentum = torch.stack([pt * phi.cos(), pt * phi.sin(), pt * eta.sinh()], dim=-1)
    energies = energy[:, :, None] + energy[:, None]
    momenta = momentum[:, :, None] + momentum[:, None]
    return (energies**2 - momenta.square().sum(-1))[batch.mask[:, :, None] & batch.mask[:, None]]


def test_a_turned_and_mirrored_event_has_the_same_energies_and_masses():
    batch = make_batch()
    turned = turn(batch, BOTH, 1)
    assert torch.equal(turned.tokens_cont[..., :2], batch.tokens_cont[..., :2])
    assert torch.allclose(pair_masses(turned), pair_masses(batch), rtol=1e-5, atol=1.0)
    assert not torch.equal(turned.tokens_cont, batch.tokens_cont)


@given(st.integers(0, 1000))
def test_angles_between_objects_and_to_the_missing_momentum_stay(seed):
    batch = make_batch(seed=seed)
    turned = turn(batch, AugmentConfig(phi_rotation=True), seed)

    def to_met(events):
        return wrap(events.tokens_cont[..., 3] - events.globals[:, 1:])[batch.mask]

    assert wrap(to_met(turned) - to_met(batch)).abs().max() < 1e-5


def test_turned_angles_stay_within_a_circle():
    turned = turn(make_batch(2_000), BOTH, 3)
    phi = turned.tokens_cont[..., 3][turned.mask]
    assert phi.abs().max() <= math.pi + 1e-6
    assert turned.globals[:, 1].abs().max() <= math.pi + 1e-6


@pytest.mark.parametrize("phi", [-math.pi, -1e-7 - math.pi, math.pi, 0.0, 7.0, -20.0])
def test_wrapping_keeps_the_direction(phi):
    wrapped = wrap(torch.tensor(phi, dtype=torch.float64))
    assert -math.pi <= wrapped < math.pi
    assert torch.exp(1j * wrapped).item() == pytest.approx(complex(math.cos(phi), math.sin(phi)))


def test_mirroring_twice_gives_the_event_back():
    batch = make_batch()
    sign = torch.where(torch.arange(64) % 2 == 0, 1.0, -1.0)
    mirrored = reflect(batch, sign)
    assert torch.equal(mirrored.tokens_cont[0], batch.tokens_cont[0])
    assert not torch.equal(mirrored.tokens_cont[1], batch.tokens_cont[1])
    assert torch.equal(reflect(mirrored, sign).tokens_cont, batch.tokens_cont)


def test_padding_and_the_given_batch_are_left_alone():
    batch = make_batch()
    before = batch.tokens_cont.clone()
    turned = turn(batch, BOTH, 1)
    assert (turned.tokens_cont[~turned.mask] == RUBBISH).all()
    assert torch.equal(batch.tokens_cont, before)


def test_events_are_turned_by_different_angles_and_half_of_them_mirrored():
    batch = make_batch(1_000)
    turned = turn(batch, BOTH, 2)
    angles = wrap(turned.globals[:, 1] - batch.globals[:, 1])
    counts = torch.histc(angles, bins=4, min=-math.pi, max=math.pi)
    assert (counts - 250).abs().max() < 60
    flipped = (turned.tokens_cont[:, 0, 2] == -batch.tokens_cont[:, 0, 2]).float().mean()
    assert flipped == pytest.approx(0.5, abs=0.06)


def test_switching_one_symmetry_off_keeps_the_draws_of_the_other():
    batch = make_batch()
    both = turn(batch, BOTH, 4)
    rotated = turn(batch, AugmentConfig(phi_rotation=True), 4)
    assert torch.equal(both.tokens_cont[..., 3], rotated.tokens_cont[..., 3])


@pytest.mark.parametrize("columns", [(1, 2, 3), (3, 0), (0, 1)])
def test_the_columns_that_are_there_are_turned(columns):
    whole = turn(make_batch(), BOTH, 5)
    part = turn(make_batch(columns=columns), BOTH, 5)
    assert torch.equal(part.tokens_cont, whole.tokens_cont[..., columns])
    assert torch.equal(part.globals, whole.globals)


def test_events_without_missing_momentum_can_be_turned():
    batch = make_batch()
    bare = EventBatch(**{**vars(batch), "globals": torch.empty(64, 0)})
    assert rotate(bare, torch.ones(64)).globals.shape == (64, 0)
