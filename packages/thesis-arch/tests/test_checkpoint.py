"""Files that are no checkpoints of ours, and configs that are typed wrongly."""

import os
import pickle
import re

import pytest
import torch
from pydantic import ValidationError

from small_models import classifier_spec
from thesis_arch import CheckpointError, DataSpec, SimpleMLP, SimpleMLPConfig, load_model
from thesis_arch import model_payload as payload_of
from thesis_arch.simple.config import TableSpec


@pytest.fixture
def payload(build):
    return payload_of(build(classifier_spec()))


def test_torn_file(payload, tmp_path):
    path = tmp_path / "best_val.pt"
    torch.save(payload, path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(CheckpointError, match="it is truncated"):
        load_model(path)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x00" * 100])
def test_foreign_file(content, tmp_path):
    path = tmp_path / "best_val.pt"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=re.escape(str(path))):
        load_model(path)


def test_a_checkpoint_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    path = tmp_path / "best_val.pt"
    with open(path, "wb") as file:
        pickle.dump({"format_version": Evil()}, file, protocol=2)
    with pytest.raises(CheckpointError):
        load_model(path)
    torch.save({"format_version": 1, "architecture": Evil()}, path)
    with pytest.raises(CheckpointError):
        load_model(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 99}, "version 99"),
        ({"architecture": "os.system"}, r"expected one of .*'simple_mlp'"),
        ({"config": {}}, "does not fit"),
        ({"weights": {}}, "does not fit"),
        ({"spec": []}, "does not fit"),
        ({"spec": {"n_tokens": 18, "cont_features": [0, 9], "class_names": ["a", "b"]}}, "0..3"),
    ],
)
def test_content_that_does_not_fit(payload, change, message, tmp_path):
    torch.save(payload | change, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=message):
        load_model(tmp_path / "x.pt")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such checkpoint"):
        load_model(tmp_path / "x.pt")


def test_last_pt_wraps_the_same_model(payload, tmp_path):
    torch.save({"model": payload, "epoch": 3}, tmp_path / "last.pt")
    weights = load_model(tmp_path / "last.pt").state_dict()
    assert all(torch.equal(weights[name], values) for name, values in payload["weights"].items())


def test_simple_mlp_round_trip(tmp_path):
    config = SimpleMLPConfig(hidden_sizes=(8,), dropout=0.1, activation="silu", use_batch_norm=True)
    model = SimpleMLP(config, TableSpec(n_features=3, n_outputs=1))
    rows = type("Rows", (), {"x": torch.randn(50, 3) * 7 + 2})()
    model.fit_statistics([rows])
    model(rows)  # moves the statistics of the batch norm
    torch.save(payload_of(model.eval()), tmp_path / "x.pt")
    expected = model.event_scores(rows)["outputs"]
    assert torch.equal(load_model(tmp_path / "x.pt").event_scores(rows)["outputs"], expected)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": 5}, "not a multiple of heads"),
        ({"attention_biases": "lorentz"}, "lorentz_scalar"),
        ({"bias_config__lorentz_scalar__features": ["mass"]}, "log_m2"),
        ({"head__pooling": "sum"}, "'cls', 'mean' or 'max'"),
        ({"widht": 3}, "widht"),
    ],
)
def test_wrong_values_name_what_is_allowed(change, message):
    with pytest.raises(ValidationError, match=message):
        classifier_spec(**change)


def test_features_of_the_data_are_checked():
    with pytest.raises(ValueError, match=r"data.cont_features.*0\.\.3"):
        DataSpec(18, (0, 4), ("a", "b"))
