"""One message for each mistake in a config: the key, the value, what is allowed."""

import subprocess
import sys

import pytest
from omegaconf import OmegaConf

from thesis_arch.transformer_classifier.config import TransformerConfig
from thesis_facts.errors import ConfigError
from thesis_loops import config as config_module
from thesis_loops.classification import classifier_sections, model_section
from thesis_loops.config import OBJECTIVES, check_config


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"trainer__learning_rate": 1}, ["unknown key", "classifier.trainer.learning_rate"]),
        ({"classifier__model__dpeth": 1}, ["classifier.model.dpeth", "classifier.model.depth?"]),
        ({"classifier__model__widht": 1}, ["classifier.model.widht", "known here: ", "dim"]),
        ({"classifier__model__atention_biases": "x"}, ["classifier.model.attention_biases?"]),
        ({"trainer__lr": -1}, ["classifier.trainer.lr", "-1", "greater than 0"]),
        ({"trainer__lr": float("inf")}, ["classifier.trainer.lr", "inf", "finite"]),
        ({"trainer__epochs": "many"}, ["classifier.trainer.epochs", "'many'", "integer"]),
        ({"trainer__lr_schedule": "step"}, ["'step'", "'cosine', 'linear' or 'constant'"]),
        ({"classifier__model__head__pooling": "sum"}, ["pooling", "'cls', 'mean' or 'max'"]),
        ({"classifier__model__attention_biases": "lorenz"}, ["attention_biases", "lorentz_scalar"]),
        ({"loop": "transfomer"}, ["loop", "transfomer", "transformer_classifier"]),
        ({"objective": "test_auroc"}, ["test_auroc", "best_val_auroc", "refused"]),
        ({"resume": "yes"}, ["resume", "'auto'"]),
        ({"experiment__name": "a/b"}, ["experiment.name", "'a/b'"]),
        ({"data__nrom": "zscore"}, ["data.nrom", "data.norm?"]),
        ({"loging": {}}, ["loging", "logging?"]),
    ],
)
def test_a_mistake_is_named(change, words, config):
    with pytest.raises(ConfigError) as error:
        check_config(config("transformer_classifier", **change))
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("loop", ["mlp_classifier", "bdt_classifier"])
def test_a_model_of_another_loop_is_refused_before_its_keys_are(loop, config):
    other = config(loop)["classifier"]
    with pytest.raises(ConfigError, match=rf"found {loop}, but .*; choose loop={loop}") as error:
        check_config(config("transformer_classifier", classifier=other))
    assert "\n" not in str(error.value)


def test_a_loop_of_ones_own_is_told_which_models_it_can_train(config, monkeypatch):
    objectives = OBJECTIVES | {"mine": OBJECTIVES["transformer_classifier"]}
    monkeypatch.setattr(config_module, "OBJECTIVES", objectives)
    checked = check_config(config("bdt_classifier") | {"loop": "mine"})
    with pytest.raises(ConfigError, match=r"can't train this model: classifier\.model\.name"):
        classifier_sections(checked)
    section, _ = classifier_sections(check_config(config("mlp_classifier") | {"loop": "mine"}))
    with pytest.raises(ConfigError, match=r"can't train this model.*mlp_classifier"):
        model_section(section, TransformerConfig)


def test_several_mistakes_are_named_at_once(config):
    with pytest.raises(ConfigError) as error:
        check_config(config("test_mlp", trainer__lr=-1, trainer__epochs=0, device=3))
    assert len(str(error.value).splitlines()) == 3


def test_omegaconf_is_resolved(config):
    cfg = OmegaConf.create(config("test_mlp", experiment__name="${loop}"))
    assert check_config(cfg).experiment.name == "test_mlp"


def test_an_interpolation_that_leads_nowhere_is_a_config_error(config):
    with pytest.raises(ConfigError, match="nothing"):
        check_config(OmegaConf.create(config("test_mlp", experiment__name="${nothing}")))


def test_configs_are_checked_without_torch():
    code = "import sys, thesis_loops.config; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
