"""Pictures of what real runs bring: gaps, one class, one epoch, odd names, large numbers."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from pictures import drawing, settings_for
from thesis_facts.errors import ConfigError
from thesis_loops.config import check_config
from thesis_loops.monitoring.families import FAMILIES
from thesis_loops.monitoring.families.recon import bin_edges
from thesis_loops.monitoring.orchestrator import due_families, handle_event
from thesis_loops.monitoring.payload import Payload
from thesis_loops.monitoring.style import picture

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


def test_what_a_logarithmic_scale_cannot_show(draw):
    made_up = np.random.default_rng(0).uniform(1, 2, (50, 4))
    for true in (np.linspace(-1, 0, 50), np.linspace(0, 9, 50), np.full(50, NAN)):
        arrays = {
            "made_up": {
                "true": np.stack([true] * 4, axis=1), "made_up": made_up, "features": FEATURES,
            },
            "denoising": {"time": [0.5], "momenta": [1.0], "ids": [NAN]},
        }  # fmt: skip
        assert draw("on_test_end", arrays=arrays) == {"diffusion"}


@pytest.mark.parametrize(
    ("finite", "expected"),
    [
        ([0, 1], {"roc", "confusion", "scores"}),
        ([1], {"confusion", "scores"}),  # all of the other class are no numbers
        ([], set()),
    ],
)
def test_only_events_with_finite_logits_count(draw, finite, expected):
    labels = np.arange(40) % 2
    logits = np.random.default_rng(0).normal(size=(40, 2))
    logits[~np.isin(labels, finite), 1] = NAN
    arrays = {"logits": logits, "label": labels, "class_names": ("background", "4t")}
    assert draw("on_test_end", arrays=arrays) == expected


@pytest.mark.parametrize("name", FAMILIES)
def test_no_panel_lies_on_another_and_none_leaves_the_picture(name, tmp_path):
    rng = np.random.default_rng(0)
    values, labels = rng.uniform(1, 90, (200, 4)), np.arange(200) % 2
    features = {"true": values, "features": FEATURES}
    curve = list(np.linspace(0.9, 0.02, 40))
    metrics = ("loss", "auroc", "acc", "rec_tokens", "perplex", "codes_used")
    losses = {f"{split}_{of}": curve for split in ("train", "val") for of in metrics}
    game = dict.fromkeys(("logit_true", "logit_reconstructed", "pull", "hinge"), curve)
    histories = losses | {f"train_{of}": of_game for of, of_game in game.items()}
    histories |= dict.fromkeys(("epoch_time_s", "throughput", "max_memory_mib"), curve)
    arrays = {
        "logits": rng.normal(size=(200, 2)), "label": labels, "class_names": ("ttH+ttW+ttZ", "4t"),
        "reconstruction": features | {"reconstructed": values},
        "made_up": features | {"made_up": values},
        "denoising": {"time": [0.1, 0.9], "momenta": [1.0, 0.8], "ids": [0.9, 0.2]},
        "codes": labels[:, None], "codebook_size": 512,
    }  # fmt: skip
    payload, figures = Payload(tmp_path, 39, "test", histories, arrays), []
    assert FAMILIES[name].has_inputs(payload)
    picture(lambda: figures.append(FAMILIES[name].draw(payload)) or figures[0], "a run", "png", 50)
    (figure,) = figures
    boxes = [axes.get_tightbbox() for axes in figure.axes if axes.axison]
    assert not [(a, b) for a, b in combinations(boxes, 2) if a.overlaps(b)]
    width, height = figure.bbox.size
    assert all(b.x0 >= -1 and b.x1 <= width + 1 for b in boxes)
    assert all(b.y0 >= -1 and b.y1 <= height + 1 for b in boxes)


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
        ("make_plots", True, ["logging", "make_plots needs families"]),
        ("families", {"rocs": True}, ["logging.families.rocs", "unknown key"]),
        ("moments", {"on_epoch_end": True}, ["logging.moments.on_epoch_end", "unknown key"]),
    ],
)
def test_mistakes_in_the_config(config, key, value, words):
    with pytest.raises(ConfigError) as refused:
        check_config(config("test_mlp", **{f"logging__{key}": value}))
    assert all(word in str(refused.value) for word in words), str(refused.value)


def test_pictures_need_to_be_told_their_share(config):
    told = drawing()
    assert check_config(config("test_mlp", **told)).logging.plots_time_share is None
    del told["logging__plots_time_share"]
    with pytest.raises(ConfigError, match=r"make_plots needs plots_time_share.*logging"):
        check_config(config("test_mlp", **told))


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
