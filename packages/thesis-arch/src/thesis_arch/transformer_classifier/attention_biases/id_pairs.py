"""Tables over pairs of object ids."""

from torch import Tensor

from thesis_arch.physics.event_objects import EventObjects


def look_up(table: Tensor, objects: EventObjects) -> Tensor:
    """Entries of `table` [8, 8, ...] for the ids of each pair, [P, ...]."""
    pairs, ids = objects.pairs, objects.ids
    place = ids[pairs.first_object] * table.shape[1] + ids[pairs.second_object]
    return table.flatten(0, 1).index_select(0, place)
