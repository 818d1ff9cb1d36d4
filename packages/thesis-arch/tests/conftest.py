"""Fixtures that all tests share."""

from collections.abc import Callable

import pytest
import torch

from small_models import ORDERED, VARIANTS, Batch, classifier_spec, random_events
from thesis_arch import DataSpec, TransformerClassifier
from thesis_arch.transformer_classifier import classifier
from thesis_arch.transformer_classifier.attention import layout
from thesis_arch.transformer_classifier.config import ClassifierSpec
from thesis_arch.transformer_classifier.positional import building


@pytest.fixture
def events() -> Batch:
    return random_events()


@pytest.fixture
def spec() -> DataSpec:
    return DataSpec(n_tokens=9, cont_features=(0, 1, 2, 3), class_names=("ttH", "4t"))


@pytest.fixture(params=VARIANTS | ORDERED, ids=str)
def variant(request: pytest.FixtureRequest) -> ClassifierSpec:
    """One config after the other: a contract holds for all of them."""
    return classifier_spec(**(VARIANTS | ORDERED)[request.param])


@pytest.fixture(params=VARIANTS, ids=str)
def variant_of_sets(request: pytest.FixtureRequest) -> ClassifierSpec:
    """Those that know no order of objects."""
    return classifier_spec(**VARIANTS[request.param])


@pytest.fixture
def build(spec: DataSpec, events: Batch) -> Callable[[ClassifierSpec], TransformerClassifier]:
    def make(config: ClassifierSpec) -> TransformerClassifier:
        torch.manual_seed(1)
        model = TransformerClassifier(config, spec)
        model.fit_statistics([events])
        return model.eval()

    return make


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """`elsewhere()`: from now on, compute as on a GPU: torch's own kernels, no spare rows."""

    def patch() -> None:
        monkeypatch.setattr(layout.HeadRows, "of", lambda blocks, heads: None)
        for module in (layout, classifier, building):
            monkeypatch.setattr(module, "with_spare_rows", lambda rows: rows)

    return patch
