"""How far a reconstruction is from its event, in normalised units."""

from torch import Tensor
from torch.nn import functional

from thesis_arch.autoencoder.features import Found, Truth
from thesis_arch.packing import Packing


def event_errors(found: Found, truth: Truth, packing: Packing) -> dict[str, Tensor]:
    """Error of each event, [B] by name.

    - ``rec_tokens``: as `momenta_error`.
    - ``ids``: mean cross-entropy of the ids over the objects.
    - ``rec_globals``: as `met_error`, where MET is reconstructed.

    An event without an object has errors of 0.

    Parameters
    ----------
    found, truth : Found, Truth
        What the decoder says, and what it should have said.
    packing : Packing
        Where the objects belong.
    """
    surprise = functional.cross_entropy(found.id_logits, truth.ids - 1, reduction="none")
    return {
        "rec_tokens": momenta_error(found.momenta, truth, packing),
        "ids": event_mean(surprise, packing),
    } | met_error(found.met, truth)


def momenta_error(momenta: Tensor, truth: Truth, packing: Packing) -> Tensor:
    """Mean squared error [B] of momenta [n, K] over the objects and their numbers.

    A constant guess of the training mean has about 1. Of phi it is the squared distance on the
    circle's plane, so that -pi and pi are the same.
    """
    return event_mean((momenta - truth.momenta).square().mean(-1), packing)


def met_error(met: Tensor | None, truth: Truth) -> dict[str, Tensor]:
    """``rec_globals``, the mean squared error [B] of MET and its direction; empty without it."""
    if met is None or truth.met is None:
        return {}
    return {"rec_globals": (met - truth.met).square().mean(-1)}


def wrong_ids(found: Tensor, wanted: Tensor, packing: Packing) -> Tensor:
    """Share [B] of the objects of each event whose id ([n] each, from 1) is told wrong."""
    return event_mean((found != wanted).float(), packing)


def event_mean(values: Tensor, packing: Packing) -> Tensor:
    """Mean [B] of the values [n] of the objects of each event; 0 where there is none."""
    return event_sum(values, packing) / packing.mask.sum(1).clamp_min(1)


def event_sum(values: Tensor, packing: Packing) -> Tensor:
    """Sum [B] of the values [n] of the objects of each event."""
    return values.new_zeros(len(packing.mask)).index_add(0, packing.event, values)
