"""Base of all config sections here."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A config section: no unknown key, no infinity, no change later, no default in code."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
