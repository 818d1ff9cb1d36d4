"""Base of all config sections here."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A config section: unknown keys are errors, values don't change, no default lives here."""

    model_config = ConfigDict(extra="forbid", frozen=True)
