"""Every key of `configs/` is known to a class that reads it, and every field has its key."""

import subprocess
from typing import Any

import pytest
from omegaconf import OmegaConf
from pydantic import BaseModel, ValidationError

from thesis_arch.data_spec import DataSpec
from thesis_arch.transformer_classifier.classifier import TransformerClassifier
from thesis_arch.transformer_classifier.config import ClassifierSpec
from thesis_data.config import DataConfig
from thesis_loops.config import OBJECTIVES, RunConfig, check_config
from thesis_train import DISPATCH, compose
from thesis_train.spelling import models_in

SIZES = {  # dim, depth, heads, mlp_dim and the parameters of the encoder blocks, by hand:
    # a block has 4 d² + 4 d (attention), 2 d m + m + d (feed-forward), 4 d (norms)
    "s30k": (32, 3, 4, 64),
    "s50k": (32, 5, 4, 64),
    "s100k": (48, 5, 8, 96),
    "s150k": (56, 5, 8, 112),
    "s200k": (64, 6, 8, 128),
    "s250k": (72, 6, 8, 144),
    "s300k": (72, 7, 8, 144),
    "s400k": (72, 8, 8, 144),
    "s500k": (80, 9, 8, 160),
    "s600k": (96, 8, 8, 192),
    "s1m": (128, 8, 8, 256),
    "s1500k": (128, 12, 8, 256),
    "s2m": (128, 14, 8, 256),
    "s3000k": (192, 10, 12, 384),
    "s4m": (192, 12, 12, 384),
    "small": (64, 3, 4, 256),
    "medium": (128, 4, 4, 512),
    "builtjes": (128, 8, 8, 512),
    "base": (256, 6, 8, 1024),
}


def missing_keys(model: type[BaseModel], section: dict[str, Any], path: str = "") -> list[str]:
    """Fields of `model` that the composed config does not spell out."""
    missing = []
    for own_name, field in model.model_fields.items():
        name = field.alias or own_name
        key = f"{path}{name}"
        if name not in section:
            missing.append(key)
        elif isinstance(section[name], dict):
            choices = models_in(field.annotation)
            for inner in [m for m in choices if accepts(m, section[name])][:1]:
                missing += missing_keys(inner, section[name], f"{key}.")
    return missing


def accepts(model: type[BaseModel], section: dict[str, Any]) -> bool:
    try:
        model.model_validate(section)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("loop", DISPATCH)
def test_keys_and_fields_are_the_same(loop):
    composed = OmegaConf.to_container(compose([f"loop={loop}"]), resolve=True)
    check_config(composed)  # no key that nobody reads
    sections_of_other_loops = {"classifier", "phase1", "general", "simple"} - composed.keys()
    of_clusters = {"env.storage_root"}
    assert set(missing_keys(RunConfig, composed)) == sections_of_other_loops | of_clusters


def test_every_loop_is_known_everywhere():
    assert DISPATCH.keys() == OBJECTIVES.keys()


def test_defaults_of_the_data_package_are_those_of_the_configs():
    composed = OmegaConf.to_container(compose(["data=events"]).data)
    assert DataConfig.model_validate(composed) == DataConfig()


@pytest.mark.parametrize("size", SIZES)
def test_sizes(size):
    dim, depth, _, mlp_dim = SIZES[size]
    config = check_config(compose([f"classifier/model_size={size}"])).classifier.model
    assert (config.dim, config.depth, config.heads, config.mlp_dim) == SIZES[size]
    spec = ClassifierSpec(model=config, globals={"include_met": False}, norm="zscore")
    model = TransformerClassifier(spec, DataSpec(18, (0, 1, 2, 3), ("background", "4t")))
    attention = 4 * dim**2 + 4 * dim
    feed_forward = 2 * dim * mlp_dim + mlp_dim + dim
    blocks = depth * (attention + feed_forward + 4 * dim)
    id_embedding, cls, final_norm, head = 8 * 8, dim, 2 * dim, 2 * dim + 2
    projection = (5 + 8) * dim + dim  # E, pt, eta, sin phi, cos phi and the id embedding
    expected = blocks + id_embedding + cls + final_norm + head + projection
    assert sum(p.numel() for p in model.parameters()) == expected


@pytest.mark.parametrize(
    ("overrides", "key", "value"),
    [
        (["data/order=pt_ordered"], "data.token_order", "pt_ordered"),
        (["data.sort_tokens_by=pt"], "data.token_order", "pt_ordered"),
        (["data.shuffle_tokens=true"], "data.token_order", "shuffled"),
        (["+classifier/model_size=s1m"], "classifier.model.dim", 128),
        (["classifier/model_size=s1m"], "classifier.model.dim", 128),
        (["classifier/model_size=s1m", "classifier.model.dim=32"], "classifier.model.dim", 32),
        (
            ["loop=mlp_classifier", "+classifier/mlp_size=s1500k"],
            "classifier.model.hidden_sizes",
            (1024, 1024, 384),
        ),
        (["loop=mlp_classifier", "classifier/mlp_size=s200k"], "classifier.model.dropout", 0.1),
        (["loop=bdt_classifier", "+classifier/bdt_size=large"], "classifier.model.max_depth", 10),
        (
            ["loop=bdt_classifier", "classifier/bdt_size=small"],
            "classifier.model.n_estimators",
            100,
        ),
        (["data=h5_tokens", "data.path=x.h5"], "data.path", "x.h5"),
        (["data=h5_tokens", "data.path=[a.h5,b.h5]"], "data.path", ("a.h5", "b.h5")),
        (["data=h5_tokens", "data.path=part_*.h5"], "data.path", "part_*.h5"),
        (["data=h5_tokens", "data.path='part_[12].h5'"], "data.path", "part_[12].h5"),
        (["loop=ae", "phase1/encoder=gnn"], "phase1.encoder.enc_hidden", (128, 128)),
        (["loop=ae", "phase1/latent_space=linear"], "phase1.latent_space.latent_dim", 32),
        (["loop=ae", "phase1.latent_space.codebook_size=64"], "phase1.latent_space.beta", 0.25),
        (["loop=ae", "phase1.anomaly.background='2,3'"], "phase1.anomaly.background", (2, 3)),
        (["loop=ae"], "data.norm", "log_zscore"),
        (["loop=ae", "data=h5_tokens", "data.path=x.h5"], "data.norm", "log_zscore"),
        (["loop=gan_ae", "phase1/encoder=mlp"], "phase1.discriminator.hidden", (64, 64)),
        (["loop=diffusion_ae"], "phase1.decoder.prediction", "v"),
        (["loop=test_mlp"], "data.kind", "toy_regression"),
        (["loop=test_mlp", "data.task=binary"], "data.task", "binary"),
        (
            ["+data.classifier.signal_vs_background={signal:1,background:[2,3]}"],
            "data.classifier.signal_vs_background.background",
            (2, 3),
        ),
        (["data.classifier.selected_labels='1,2'"], "data.classifier.selected_labels", (1, 2)),
    ],
)
def test_overrides_as_they_are_typed(overrides, key, value):
    found: Any = check_config(compose(overrides))
    for name in key.split("."):
        found = getattr(found, name)
    assert found == value


def test_stoomboot_means_real_events(monkeypatch):
    monkeypatch.setenv("USER", "someone")
    config = compose(["env=stoomboot"])
    assert config.data.synthetic is None
    assert config.env.output_root == "/data/atlas/users/someone/outputs"


def test_stoomboot_needs_no_user_in_the_environment(monkeypatch):
    monkeypatch.delenv("USER", raising=False)
    config = compose(["env=stoomboot"])
    name = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    assert config.env.data_root == f"/data/atlas/users/{name}/datasets"


def test_retired_keys_are_named(capsys):
    compose(["data.num_workers=4"])
    assert "data.num_workers is ignored" in capsys.readouterr().err
