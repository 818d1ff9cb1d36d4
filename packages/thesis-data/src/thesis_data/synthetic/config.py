"""What a toy sample is made from: the keys of `data.synthetic`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class DetectorConfig(BaseModel):
    """Acceptance, tagging and event selection of the toy detector.

    The numbers are those of a general-purpose experiment with a 77 % b-tagging working point.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    jet_pt_min: float = Field(25.0, ge=0, le=1000)
    """Lowest transverse momentum of a jet (GeV)."""
    lepton_pt_min: float = Field(10.0, ge=0, le=1000)
    """Lowest transverse momentum of a lepton or photon (GeV)."""
    eta_max: float = Field(2.5, gt=0, le=5)
    """Largest |eta| of any object."""
    b_tag: float = Field(0.77, ge=0, le=1)
    """Probability that a jet with a b quark is tagged."""
    c_tag: float = Field(0.18, ge=0, le=1)
    """Probability that a jet with a c quark (and no b) is tagged."""
    light_tag: float = Field(0.008, ge=0, le=1)
    """Probability that any other jet is tagged."""
    lepton_efficiency: float = Field(0.80, ge=0, le=1)
    """Probability to identify an isolated lepton or photon."""
    met_noise: float = Field(15.0, ge=0, le=1000)
    """Spread of each component of the unclustered missing momentum (GeV)."""
    min_jets: int = Field(4, ge=1, le=18)
    """An event is kept with at least this many jets, tagged ones included."""
    min_b_jets: int = Field(1, ge=0, le=18)
    """An event is kept with at least this many tagged jets."""


class ToyConfig(BaseModel):
    """A toy Monte Carlo sample; equal configs give equal files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    n_events: int = Field(ge=10)
    """Events in all splits together, after the selection."""
    seed: int = Field(ge=0)
    """Seed of every draw."""
    signal_fraction: float = Field(0.5, gt=0, lt=1)
    """Expected share of 4t events; the other four processes share the rest equally."""
    isr_jets: float = Field(1.5, ge=0, le=10)
    """Mean number of jets radiated off the incoming partons."""
    detector: DetectorConfig = DetectorConfig()
