"""Cost against quality: known laws are found, others refused, the front is of validation."""

import json
import re

import numpy as np
import pytest
from scipy import stats

from thesis_facts import Scores, write_json, write_scores
from thesis_facts.errors import ConfigError
from thesis_facts.evaluation import FORMAT, VERSION, write_evaluation
from thesis_reports import registry
from thesis_reports.analyses.scaling import FIGURES, run_report
from thesis_reports.comparison import Group
from thesis_reports.costs.measured import on_the_front
from thesis_reports.costs.power_law import fit_power_law, why_no_fit
from thesis_reports.verify import verify_report

NAMES = ("background", "4t")
N_EVENTS = 1500
DIMS = {16: 0.6, 32: 1.0, 64: 1.5, 128: 1.9}
HERE = {"device": "cpu", "device_name": "a", "threads": 1}


def cost_of(dim, **how):
    latency = {"1": {"median_ms": 0.1 * dim}, "512": {"median_ms": 1.0 * dim}}
    return {**HERE, **how, "latency": latency, "flops_per_event": 1e4 * dim}


def write_size(root, write_run, config_of, dim, seed, separation, *, cost="own", **model):
    run_dir = root / f"run_20260101-120000_{dim}_{seed}"
    config = config_of(seed, dim, **model)
    write_run(run_dir, config, with_scores=False, n_epochs=1)
    write_json(run_dir / "facts" / "axes.json", {"dim": dim, "n_parameters": 100 * dim})
    draw = np.random.default_rng(0)
    labels, chance = draw.integers(0, 2, N_EVENTS), draw.standard_normal(N_EVENTS)
    own = np.random.default_rng([seed, dim]).standard_normal(N_EVENTS)
    for split in ("val", "test"):
        margin = separation * (labels - 0.5) + chance + 0.1 * own
        write_scores(run_dir, split, Scores(np.stack([-margin, margin], 1), labels, NAMES))
    if cost is not None:
        write_evaluation(
            run_dir,
            {
                "format": FORMAT,
                "version": VERSION,
                "events": {"train": {"background": 50 * seed, "4t": 100}},
                "cost": cost_of(dim) if cost == "own" else cost,
            },
        )
    return run_dir


@pytest.fixture
def runs(tmp_path, write_run, config_of):
    root = tmp_path / "outputs" / "runs"
    for dim, separation in DIMS.items():
        for seed in (1, 2):
            write_size(root, write_run, config_of, dim, seed, separation)
    return root


def report_on(root, *, figures=(), **cfg):
    outputs = {"which_figures": None if figures is None else list(figures), "fig_format": ["png"]}
    base = {"report_name": "scaling", "inputs": {"run_dirs": f"{root}/run_*"}, "outputs": outputs}
    run_report(base | cfg)
    written = max((root.parent / "reports").glob("report_*"), key=lambda path: path.stat().st_mtime)
    return written, json.loads((written / "training" / "summary.json").read_text())


def points(exponent, noise, n_runs=4, sizes=(1e3, 1e4, 1e5, 1e6), seed=0):
    draw = np.random.default_rng(seed)
    scatter = [np.exp(noise * draw.standard_normal(n_runs)) for _ in sizes]
    return list(sizes), [2 * x**-exponent * s for x, s in zip(sizes, scatter, strict=True)]


def test_an_exact_law_is_found():
    law = fit_power_law(*points(0.3, 1e-6))
    assert law.exponent == pytest.approx(0.3, abs=1e-6)
    assert np.exp(law.log_scale) == pytest.approx(2, rel=1e-5)
    assert law.at(np.array([1e4]))[0] == pytest.approx(2 * 1e4**-0.3, rel=1e-5)


def test_the_fit_and_its_error_are_those_of_a_regression_on_means():
    x, y = points(0.2, 0.05, n_runs=40)
    law = fit_power_law(x, y)
    means = np.log([values.mean() for values in y])
    line = stats.linregress(np.log(x), means)
    assert law.exponent == pytest.approx(-line.slope)
    width = np.sqrt(np.square(np.log(x) - np.mean(np.log(x))).sum())
    assert law.exponent_error == pytest.approx(0.05 / np.sqrt(40) / width, rel=0.15)
    assert law.low < law.exponent < law.high


def test_intervals_cover_the_truth_with_two_runs_a_size():
    laws = [fit_power_law(*points(0.1, 0.05, n_runs=2, seed=seed)) for seed in range(200)]
    covered = np.mean([law.low <= 0.1 <= law.high for law in laws])
    assert 0.55 < covered < 0.8
    errors = np.sqrt(np.mean([law.exponent_error**2 for law in laws]))
    assert errors == pytest.approx(np.std([law.exponent for law in laws]), rel=0.25)
    # the goodness of fit is honest too: one law in twenty is refused by chance
    assert np.mean([law.p_value < 0.05 for law in laws]) < 0.12


def test_the_error_grows_where_points_scatter_more_than_seeds():
    law = fit_power_law(
        [1, 10, 100, 1000], [h * np.array([0.99, 1.01]) for h in (1, 0.6, 0.5, 0.3)]
    )
    assert law.chi_square / law.degrees > 4
    expected = law.exponent_error * np.sqrt(law.chi_square / law.degrees)
    assert law.total_error == pytest.approx(expected)


def test_chance_in_the_events_moves_the_exponent():
    x, y = points(0.2, 0.01)
    moved = [1e-3 * values.mean() * np.array([1.0, 0.0]) for values in y]
    assert fit_power_law(x, y, moved).event_error == pytest.approx(0, abs=1e-12)  # scales all
    moved[-1] = moved[-1] + np.array([0, 2e-3 * y[-1].mean()])
    shifted = [*y[:-1], y[-1] * (1 + 2e-3)]
    change = fit_power_law(x, shifted).exponent - fit_power_law(x, y).exponent
    assert fit_power_law(x, y, moved).event_error == pytest.approx(abs(change), rel=1e-2)


@pytest.mark.parametrize(
    ("heights", "objection"),
    [
        ([1.0, 0.7, 0.5, 0.35], ""),
        ([1.0, 0.5, 0.48, 0.47], "off the line"),
        ([1.0, 0.6, 0.5, 0.8], "one way"),
        ([1.0, 0.999, 1.001, 1.0], "not excluded"),
    ],
)
def test_what_points_do_not_support_is_refused(heights, objection):
    spread = 0.01 * np.array([-1, 1, 0.5])
    law = fit_power_law([1, 10, 100, 1000], [h * (1 + spread) for h in heights])
    assert law.objection.startswith(objection) if not objection else objection in law.objection


@pytest.mark.parametrize(
    ("x", "said"),
    [([1, 1.01, 50], "2 different sizes"), ([1, 1.2, 1.5], "only 1.5 times"), ([1, 2, 4], "")],
)
def test_too_few_sizes_are_not_fitted(x, said):
    reason = why_no_fit(x, [np.array([0.1, 0.2])] * 3)
    assert said in reason
    assert bool(said) == bool(reason)


def test_the_front_is_what_nothing_beats():
    assert on_the_front([3, 1, 2, 1], [0.9, 0.5, 0.9, 0.6]) == [3, 2]


def test_costs_and_quality_stand_side_by_side(runs):
    _, found = report_on(runs)
    groups = {group["label"]: group for group in found["groups"]}
    costs = groups["dim=64"]["costs"]
    assert costs["parameters"]["mean"] == 6400
    assert costs["flops"]["mean"] == pytest.approx(0.64)
    assert costs["latency"]["mean"] == pytest.approx(6.4)
    assert costs["throughput"]["mean"] == pytest.approx(512 / 0.064)
    assert costs["events"] == {"mean": 175.0, "sd": pytest.approx(50 / np.sqrt(2)), "n": 2}
    archive = np.load(runs / "run_20260101-120000_64_1" / "scores" / "test.npz")
    scores, signal = archive["logits"][:, 1], archive["labels"] == 1
    pairs = stats.mannwhitneyu(scores[signal], scores[~signal]).statistic
    expected = pairs / signal.sum() / (~signal).sum()
    assert groups["dim=64"]["values"][0] == pytest.approx(expected)
    of_cost = {one["cost"]: one for one in found["costs"]}
    assert all(point["on_front"] for point in of_cost["parameters"]["points"])
    assert of_cost["parameters"]["law"]["exponent"] > 0
    assert of_cost["throughput"]["law"]["exponent"] < 0
    assert "parameters: × 8" in found["answer"]
    assert "All settings cost the same" in of_cost["events"]["not_drawn"]


def test_the_front_is_chosen_on_validation(runs):
    worst = runs / "run_20260101-120000_128_1", runs / "run_20260101-120000_128_2"
    labels = np.random.default_rng(0).integers(0, 2, N_EVENTS)
    margin = np.random.default_rng(1).standard_normal(N_EVENTS)
    for run in worst:
        write_scores(run, "val", Scores(np.stack([-margin, margin], 1), labels, NAMES))
    _, found = report_on(runs)
    of_cost = {one["cost"]: one for one in found["costs"]}
    front = {p["setting"] for p in of_cost["parameters"]["points"] if p["on_front"]}
    assert front == {"dim=16", "dim=32", "dim=64"}
    assert of_cost["parameters"]["step"]["name"] == "dim=64"


def test_all_figures_are_drawn_and_the_numbers_hold(tmp_path, write_run, config_of, monkeypatch):
    root = tmp_path / "outputs" / "runs"
    for dim, separation in DIMS.items():
        run_dir = write_size(root, write_run, config_of, dim, 1, separation)
        path = run_dir / "facts" / "evaluation.json"
        evaluation = json.loads(path.read_text())
        evaluation["events"]["train"]["4t"] = 10 * dim
        path.write_text(json.dumps(evaluation))
        events = run_dir / "facts" / "events.jsonl"
        taken = events.read_text().replace('"total_time_s": 2.0', f'"total_time_s": {dim}')
        events.write_text(taken)
    written, _ = report_on(root, figures=None)
    drawn = {path.stem for path in (written / "training" / "figures").iterdir()}
    assert drawn == set(FIGURES)
    assert "No setting has two runs" in (written / "report.html").read_text()
    monkeypatch.setitem(registry.ANALYSES, "scaling", "thesis_reports.analyses.scaling")
    assert verify_report(written).failed == {}


def test_missing_facts_and_other_machines_are_named(runs, write_run, config_of):
    (runs / "run_20260101-120000_16_1" / "facts" / "evaluation.json").write_text("{")
    other = {**cost_of(32, device_name="b"), "latency": {"512": {"median_ms": 1.0}}}
    write_size(runs, write_run, config_of, 32, 3, 1.0, cost=other)
    write_size(runs, write_run, config_of, 64, 3, 1.0, cost={})
    (runs / "run_20260101-120000_128_1" / "scores" / "test.npz").write_bytes(b"torn")
    _, found = report_on(runs)
    reasons = {row["run_dir"].rpartition("000_")[2]: row["reason"] for row in found["left_out"]}
    assert set(reasons) == {"16_1", "32_3", "64_3", "128_1"}
    assert "device_name=b" in reasons["32_3"]
    costs = {group["label"]: group["costs"] for group in found["groups"]}
    assert costs["dim=32"]["throughput"]["n"] == 2  # not that of the other machine
    assert costs["dim=32"]["flops"]["n"] == 3
    assert costs["dim=16"]["latency"]["n"] == 1


def test_without_evaluations_parameters_remain(tmp_path, write_run, config_of):
    root = tmp_path / "outputs" / "runs"
    for dim in (16, 64):
        write_size(root, write_run, config_of, dim, 1, 1.0, cost=None)
    written, found = report_on(root, figures=None)
    assert "2 different sizes are too few" in found["answer"]
    assert (written / "training" / "figures" / "parameters.png").is_file()
    assert "No finished run with a result tells this cost" in (written / "report.html").read_text()


def test_a_metric_that_was_only_recorded_is_weighed_too(runs):
    _, found = report_on(runs, rank_by="loss")
    assert found["metric"]["name"] == "loss"
    assert "No run has a loss on the test split" in found["answer"] or found["groups"]


@pytest.mark.parametrize(
    ("scaling", "key", "said"),
    [
        ({"batch_size": 64}, "scaling.batch_size", "one of 1, 512"),
        ({"signal": "ttH"}, "scaling.signal", "4t"),
    ],
)
def test_mistakes_are_named(runs, scaling, key, said):
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        report_on(runs, scaling=scaling)
    assert key in str(caught.value)


def test_hostile_names_stay_text(tmp_path, write_run, config_of):
    root = tmp_path / "outputs" / "runs"
    hostile = "<script>alert(1)</script> $\\frac{"
    for dim in (16, 64):
        write_size(root, write_run, config_of, dim, 1, 1.0, note=hostile * (dim > 16))
    written, _ = report_on(root, figures=["parameters"])
    assert "<script>alert" not in (written / "report.html").read_text()


def timed_points(noise, n_runs, *, seed, step=2.0, n_points=4, exponent=0.3, scatter=0.003):
    """Errors that follow true times, and times that were measured with noise."""
    draw = np.random.default_rng(seed)
    times = 5 * step ** np.arange(n_points)
    x = [time * np.exp(noise * draw.standard_normal(n_runs)) for time in times]
    y = [0.2 * time**-exponent * np.exp(scatter * draw.standard_normal(n_runs)) for time in times]
    return x, y


def test_times_that_scatter_are_no_objection_to_an_exact_law():
    """Taken as exact they gave one to nearly every such set of points."""
    tries = [timed_points(0.3, 3, seed=seed) for seed in range(150)]
    laws = [fit_power_law(x, y) for x, y in tries if not why_no_fit(x, y, "times")]
    assert 30 < len(laws) < 150
    assert np.mean([law.p_value < 0.05 for law in laws]) < 0.13
    exact = [fit_power_law([values.mean() for values in x], y) for x, y in tries]
    assert np.mean([law.p_value < 0.05 for law in exact]) > 0.9


def test_intervals_cover_the_truth_with_times_that_scatter():
    laws = [fit_power_law(*timed_points(0.2, 3, seed=seed, step=3)) for seed in range(200)]
    assert 0.58 < np.mean([law.low <= 0.3 <= law.high for law in laws]) < 0.8
    errors = np.sqrt(np.mean([law.exponent_error**2 for law in laws]))
    assert errors == pytest.approx(np.std([law.exponent for law in laws]), rel=0.3)


def test_chi_square_is_that_of_effective_variances():
    x, y = timed_points(0.1, 3, seed=4, scatter=0.02)
    x[0] = x[0][:2]
    law = fit_power_law(x, y)
    own = np.array([np.log(values).var(ddof=1) for values in x])
    degrees = np.array([1, 2, 2, 2])
    pooled = (own * degrees).sum() / degrees.sum()
    of_errors = np.mean([np.log(values).var(ddof=1) for values in y])
    variances = of_errors / 3 + law.exponent**2 * np.maximum(own, pooled) / (degrees + 1)
    log_x, log_y = (np.log([values.mean() for values in points]) for points in (x, y))
    slope, offset = np.polyfit(log_x, log_y, 1, w=1 / np.sqrt(variances))
    assert law.exponent == pytest.approx(-slope, rel=1e-6)
    missed = np.square(log_y - offset - slope * log_x) / variances
    assert law.chi_square == pytest.approx(missed.sum(), rel=1e-6)


def test_times_that_scatter_more_than_they_differ_are_not_fitted():
    # mean ± sd of four settings of a real sweep, whose chi square was 59 over 2
    known = [(5.5, 3.5), (5.51, 3.6), (6.8, 5.0), (11.6, 1.5)]
    x = [mean + sd * np.array([-1, 1]) / np.sqrt(2) for mean, sd in known]
    y = [error * np.array([0.99, 1.01]) for error in (0.2, 0.19, 0.185, 0.18)]
    assert why_no_fit(x, y, "times") == "times scatter more than the settings differ"
    assert why_no_fit([values.mean() for values in x], y, "times") == ""
    # standard errors against half the gap, ln 2 / 2 = 0.347
    for width, said in ((0.34, ""), (0.35, "scatter more")):
        x = [size * np.exp(width * np.array([-1, 1])) for size in (1, 2, 4)]
        x = [values * size / values.mean() for values, size in zip(x, (1, 2, 4), strict=True)]
        assert said in why_no_fit(x, y[:3])
        assert bool(said) == bool(why_no_fit(x, y[:3]))


def test_a_cost_within_its_scatter_is_not_preferred():
    costs, qualities = [1.0, 1.1, 1.9, 2.0], [0.7, 0.8, 0.85, 0.84]
    assert on_the_front(costs, qualities) == [0, 1, 2]
    assert on_the_front(costs, qualities, [0.08] * 4) == [1, 2]
    assert on_the_front(costs, qualities, [0.07] * 4) == [0, 1, 2]
    # the middle one is as cheap as either, the ends differ: both stay
    assert on_the_front([1, 1.1, 1.2], [0.7, 0.8, 0.9], [0.08] * 3) == [0, 2]
    assert on_the_front([1, 1], [0.7, 0.7], [0.1, 0.1]) == [0]


def test_event_chance_that_runs_do_not_share_counts_once():
    x, y = points(0.2, 0.01, n_runs=2)
    draw = np.random.default_rng(3)
    groups = [
        Group.of("", [(value, 1e-3 * draw.standard_normal(50)) for value in values]) for values in y
    ]
    law = fit_power_law(
        x, y, [one.deviation for one in groups], [one.own_event_variance for one in groups]
    )
    log_x = np.log(x) - np.log(x).mean()
    weights = log_x / (log_x @ log_x) / [values.mean() for values in y]
    whole = np.square(sum(w * one.deviation for w, one in zip(weights, groups, strict=True))).sum()
    own = sum(w**2 * one.own_event_variance for w, one in zip(weights, groups, strict=True))
    assert own > 0.1 * whole
    assert law.event_error == pytest.approx(np.sqrt(max(whole - own, 0)), abs=1e-12)


def test_the_page_says_how_well_times_are_known(runs):
    for run_dir in runs.iterdir():
        path = run_dir / "facts" / "evaluation.json"
        evaluation = json.loads(path.read_text())
        dim, seed = map(int, run_dir.name.split("_")[2:])
        slow = {1: 0.5, 2: 1.5}[seed] * (40 if dim == 16 else dim)
        evaluation["cost"]["latency"]["1"]["median_ms"] = slow
        evaluation["cost"]["latency"]["512"]["median_ms"] = dim * {1: 0.99, 2: 1.01}[seed]
        path.write_text(json.dumps(evaluation))
    written, found = report_on(runs, figures=["latency", "throughput"])
    of_cost = {one["cost"]: one for one in found["costs"]}
    latency = of_cost["latency"]
    assert latency["objection"] == "times scatter more than the settings differ"
    assert latency["law"] is None
    # all are equal within √2 · 0.55 but the largest and the smallest
    on_front = {point["setting"] for point in latency["points"] if point["on_front"]}
    assert on_front == {"dim=128", "dim=32"}
    assert of_cost["throughput"]["law"] is not None
    page = (written / "report.html").read_text()
    assert "times scatter more than the settings differ" in page
    assert "count as equal" in page
    assert "be told from a slower setting" in page
