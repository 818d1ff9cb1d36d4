"""Invariant masses of the objects that are close to each object (Li et al., 2024)."""

import torch
from torch import Tensor

from thesis_arch.physics.event_objects import EventObjects


def squared_neighbour_masses(objects: EventObjects, numbers: tuple[int, ...]) -> Tensor:
    """m² of the k objects with the largest p·p with each object, for each k of `numbers`.

    The object itself is a candidate like the others of its event; where there are fewer than k,
    all of them count. With D = p_a·p_b, the sum of a set S of momenta has m² = Σ_ab∈S D_ab, of
    terms that are not negative: nothing cancels in float32.

    Returns
    -------
    Tensor
        [n, len(numbers)] GeV².
    """
    products, valid = _products(objects), objects.mask
    candidates = products.masked_fill(~valid[:, None, :], -1.0)
    closest = candidates.argsort(dim=-1, descending=True)
    place = torch.arange(closest.shape[-1], device=closest.device).expand_as(closest)
    rank = torch.empty_like(closest).scatter_(-1, closest, place)
    rank.masked_fill_(~valid[:, None, :], closest.shape[-1] + max(numbers))
    masses = []
    with torch.autocast(products.device.type, enabled=False):  # masses in bfloat16 are coarse
        for k in numbers:
            chosen = (rank < k).to(products.dtype)
            masses.append((chosen @ products * chosen).sum(-1))
    return objects.packing.pack(torch.stack(masses, dim=-1))


def _products(objects: EventObjects) -> Tensor:
    """p_a·p_b of the objects of each event [B, T, T], 0 where there is none."""
    pairs, mass2, dot = objects.pairs, objects.momenta.mass2, objects.feature("dot")
    assert mass2 is not None
    products = torch.diag_embed(objects.packing.unpack(mass2))
    products[pairs.event, pairs.first, pairs.second] = dot
    products[pairs.event, pairs.second, pairs.first] = dot
    return products
