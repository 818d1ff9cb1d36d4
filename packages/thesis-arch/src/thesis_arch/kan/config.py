"""What `kan` may hold: the splines of all Kolmogorov-Arnold layers of a model."""

from pydantic import Field, field_validator

from thesis_arch.strict import Section


class KanConfig(Section):
    """Splines and how they are kept in shape.

    Attributes
    ----------
    grid_size : int
        Intervals of the grid.
    spline_order : int
        Degree of the pieces; 3 is cubic.
    grid_range : (float, float)
        Where the grid begins and ends; the splines fade outside, and are zero from `spline_order`
        intervals on.
    spline_regularization_weight : float
        Factor of the penalty on the spline coefficients in the training loss.
    grid_update_freq : int
        Training passes between two fits of the grid to what enters; 0 leaves it as it is.
    """

    grid_size: int = Field(ge=1)
    spline_order: int = Field(ge=1)
    grid_range: tuple[float, float]
    spline_regularization_weight: float = Field(ge=0)
    grid_update_freq: int = Field(ge=0)

    @field_validator("grid_range")
    @classmethod
    def _rises(cls, value: tuple[float, float]) -> tuple[float, float]:
        if value[0] >= value[1]:
            raise ValueError(f"expected [from, to] with from < to, found {list(value)}")
        return value
