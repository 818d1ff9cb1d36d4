"""Vectors of object ids: what is alike beyond chance, and what can't be looked at."""

import json
import math
import sys

import numpy as np
import pytest

from thesis_facts.errors import ConfigError, RunError
from thesis_reports import registry
from thesis_reports.analyses.analyze_pid_embeddings import FIGURES
from thesis_reports.interpretability import embedding_geometry as geometry
from thesis_reports.interpretability.epoch_files import epochs_at_hand, read_nearest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.inference

DIMENSION = 16
NAME = "analyze_pid_embeddings"


@pytest.fixture(autouse=True)
def known(monkeypatch):
    monkeypatch.setitem(registry.ANALYSES, NAME, f"thesis_reports.analyses.{NAME}")


def weight_of(seed: int, epoch: int) -> np.ndarray:
    """b-jets begin at random and end where jets are; all else stays where it began."""
    weight = np.random.default_rng(seed).standard_normal((8, DIMENSION)).astype(np.float32)
    share = epoch / 4
    weight[2] = (1 - share) * weight[2] + share * 1.5 * weight[1]
    return weight


def write_epoch(run_dir, epoch: int, content) -> None:
    folder = run_dir / "interpretability"
    folder.mkdir(exist_ok=True)
    torch.save(content, folder / f"epoch_{epoch}.pt")


@pytest.fixture
def runs(tmp_path, write_run, config_of):
    root = tmp_path / "outputs" / "runs"
    for seed in (1, 2, 3):
        run_dir = root / f"run_20260101-120000_ids_{seed}"
        write_run(run_dir, config_of(seed, tokenizer={"name": "identity", "pid_mode": "learned"}))
        for epoch in range(5):
            weight = torch.from_numpy(weight_of(seed, epoch))
            write_epoch(run_dir, epoch, {"pid_embedding": {"weight": weight}})
    return root


def report_on(report_of, root, **cfg):
    written = report_of({"report_name": NAME, "inputs": {"run_dirs": f"{root}/*"}} | cfg)
    return written, json.loads((written / "training" / "summary.json").read_text())


def test_what_was_made_alike_is_found_beyond_chance_and_nothing_else(runs, report_of):
    _, found = report_on(report_of, runs)
    (setting,) = found["settings"]
    beyond = [pair["pair"] for pair in setting["pairs"] if pair["p_holm"] < 0.05]
    assert beyond == ["jet and b-jet"]
    assert setting["chance"] == pytest.approx(1 / math.sqrt(3 * DIMENSION))
    assert "jet and b-jet are most alike" in found["answer"]
    assert "1 of 21 pairs are beyond chance" in found["answer"]


def test_cosines_and_changes_are_means_over_seeds(runs, report_of):
    _, found = report_on(report_of, runs)
    pairs = {pair["pair"]: pair for pair in found["settings"][0]["pairs"]}

    def cosine(seed, epoch, first, second):
        a, b = weight_of(seed, epoch)[[first, second]].astype(float)
        return sum(a * b) / math.sqrt(sum(a * a) * sum(b * b))

    last = [cosine(seed, 4, 2, 7) for seed in (1, 2, 3)]
    first = [cosine(seed, 0, 2, 7) for seed in (1, 2, 3)]
    row = pairs["b-jet and photon"]
    assert row["mean"] == pytest.approx(np.mean(last), abs=1e-6)
    assert row["sd"] == pytest.approx(np.std(last, ddof=1), abs=1e-6)
    assert row["change"] == pytest.approx(np.mean(np.subtract(last, first)), abs=1e-6)
    assert pairs["e+ and e−"]["change"] == pytest.approx(0)


def test_random_directions_scatter_as_the_null_says():
    vectors = np.random.default_rng(0).standard_normal((3000, 7, DIMENSION))
    one = geometry.cosines(vectors)[:, 1, 0]
    assert one.std() == pytest.approx(geometry.chance(DIMENSION), rel=0.05)
    assert (geometry.p_values([0.2], DIMENSION, 1) > 0.3).all()


def test_vectors_that_stayed_are_said_to_tell_of_the_first_epoch(
    tmp_path, write_run, config_of, report_of
):
    root = tmp_path / "outputs" / "runs"
    for dim in (32, 64):  # the same seed: the same start
        run_dir = root / f"run_20260101-120000_still_{dim}"
        write_run(run_dir, config_of(1, dim))
        for epoch in (0, 4):
            weight = torch.from_numpy(weight_of(1, 0))
            write_epoch(run_dir, epoch, {"pid_embedding": {"weight": weight}})
    written, found = report_on(report_of, root)
    # the first file is written once an epoch is over: how training began is not on file
    assert "those that the vectors had after the first epoch" in found["answer"]
    assert "began with" not in found["answer"]
    page = (written / "report.html").read_text()
    assert "nearly the same vectors after the first epoch" in page
    assert "is no evidence" in page


def test_a_plane_keeps_distances_of_flat_vectors():
    flat = np.random.default_rng(1).standard_normal((7, 2)) @ np.array([[3.0, 0, 0], [0, 0, 1]])
    points, explained = geometry.principal_plane(flat)
    apart = np.linalg.norm(points[0] - points[3])
    assert apart == pytest.approx(np.linalg.norm(flat[0] - flat[3]))
    assert explained.sum() == pytest.approx(1)
    assert geometry.principal_plane(flat[:, :1])[0].shape == (7, 2)


def test_all_figures_are_drawn(runs, report_of):
    written, _ = report_on(report_of, runs, outputs={"which_figures": None, "fig_format": ["png"]})
    assert {path.stem for path in (written / "training" / "figures").iterdir()} == set(FIGURES)


def test_runs_that_have_nothing_to_look_at_are_named(runs, report_of, write_run, config_of):
    prefix = "run_20260101-120000_other"
    for place, mode in enumerate(("one_hot", "fixed_random"), start=4):
        config = config_of(place, tokenizer={"name": "identity", "pid_mode": mode})
        write_run(runs / f"{prefix}_{place}", config)
    write_run(runs / f"{prefix}_6", config_of(6, tokenizer={"name": "raw", "pid_mode": "learned"}))
    write_run(runs / f"{prefix}_7", config_of(7))
    for place, weight in ((8, torch.zeros(5, 3)), (9, torch.full((8, 3), torch.nan))):
        write_run(runs / f"{prefix}_{place}", config_of(place))
        write_epoch(runs / f"{prefix}_{place}", 4, {"pid_embedding": {"weight": weight}})
    torn = runs / "run_20260101-120000_ids_3" / "interpretability" / "epoch_4.pt"
    torn.write_bytes(torn.read_bytes()[:500])
    written, found = report_on(report_of, runs)
    reasons = {row["run_dir"]: row["reason"] for row in found["left_out"]}
    said = {
        "other_4": "one_hot", "other_5": "fixed_random", "other_6": "raw",
        "other_7": "log_pid_embeddings=true", "other_8": "[5, 3]", "other_9": "not finite",
        "ids_3": "torn",
    }  # fmt: skip
    assert reasons.keys() == said.keys()
    assert all(said[name] in reasons[name] for name in said)
    assert found["settings"][0]["n_seeds"] == 2
    assert "Runs without an embedding" in (written / "report.html").read_text()


def test_the_nearest_earlier_epoch_is_read(tmp_path):
    for epoch in (0, 2, 7, 10):
        write_epoch(tmp_path, epoch, {"pid_embedding": {"weight": torch.full((1,), float(epoch))}})
    (tmp_path / "interpretability" / "epoch_x.pt").write_bytes(b"")
    assert epochs_at_hand(tmp_path) == [0, 2, 7, 10]
    epoch, parts = read_nearest(tmp_path, 6.0, ["pid_embedding"])
    assert (epoch, float(parts["pid_embedding"]["weight"][0])) == (2, 2.0)
    assert read_nearest(tmp_path, math.nan, ["pid_embedding"])[0] == 10
    with pytest.raises(RunError, match="no attention_maps were recorded up to the best epoch, 7"):
        read_nearest(tmp_path, 6, ["attention_maps"])


def test_what_training_does_not_write_is_refused(tmp_path):
    write_epoch(tmp_path, 0, {"pid_embedding": [1, 2]})
    with pytest.raises(RunError, match="not what training writes"):
        read_nearest(tmp_path, 0, ["pid_embedding"])
    write_epoch(tmp_path, 0, [1])
    with pytest.raises(RunError, match="not what training writes"):
        read_nearest(tmp_path, 0, ["pid_embedding"])


def test_a_single_epoch_tells_nothing_of_training(tmp_path, write_run, config_of, report_of):
    run_dir = tmp_path / "outputs" / "runs" / "run_20260101-120000_one"
    write_run(run_dir, config_of(1))
    weight = torch.from_numpy(weight_of(1, 4))
    write_epoch(run_dir, 4, {"pid_embedding": {"weight": weight}})
    written, found = report_on(
        report_of,
        run_dir.parent,
        outputs={"which_figures": ["change", "norms"], "fig_format": ["png"]},
    )
    assert "a single epoch" in found["answer"]
    assert "change" not in {path.stem for path in (written / "training" / "figures").iterdir()}


def test_no_run_at_all_is_said(tmp_path, write_run, config_of, report_of):
    root = tmp_path / "outputs" / "runs"
    write_run(root / "run_20260101-120000_bare", config_of(1))
    _, found = report_on(report_of, root)
    assert "No run has learned vectors" in found["answer"]


def test_without_torch_the_user_is_told_what_to_install(runs, report_of, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ConfigError, match=r"thesis-reports\[inference\]"):
        report_on(report_of, runs)


def test_hostile_names_stay_text(tmp_path, write_run, config_of, report_of):
    hostile = "<script>alert(1)</script>$_x"
    root = tmp_path / "outputs" / "runs"
    for seed, norm in ((1, hostile), (2, "pre")):
        run_dir = root / f"run_20260101-120000_{seed}"
        write_run(run_dir, config_of(seed, norm={"type": norm}))
        for epoch in (0, 4):
            weight = torch.from_numpy(weight_of(seed, epoch))
            write_epoch(run_dir, epoch, {"pid_embedding": {"weight": weight}})
    written, _ = report_on(
        report_of, root, outputs={"which_figures": ["cosine"], "fig_format": ["png"]}
    )
    assert "<script>alert" not in (written / "report.html").read_text()
