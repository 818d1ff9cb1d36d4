"""Pictures of what real runs bring: gaps, one class, one epoch, odd names, large numbers."""

from pathlib import Path

import numpy as np
import pytest

from pictures import settings_for
from thesis_facts.errors import ConfigError
from thesis_loops.config import check_config
from thesis_loops.monitoring.families import FAMILIES
from thesis_loops.monitoring.families.recon import bin_edges
from thesis_loops.monitoring.orchestrator import due_families, handle_event
from thesis_loops.monitoring.payload import Payload

NAN = float("nan")
FEATURES = ("E", "Pt", "eta", "phi")


@pytest.fixture
def draw(tmp_path, caplog):
    """`draw(moment, …)`: names of the families that were drawn, once nothing was complained of."""

    def run(moment, **fields):
        payload = Payload(tmp_path / "run_$1_of_$2", fields.pop("epoch", 0), **fields)
        paths = handle_event(settings_for(), FAMILIES, moment, payload)
        assert not caplog.records
        assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths)
        return {path.name.partition("-")[0] for path in paths}

    return run


@pytest.mark.parametrize(
    ("train", "val", "expected"),
    [
        ([1.0], [2.0], {"losses"}),
        ([1.0, NAN, None, 1e-9], [NAN, 2.0, 1e9, None], {"losses"}),
        ([0.0, -1.0], [-2.0, 0.0], {"losses"}),
        ([1.0, 1.0], [NAN, None], {"losses"}),
        ([1.0, 0.9, NAN], [], {"losses"}),
        ([NAN], [None], set()),
        ([], [], set()),
        (list(np.linspace(2, 1, 300)), list(np.linspace(3, 2, 300)), {"losses"}),
    ],
)
def test_losses_with_gaps(draw, train, val, expected):
    assert draw("on_train_end_full", histories={"train_loss": train, "val_loss": val}) == expected


def test_curves_of_one_epoch_and_of_unknown_metrics(draw):
    histories = {
        "train_loss": [1.0], "val_loss": [1.0], "val_some_new_metric": [0.3], "val_auroc": [NAN],
        "val_perplex": [1.0], "val_codes_used": [1.0], "epoch_time_s": [0.0], "throughput": [0.0],
        "max_memory_mib": [None], "train_logit_true": [0.1], "train_logit_reconstructed": [-0.1],
        "train_pull": [1e4], "train_hinge": [2.0],
    }  # fmt: skip
    arrays = {"codes": np.array([[0, -1], [0, 0]]), "codebook_size": 1}
    expected = {"losses", "metrics", "latency", "codebook", "adversarial"}
    assert draw("on_epoch_end_quick", histories=histories, arrays=arrays) == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([0, 1] * 20, {"roc", "confusion", "scores"}),
        ([1] * 40, {"confusion", "scores"}),
        ([-1] * 40, set()),
        ([], set()),
    ],
)
def test_classes_that_are_there(draw, labels, expected):
    arrays = {
        "logits": np.random.default_rng(0).normal(size=(len(labels), 2)),
        "label": np.array(labels, dtype=np.int64),
        "class_names": ("_all$else", "4t"),
    }
    assert draw("on_validation_end", arrays=arrays) == expected


def test_many_classes_signed_weights_and_a_logit_that_is_no_number(draw):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 8, 500)
    logits = rng.normal(size=(500, 8)) + 2 * np.eye(8)[labels]
    logits[3, 2] = NAN
    arrays = {
        "logits": logits,
        "label": labels,
        "weight": np.where(rng.random(500) < 0.1, -1.0, 1.0),
        "class_names": tuple(f"a rather long process {i}" for i in range(8)),
    }
    assert draw("on_test_end", split="test", arrays=arrays) == {"roc", "confusion", "scores"}


def test_reconstructions_that_make_no_sense(draw):
    true = np.random.default_rng(0).uniform(1, 2, (50, 4))
    wild = np.full((50, 4), NAN)
    wild[::2] = -1e30
    arrays = {
        "reconstruction": {"true": true, "reconstructed": wild, "features": FEATURES},
        "made_up": {"true": true, "made_up": wild, "features": FEATURES},
        "denoising": {"time": [0.5], "momenta": [1.0], "ids": [NAN]},
    }
    assert draw("on_test_end", arrays=arrays) == {"recon", "diffusion"}
    constant = np.full((5, 4), 7.0)
    same = {"true": constant, "reconstructed": constant, "features": FEATURES}
    assert draw("on_test_end", arrays={"reconstruction": same}) == {"recon"}
    nothing = {"true": wild[:0], "reconstructed": wild[:0], "features": ("eta",)}
    assert draw("on_test_end", arrays={"reconstruction": nothing}) == {"recon"}


def test_what_costs_time_is_only_made_to_be_drawn(tmp_path):
    def make():
        raise AssertionError("nobody asked")

    payload = Payload(tmp_path, 0, arrays={"reconstruction": make})
    assert due_families(settings_for(), FAMILIES, "on_validation_end", payload) == ["recon"]
    assert not due_families(settings_for(), FAMILIES, "on_epoch_end_quick", payload)


def test_bins_hold_what_is_shown():
    values = np.random.default_rng(0).exponential(50, 10_000)
    for name in FEATURES:
        edges = bin_edges(name, values)
        assert (np.diff(edges) > 0).all()
    assert bin_edges("phi", values)[[0, -1]] == pytest.approx([-np.pi, np.pi])
    inside = (values >= bin_edges("Pt", values)[0]) & (values <= bin_edges("Pt", values)[-1])
    assert 0.995 < inside.mean() < 1


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("file_naming", "{famly}-{moment}", ["logging.file_naming", "{famly}", "{epoch_or_step}"]),
        ("file_naming", "{family}", ["logging.file_naming", "{moment}"]),
        ("file_naming", "{family}{moment", ["logging.file_naming", "{family}{moment"]),
        ("file_naming", "{family}/{moment}", ["logging.file_naming", "a file name"]),
        ("file_naming", "{family.real}{moment}", ["logging.file_naming", "a file name"]),
        ("figures_subdir", "../elsewhere", ["logging.figures_subdir", "../elsewhere", "inside"]),
        ("figures_subdir", "/tmp/figures", ["logging.figures_subdir", "/tmp/figures"]),
        ("figures_subdir", "", ["logging.figures_subdir", "inside"]),
        ("fig_format", "gif", ["logging.fig_format", "gif", "png"]),
        ("dpi", 5, ["logging.dpi", "5", "30"]),
        ("plots_time_share", 2, ["logging.plots_time_share", "2", "1"]),
        ("families", {"rocs": True}, ["logging.families.rocs", "unknown key"]),
        ("moments", {"on_epoch_end": True}, ["logging.moments.on_epoch_end", "unknown key"]),
    ],
)
def test_mistakes_in_the_config(config, key, value, words):
    with pytest.raises(ConfigError) as refused:
        check_config(config("test_mlp", **{f"logging__{key}": value}))
    assert all(word in str(refused.value) for word in words), str(refused.value)


def test_a_name_without_the_epoch_keeps_the_last_picture(tmp_path):
    settings = settings_for(file_naming="{family}-{moment}")
    for epoch in range(2):
        histories = {"train_loss": [1.0] * (epoch + 1)}
        handle_event(
            settings, FAMILIES, "on_epoch_end_quick", Payload(tmp_path, epoch, histories=histories)
        )
    assert [p.relative_to(tmp_path) for p in tmp_path.rglob("*.png")] == [
        Path("figures/losses-on_epoch_end_quick.png")
    ]
