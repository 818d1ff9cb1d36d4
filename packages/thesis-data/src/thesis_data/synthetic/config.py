"""What a toy sample is made from: the keys of `data.synthetic`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

_CONFIG = ConfigDict(extra="forbid", frozen=True)


class DetectorConfig(BaseModel):
    """Acceptance, tagging and event selection of the toy detector.

    Attributes
    ----------
    jet_pt_min, lepton_pt_min : float
        Lowest transverse momentum of a jet, of a lepton or photon (GeV).
    eta_max : float
        Largest |eta| of any object.
    b_tag, c_tag, light_tag : float
        Probability that a jet with a b quark, else with a c quark, else with none is tagged.
    lepton_efficiency : float
        Probability to identify an isolated lepton or photon.
    met_noise : float
        Spread of each component of the unclustered missing momentum (GeV).
    min_jets, min_b_jets : int
        Least number of jets (tagged ones included) and of tagged jets of a kept event.
    """

    model_config = _CONFIG

    jet_pt_min: float = Field(25.0, ge=5, le=1000)
    lepton_pt_min: float = Field(10.0, ge=5, le=1000)
    eta_max: float = Field(2.5, gt=0, le=5)
    b_tag: float = Field(0.77, ge=0, le=1)
    c_tag: float = Field(0.18, ge=0, le=1)
    light_tag: float = Field(0.008, ge=0, le=1)
    lepton_efficiency: float = Field(0.80, ge=0, le=1)
    met_noise: float = Field(15.0, ge=0, le=1000)
    min_jets: int = Field(4, ge=1, le=18)
    min_b_jets: int = Field(1, ge=0, le=18)


class ToyConfig(BaseModel):
    """A toy Monte Carlo sample; equal configs give equal files.

    Attributes
    ----------
    n_events : int
        Events after the selection, in all splits together.
    seed : int
        Key of every draw.
    signal_fraction : float
        Expected share of 4t events; the other four processes share the rest equally.
    detector : DetectorConfig
        How the events are measured and selected.
    """

    model_config = _CONFIG

    n_events: int = Field(30_000, ge=10)
    seed: int = Field(42, ge=0)
    signal_fraction: float = Field(0.5, ge=0, le=1)
    detector: DetectorConfig = DetectorConfig()
