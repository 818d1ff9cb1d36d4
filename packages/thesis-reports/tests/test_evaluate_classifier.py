"""Classifiers judged: numbers against direct formulas, what is found, what can't be judged."""

import json
import re

import numpy as np
import pytest

from thesis_facts import Scores, write_scores
from thesis_facts.errors import ConfigError
from thesis_reports.analyses.evaluate_classifier import FIGURES, run_report

N_EVENTS = 1200
BINARY = ("ttH+ttW+ttWW+ttZ", "4t")
FIVE = ("4t", "ttH", "ttW", "ttWW", "ttZ")


def make_events(seed, n_events=N_EVENTS, weighted=False):
    """Truth, what all models know of it, and the columns of a split."""
    draw = np.random.default_rng(seed)
    is_signal = draw.random(n_events) < 0.5
    process = np.where(is_signal, 1, draw.integers(2, 6, n_events))
    jets = draw.poisson(6 + 3 * is_signal)
    columns = {
        "n_jets": jets,
        "n_bjets": draw.poisson(2 + is_signal),
        "n_leptons": draw.integers(0, 3, n_events),
        "ht": 80.0 * jets + draw.exponential(100, n_events),
        "met": draw.exponential(60, n_events),
    }
    weights = None
    if weighted:
        weights = draw.uniform(0.5, 2, n_events) * np.where(draw.random(n_events) < 0.1, -1, 1)
    return is_signal, process, draw.standard_normal(n_events), columns, weights


def scores_of(events, separation, seed, names=BINARY, noise=0.1, **left_out):
    is_signal, process, chance, columns, weights = events
    own = np.random.default_rng(seed).standard_normal(len(is_signal))
    margin = separation * ((is_signal - 0.5) * separation + chance + noise * own)
    if names == FIVE:
        labels = process - 1
        rest = 0.8 * np.eye(5)[labels][:, 1:] - np.log(4)
        logits = np.column_stack([margin, rest])
    else:
        labels, logits = is_signal.astype(int), np.stack([-margin, margin], axis=1) / 2
    known = {"process": process, "columns": columns, "weights": weights} | left_out
    return Scores(logits, labels, names, **known)


@pytest.fixture
def write_runs(tmp_path, write_run, config_of):
    """Three seeds each of some dims, that separate differently well."""

    def write(separations, *, seeds=(1, 2, 3), weighted=False, norm="pre", **options):
        root, brief = tmp_path / "outputs" / "runs", {"with_scores": False, "n_epochs": 1}
        splits = {
            "val": make_events(1, weighted=weighted),
            "test": make_events(2, weighted=weighted),
        }
        for dim, separation in separations.items():
            for seed in seeds:
                run_dir = root / f"run_20260101-120000_{dim}_{seed}{'' if norm == 'pre' else 'x'}"
                write_run(run_dir, config_of(seed, dim, norm={"type": norm}), **brief)
                for split, events in splits.items():
                    own = (dim, seed, split == "val", norm == "pre")
                    write_scores(run_dir, split, scores_of(events, separation, own, **options))
        return root

    return write


def report_on(root, figures=(), **evaluate):
    run_report(
        {
            "inputs": {"run_dirs": f"{root}/*"},
            "outputs": {"which_figures": list(figures), "fig_format": ["png"], "dpi": 50},
            "evaluate": {"bootstrap": 150} | evaluate,
        }
    )
    written = max(
        (root.parent / "reports").glob("report_*"), key=lambda path: path.stat().st_mtime_ns
    )
    return written, json.loads((written / "training" / "summary.json").read_text())


def pairwise_auroc(score, is_signal, weights):
    """By the definition, pair by pair."""
    s, b = score[is_signal][:, None], score[~is_signal][None]
    w = weights[is_signal][:, None] * weights[~is_signal][None]
    return float((w * ((s > b) + 0.5 * (s == b))).sum() / w.sum())


@pytest.mark.parametrize("weighted", [False, True])
def test_numbers_are_those_of_direct_formulas(write_runs, weighted):
    root = write_runs({64: 1.6}, seeds=(1,), weighted=weighted)
    _, found = report_on(root)
    archive = np.load(root / "run_20260101-120000_64_1" / "scores" / "test.npz")
    margin = archive["logits"][:, 1] - archive["logits"][:, 0]
    is_signal = archive["labels"] == 1
    w = archive["weights"] if weighted else np.ones(N_EVENTS)
    (run,) = found["models"][0]["runs"]
    assert run["auroc"][0] == pytest.approx(pairwise_auroc(margin, is_signal, w))
    right = (margin > 0) == is_signal
    assert run["acc"][0] == pytest.approx(w[right].sum() / w.sum())
    loss = np.log1p(np.exp(np.where(is_signal, -margin, margin)))
    assert run["log_loss"][0] == pytest.approx((w * loss).sum() / w.sum())
    if not weighted:
        cut = np.quantile(margin[is_signal], 0.5)
        assert run["rejection_at_0.5"][0] == pytest.approx(
            1 / (margin[~is_signal] > cut).mean(), rel=0.02
        )
    # the cut comes from the validation split, what is behind it from the test split
    passing = margin >= run["cut"]
    s = 3600 * w[passing & is_signal].sum() / w[is_signal].sum()
    b = 240_000 * w[passing & ~is_signal].sum() / w[~is_signal].sum()
    assert run["simple"][0] == pytest.approx(s / np.sqrt(b + (0.1 * b) ** 2))
    variance = (0.1 * b) ** 2
    asimov = (s + b) * np.log((s + b) * (b + variance) / (b**2 + (s + b) * variance))
    asimov -= b**2 / variance * np.log(1 + variance * s / (b * (b + variance)))
    assert run["asimov"][0] == pytest.approx(np.sqrt(2 * asimov))


def test_what_is_better_is_found_and_what_is_equal_is_not(write_runs):
    _, found = report_on(write_runs({32: 1.3, 64: 1.3, 128: 1.8}))
    assert found["models"][0]["label"] == "dim=128"
    assert [one["label"] for one in found["comparisons"]] == [
        "AUROC",
        "ln 1/ε_B at ε_S = 0.5",
        "log loss",
    ]
    assert all(row["p_holm"] < 0.01 for one in found["comparisons"] for row in one["rows"])
    assert "2 of 2 others differ" in found["answer"]
    assert "(worse)" in found["answer"]


def test_equal_models_are_not_called_different(write_runs):
    _, found = report_on(write_runs({32: 1.5, 64: 1.5}))
    assert all(row["p_holm"] > 0.05 for one in found["comparisons"] for row in one["rows"])
    assert "nothing tells it from the other model by more than chance" in found["answer"]
    assert "would have been found in four cases of five" in found["answer"]


def test_all_figures_are_drawn(write_runs):
    write_runs({32: 1.5}, seeds=(1, 2), weighted=True, norm="<b>$pre_")
    root = write_runs({32: 1.6}, seeds=(1, 2), weighted=True)
    written, _ = report_on(root, FIGURES)
    assert {path.stem for path in (written / "training" / "figures").iterdir()} == {*FIGURES} - {
        "corruptions"
    }
    page = (written / "report.html").read_text()
    assert "<b>$pre" not in page
    assert "Test split, 1,200 events, weighted" in page


def test_of_many_classes_the_one_that_is_4t_is_looked_for(write_runs):
    root = write_runs({64: 1.5}, names=FIVE)
    written, found = report_on(root, ["processes", "confusion"])
    assert found["signal"] == "4t"
    archive = np.load(root / "run_20260101-120000_64_1" / "scores" / "test.npz")
    odds = archive["logits"][:, 0] - np.log(np.exp(archive["logits"][:, 1:]).sum(axis=1))
    expected = pairwise_auroc(odds, archive["labels"] == 0, np.ones(N_EVENTS))
    assert found["models"][0]["runs"][0]["auroc"][0] == pytest.approx(expected)
    assert "There is no other model" in found["answer"]
    assert "Each class is one process" in (written / "report.html").read_text()
    _, of_another = report_on(root, signal="ttH")
    assert of_another["signal"] == "ttH"


def test_a_background_class_without_events_stays_empty(write_runs):
    root = write_runs({64: 1.5}, seeds=(1,), names=FIVE)
    is_signal, process, *rest = make_events(2)
    events = (is_signal, np.where(process == 5, 4, process), *rest)
    write_scores(next(root.iterdir()), "test", scores_of(events, 1.5, 0, FIVE))
    written, _ = report_on(root, ["confusion", "scores", "rejection_by_process"])
    figures = written / "training" / "figures"
    assert "ttZ,4t,,,0" in (figures / "confusion.csv").read_text()
    assert "ttZ" not in (figures / "rejection_by_process.csv").read_text()
    assert "ttZ –" in (written / "report.html").read_text()


def test_on_validation_the_page_says_that_numbers_flatter(write_runs):
    written, found = report_on(write_runs({32: 1.5, 64: 1.6}, seeds=(1,)), split="val")
    assert found["split"] == "val"
    (run,) = found["models"][0]["runs"]
    assert run["auroc"][0] == run["val_auroc"]
    assert "their numbers flatter" in (written / "report.html").read_text()


def test_runs_that_can_not_be_judged_are_named(write_runs):
    root = write_runs({32: 1.5, 64: 1.5})
    scores = [root / f"run_20260101-120000_32_{seed}" / "scores" / "test.npz" for seed in (1, 2, 3)]
    scores[0].write_bytes(scores[0].read_bytes()[:200])
    write_scores(scores[1].parents[1], "test", scores_of(make_events(5), 1.5, 0))
    nothing = scores_of(make_events(2), np.nan, 0)
    write_scores(scores[2].parents[1], "test", nothing)
    written, found = report_on(root)
    reasons = {row["run"]: row["reason"] for row in found["left_out"]}
    assert "other events" in reasons["32_2"]
    assert "NaN" in reasons["32_3"]
    assert len(reasons) == 3
    assert [model["label"] for model in found["models"]] == ["dim=64"]
    assert "other events" in (written / "report.html").read_text()


def test_without_process_and_columns_figures_say_so(write_runs):
    root = write_runs({32: 1.5, 64: 1.5}, seeds=(1,), process=None, columns={})
    missing = ["processes", "rejection_by_process", "efficiency_ht", "efficiency_jets", "slices"]
    written, _ = report_on(root, ["scores", *missing])
    drawn = {path.stem for path in (written / "training" / "figures").iterdir()}
    assert drawn == {"scores"}
    page = (written / "report.html").read_text()
    assert "inference.enabled=true" in page
    assert "No model has two seeds" in page


def test_a_class_without_events_leaves_nothing_to_judge(write_runs):
    root = write_runs({64: 1.5}, seeds=(1,))
    events = make_events(2)
    events = (np.zeros_like(events[0]), *events[1:])
    write_scores(next(root.iterdir()), "test", scores_of(events, 1.5, 0))
    _, found = report_on(root, FIGURES)
    assert found["models"] == []
    assert "No run has scores" in found["answer"]
    assert "no events" in found["left_out"][0]["reason"]


def test_where_no_background_passes_there_are_limits(write_runs):
    root = write_runs({32: 9.0, 64: 9.0}, seeds=(1, 2))
    written, found = report_on(root, ["roc", "significance", "rejection_by_process"])
    run = found["models"][0]["runs"][0]
    n_background = np.count_nonzero(~make_events(2)[0])
    assert run["rejection_at_0.5"][0] is None
    assert run["lower_limits"]["rejection_at_0.5"] == pytest.approx(
        1 / (1 - 0.05 ** (1 / n_background))
    )
    assert "keeps less than one background event in" in found["answer"]
    assert [one["label"] for one in found["comparisons"]] == ["AUROC", "log loss"]
    assert "too few to compare" in (written / "report.html").read_text()


def test_figures_show_the_best_and_tables_all(write_runs):
    written, found = report_on(
        write_runs({8: 1.2, 32: 1.5, 64: 1.8}, seeds=(1,)), ["roc"], most_models=2
    )
    drawn = (written / "training" / "figures" / "roc.csv").read_text()
    assert "dim=64" in drawn
    assert "dim=8" not in drawn
    assert len(found["models"]) == 3
    assert "the 2 best on validation of 3 models" in (written / "report.html").read_text()


def test_the_same_runs_give_the_same_numbers(write_runs):
    root = write_runs({32: 1.5, 64: 1.6}, seeds=(1, 2))
    (_, first), (_, second) = report_on(root), report_on(root)
    assert first | {"report_id": ""} == second | {"report_id": ""}


@pytest.mark.parametrize(
    ("evaluate", "key", "said"),
    [
        ({"signal": "tth"}, "evaluate.signal", "4t"),
        ({"axes": ["dims"]}, "evaluate.axes", "dim"),
        ({"working_points": [0.5, 1.5]}, "evaluate.working_points", "1.5"),
        ({"bootstrap": 3}, "evaluate.bootstrap", "50"),
    ],
)
def test_mistakes_are_named(write_runs, evaluate, key, said):
    root = write_runs({32: 1.5, 64: 1.5}, seeds=(1,))
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        report_on(root, **evaluate)
    assert key in str(caught.value)


def test_another_ranking_is_refused(write_runs):
    inputs = {"run_dirs": f"{write_runs({32: 1.5}, seeds=(1,))}/*"}
    with pytest.raises(ConfigError, match=r"rank_by: found acc"):
        run_report({"inputs": inputs, "rank_by": "acc"})


def test_a_sweep_of_crashed_runs_is_no_error(tmp_path, write_run, config_of):
    root = tmp_path / "outputs" / "runs"
    write_run(root / "run_20260101-120000_a", config_of(1), end="crashed")
    _, found = report_on(root)
    assert found["models"] == []
    assert "No run has scores" in found["answer"]
