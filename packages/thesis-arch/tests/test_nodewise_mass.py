"""Masses of neighbourhoods against sums of four-vectors, object by object."""

import numpy as np
import pytest
import torch

from sequences import fitted, place
from small_models import changed, classifier_spec, random_events
from test_pairwise import METRIC, boost, momentum
from thesis_arch import DataSpec
from thesis_arch.physics.neighbour_mass import squared_neighbour_masses
from thesis_arch.transformer_classifier.nodewise_mass import NodewiseMass, nodewise_mass

NUMBERS = (1, 2, 4, 20)  # the last is more than there are


def four_vectors(cont: torch.Tensor) -> np.ndarray:
    """(E, pt, eta, phi) -> (E, px, py, pz) in float64."""
    energy, pt, eta, phi = cont.double().numpy().T
    return np.stack([energy, pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=1)


def slow_squared_masses(vectors: np.ndarray) -> np.ndarray:
    """[n, len(NUMBERS)] of the objects of one event."""
    result = np.empty((len(vectors), len(NUMBERS)))
    for i, own in enumerate(vectors):
        products = [own @ METRIC @ other for other in vectors]
        by_product = sorted(range(len(vectors)), key=lambda j: -products[j])
        for column, k in enumerate(NUMBERS):
            total = sum(vectors[j] for j in by_product[:k])
            result[i, column] = total @ METRIC @ total
    return result


def test_masses_are_those_of_summed_four_vectors(spec, events):
    masses = squared_neighbour_masses(place(events, spec).objects, NUMBERS)
    expected = [
        slow_squared_masses(four_vectors(cont[mask]))
        for cont, mask in zip(events.tokens_cont, events.mask, strict=True)
    ]
    np.testing.assert_allclose(masses.numpy(), np.concatenate(expected), rtol=1e-3, atol=0.1)


def test_masses_do_not_depend_on_the_frame(spec, events):
    cont = events.tokens_cont[events.mask].double()
    matrix = boost(np.array([0.3, -0.2, 0.5]))
    moved = momentum(four_vectors(cont) @ matrix.T)
    energy = (moved.mass2 + (moved.pt * moved.eta.cosh()) ** 2).sqrt()
    padded = torch.zeros_like(events.tokens_cont, dtype=torch.float64)
    padded[events.mask] = torch.stack([energy, moved.pt, moved.eta, moved.phi], dim=-1)
    before, after = (
        squared_neighbour_masses(place(e, spec).objects, NUMBERS)
        for e in (
            changed(events, tokens_cont=events.tokens_cont.double()),
            changed(events, tokens_cont=padded),
        )
    )
    torch.testing.assert_close(after, before, rtol=1e-6, atol=1e-4)


def test_masses_keep_their_digits_under_autocast(spec, events):
    objects = place(events, spec).objects
    expected = squared_neighbour_masses(objects, NUMBERS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = squared_neighbour_masses(place(events, spec).objects, NUMBERS)
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_an_event_without_objects_has_no_masses_and_disturbs_no_other(spec, events):
    mask = events.mask.clone()
    mask[3] = False
    objects = place(changed(events, mask=mask), spec).objects
    masses = squared_neighbour_masses(objects, NUMBERS)
    alone = squared_neighbour_masses(place(events, spec).objects, NUMBERS)
    other = place(events, spec).objects.event != 3
    torch.testing.assert_close(masses, alone[other])


def test_training_starts_without_the_masses(spec, events):
    config = classifier_spec(nodewise_mass__enabled=True).model.nodewise_mass
    placed = place(events, spec)
    module = fitted(NodewiseMass(config, 16), placed)
    assert (module(placed.objects) == 0).all()
    with torch.no_grad():
        module.mlp.out.weight.normal_()
    result = module(placed.objects)
    assert result.shape == (len(placed.objects.cont), 16)
    assert result.std() > 0.1
    masses = module.standardise(module._log_masses(placed.objects))
    torch.testing.assert_close(masses.mean(0), torch.zeros(2), atol=1e-4, rtol=0)
    torch.testing.assert_close(masses.std(0, correction=0), torch.ones(2), atol=1e-4, rtol=0)


def test_without_energy_there_are_none():
    spec = DataSpec(9, (1, 2, 3), ("ttH", "4t"))
    config = classifier_spec(nodewise_mass__enabled=True).model.nodewise_mass
    assert nodewise_mass(config, 16, spec) is None


def test_directions_are_needed():
    config = classifier_spec(nodewise_mass__enabled=True).model.nodewise_mass
    with pytest.raises(ValueError, match=r"nodewise_mass.*leaves out phi"):
        nodewise_mass(config, 16, DataSpec(9, (0, 1, 2), ("ttH", "4t")))


def test_what_is_off_is_not_there(spec):
    assert nodewise_mass(classifier_spec().model.nodewise_mass, 16, spec) is None


@pytest.mark.parametrize("seed", [1, 2])
def test_order_of_objects_does_not_matter(seed, spec):
    events = random_events(seed=seed)
    order = torch.randperm(9, generator=torch.Generator().manual_seed(seed))
    shuffled = changed(events, tokens_cont=events.tokens_cont[:, order], mask=events.mask[:, order])
    objects, moved = place(events, spec).objects, place(shuffled, spec).objects
    masses = objects.packing.unpack(squared_neighbour_masses(objects, NUMBERS))
    found = moved.packing.unpack(squared_neighbour_masses(moved, NUMBERS))
    torch.testing.assert_close(found, masses[:, order], rtol=1e-5, atol=1e-2)
