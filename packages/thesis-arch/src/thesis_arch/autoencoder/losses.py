"""How far a reconstruction is from its event, in normalised units."""

from torch import Tensor
from torch.nn import functional

from thesis_arch.autoencoder.features import Targets
from thesis_arch.packing import Packing


def event_errors(found: Targets, wanted: Targets, packing: Packing) -> dict[str, Tensor]:
    """Error of each event, [B] by name.

    - ``rec_tokens``: mean squared error of momenta over the objects and their numbers. A constant
      guess of the training mean has about 1. Of phi it is the squared distance on the circle's
      plane, so that -pi and pi are the same.
    - ``ids``: mean cross-entropy of the ids over the objects.
    - ``rec_globals``: mean squared error of MET and its direction, where they are reconstructed.

    An event without an object has errors of 0.

    Parameters
    ----------
    found, wanted : Targets
        What the decoder says, with logits of ids, and the truth.
    packing : Packing
        Where the objects belong.
    """
    squares = (found.momenta - wanted.momenta).square().mean(-1)
    errors = {"rec_tokens": event_mean(squares, packing)}
    surprise = functional.cross_entropy(found.ids, wanted.ids - 1, reduction="none")
    errors["ids"] = event_mean(surprise, packing)
    if found.met is not None and wanted.met is not None:
        errors["rec_globals"] = (found.met - wanted.met).square().mean(-1)
    return errors


def event_mean(values: Tensor, packing: Packing) -> Tensor:
    """Mean [B] of the values [n] of the objects of each event; 0 where there is none."""
    return event_sum(values, packing) / packing.mask.sum(1).clamp_min(1)


def event_sum(values: Tensor, packing: Packing) -> Tensor:
    """Sum [B] of the values [n] of the objects of each event."""
    return values.new_zeros(len(packing.mask)).index_add(0, packing.event, values)
