"""One warning for all that goes without the energy."""

import warnings

import pytest

from small_models import classifier_spec
from thesis_arch import DataSpec, TransformerClassifier

ALL = {
    "attention_biases": "lorentz_scalar+typepair+sm+global",
    "nodewise_mass__enabled": True,
    "mia_blocks__enabled": True,
}


def warned(spec: DataSpec, **options) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        TransformerClassifier(classifier_spec(**options), spec)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            ALL,
            "log_m2 of lorentz_scalar, kinematic_gate of typepair_kinematic, nodewise_mass, "
            "log_m2 of mia_blocks",
        ),
        (
            {
                "attention_biases": "lorentz_scalar",
                "bias_config__lorentz_scalar__features": ["m2", "dot"],
            },
            "m2 of lorentz_scalar, dot of lorentz_scalar, so all of lorentz_scalar",
        ),
    ],
)
def test_all_that_needs_the_energy_is_named_once(options, expected):
    found = warned(DataSpec(9, (1, 2, 3), ("ttH", "4t")), **options)
    assert found == [f"data.cont_features has no energy, so these are left out: {expected}"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"attention_biases": "sm+global"},
        {
            "attention_biases": "lorentz_scalar+typepair",
            "bias_config__lorentz_scalar__features": ["z"],
            "bias_config__typepair_kinematic__kinematic_feature": "deltaR",
        },
    ],
    ids=str,
)
def test_what_needs_no_energy_is_not_named(options):
    assert warned(DataSpec(9, (1, 2, 3), ("ttH", "4t")), **options) == []


def test_with_the_energy_nothing_is_named(spec):
    assert warned(spec, **ALL) == []
