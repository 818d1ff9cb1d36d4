"""What parts of a model need of the data: directions always, the energy for masses."""

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
    """Those pairwise features of `names` that the data allow: some need the energy.

    Raises
    ------
    ValueError
        Directions, which all need, are missing.
    """
    require_directions(spec, needed_by)
    return tuple(name for name in names if spec.has_energy or name not in NEEDS_ENERGY)
