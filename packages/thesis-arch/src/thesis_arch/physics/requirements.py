"""What parts of a model need of the data: directions always, the energy for masses."""

import warnings

from thesis_arch.data_spec import DataSpec
from thesis_arch.physics.pairwise import NEEDS_ENERGY


def require_directions(spec: DataSpec, needed_by: str) -> None:
    """Make sure that objects have pt, eta and phi.

    Raises
    ------
    ValueError
        `needed_by`, and what is missing.
    """
    missing = [name for name in ("Pt", "eta", "phi") if spec.column(name) is None]
    if missing:
        raise ValueError(
            f"{needed_by} needs Pt, eta and phi, but data.cont_features leaves out "
            f"{', '.join(missing)}"
        )


def available_features(names: tuple[str, ...], spec: DataSpec, needed_by: str) -> tuple[str, ...]:
    """Those pairwise features of `names` that the data allow, with a warning of the others.

    Raises
    ------
    ValueError
        Directions are missing.
    """
    require_directions(spec, needed_by)
    left = tuple(name for name in names if spec.has_energy or name not in NEEDS_ENERGY)
    if left != names:
        gone = ", ".join(name for name in names if name not in left)
        warn_without_energy(f"{needed_by}: {gone}")
    return left


def warn_without_energy(what: str) -> None:
    """Say that `what` is not there."""
    warnings.warn(f"{what} left out, since data.cont_features has no energy", stacklevel=2)
