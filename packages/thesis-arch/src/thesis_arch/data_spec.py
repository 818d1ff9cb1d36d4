"""What a model has to know of its input; saved in every checkpoint."""

from dataclasses import dataclass

FEATURES = ("E", "Pt", "eta", "phi")
"""The continuous features of an object, in file order (GeV, GeV, 1, rad)."""


@dataclass(frozen=True)
class DataSpec:
    """Shape and meaning of the events that a model is built for.

    Attributes
    ----------
    n_tokens : int
        Largest number of objects in an event, T.
    cont_features : tuple of int
        Indices into `FEATURES` that the batches carry, in this order.
    class_names : tuple of str
        One name for each logit.
    num_types : int
        Number of object ids, padding (0) included.
    has_globals : bool
        Whether the batches carry MET and METphi.
    vocab_size : int or None
        Of binned events, whose objects are tokens of a vocabulary and have no features.
    """

    n_tokens: int
    cont_features: tuple[int, ...]
    class_names: tuple[str, ...]
    num_types: int = 8
    has_globals: bool = True
    vocab_size: int | None = None

    def __post_init__(self) -> None:
        unknown = [i for i in self.cont_features if i not in range(len(FEATURES))]
        if unknown or len(set(self.cont_features)) != len(self.cont_features):
            raise ValueError(
                f"data.cont_features: found {list(self.cont_features)}, but expected different "
                f"indices out of 0..{len(FEATURES) - 1} ({', '.join(FEATURES)})"
            )
        if len(self.class_names) < 2:
            raise ValueError(f"class_names: found {self.class_names}, but expected at least two")

    @property
    def n_classes(self) -> int:
        return len(self.class_names)

    @property
    def has_energy(self) -> bool:
        return 0 in self.cont_features

    def column(self, feature: str) -> int | None:
        """Column of `feature` in the batches' last axis, or None where it is left out."""
        index = FEATURES.index(feature)
        return self.cont_features.index(index) if index in self.cont_features else None
