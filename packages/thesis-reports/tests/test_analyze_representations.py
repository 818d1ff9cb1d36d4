"""Embeddings with known content: what probes find, how alike runs are, what can't be read."""

import json

import numpy as np
import pytest
from scipy import stats

from thesis_facts import Scores, write_scores
from thesis_facts.anomaly import AnomalyScores, write_anomaly_scores
from thesis_facts.metrics import auroc
from thesis_reports import registry
from thesis_reports.aggregation import Setting
from thesis_reports.analyses.analyze_representations import FIGURES, run_report
from thesis_reports.comparison import Group
from thesis_reports.representations import alignment_grid
from thesis_reports.representations.events import evenly_spaced, share_between, spectrum_of
from thesis_reports.representations.kernel_alignment import Aligned, Alignment, alignment
from thesis_reports.representations.linear_probes import Probed, probe_process, probe_variable
from thesis_reports.representations.probe_groups import error_of, gain
from thesis_reports.representations.survey import Survey
from thesis_reports.setting_labels import shorten_labels
from thesis_reports.verify import verify_report

N_EVENTS = 400
CLASSES = ("4t", "ttH", "ttW", "ttWW", "ttZ")


def events_of(split, data_seed=0):
    """Process [N], event variables that know a little of it, and what an ideal model knows."""
    draw = np.random.default_rng([data_seed, split == "val"])
    process = draw.integers(1, 6, N_EVENTS)
    n_jets = draw.poisson(5 + 2.0 * (process == 1)).astype(np.float32)
    ht = (100 * n_jets + draw.normal(0, 60, N_EVENTS)).astype(np.float32)
    columns = {"n_jets": n_jets, "ht": ht, "met": draw.exponential(50, N_EVENTS)}
    knows = np.eye(5)[process - 1] + 0.35 * draw.standard_normal((N_EVENTS, 5))
    return process, columns, np.concatenate([knows, n_jets[:, None]], axis=1)


def embeddings_of(split, seed, dim, data_seed=0):
    """A rotation of what an ideal model knows, for the larger dim; noise for the smaller."""
    process, columns, knows = events_of(split, data_seed)
    own = np.random.default_rng([seed, dim, split == "val"])
    rotation = np.linalg.qr(np.random.default_rng([seed, dim]).standard_normal((8, 8)))[0]
    values = own.standard_normal((N_EVENTS, 8))
    if dim == 64:
        values = np.concatenate([knows, 0.01 * values[:, :2]], axis=1)
    return process, columns, (values @ rotation + 3).astype(np.float32)


def write_embedded(root, write_run, config_of, dim, seed, *, data_seed=0, **model):
    run_dir = root / f"run_20260101-120000_{dim}_{seed}"
    write_run(run_dir, config_of(seed, dim, **model), with_scores=False, n_epochs=1)
    for split in ("val", "test"):
        process, columns, values = embeddings_of(split, seed, dim, data_seed)
        logits = np.random.default_rng(0).standard_normal((N_EVENTS, 5))
        kept = {"process": process, "embeddings": values, "columns": columns}
        write_scores(run_dir, split, Scores(logits, process - 1, CLASSES, **kept))
    return run_dir


@pytest.fixture
def runs(tmp_path, write_run, config_of):
    root = tmp_path / "outputs" / "runs"
    for dim in (64, 32):
        for seed in (1, 2):
            write_embedded(root, write_run, config_of, dim, seed)
    return root


def report_on(root, *, figures=(), **cfg):
    outputs = {"which_figures": None if figures is None else list(figures), "fig_format": ["png"]}
    base = {
        "report_name": "analyze_representations",
        "inputs": {"run_dirs": f"{root}/run_*"},
        "outputs": outputs,
    }
    run_report(base | cfg)
    written = max((root.parent / "reports").glob("report_*"), key=lambda path: path.stat().st_mtime)
    return written, json.loads((written / "training" / "summary.json").read_text())


def slow_cka(x, y):
    """Unbiased HSIC from whole kernel matrices, as the papers write it."""

    def hsic(k, l):  # noqa: E741
        n = len(k)
        k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))  # noqa: E741
        one = np.ones(n)
        middle = (one @ k @ one) * (one @ l @ one) / (n - 1) / (n - 2)
        return (np.trace(k @ l) + middle - 2 * one @ k @ l @ one / (n - 2)) / n / (n - 3)

    k, l = x @ x.T, y @ y.T  # noqa: E741
    return hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))


def test_cka_is_that_of_whole_kernel_matrices():
    draw = np.random.default_rng(0)
    x = draw.standard_normal((90, 5)) @ draw.standard_normal((5, 5)) + 40
    y = np.concatenate([x[:, :2], draw.standard_normal((90, 7))], axis=1)
    assert alignment(Aligned(x), Aligned(y)).value == pytest.approx(slow_cka(x, y), rel=1e-4)


def test_cka_of_what_shares_nothing_is_zero_even_in_many_dimensions():
    values = []
    for seed in range(10):
        x, y = np.random.default_rng(seed).standard_normal((2, 80, 60))
        values.append(alignment(Aligned(x), Aligned(y)).value)
    assert abs(np.mean(values)) < 0.03  # the plain estimator gives 0.43


def test_the_error_of_cka_is_its_spread_over_samples_of_events():
    found = []
    for seed in range(60):
        x, noise = np.random.default_rng(seed).standard_normal((2, 300, 4)) * [3, 2, 1, 1]
        found.append(alignment(Aligned(x), Aligned(x + noise)))
    spread = np.std([one.value for one in found])
    assert np.median([one.error for one in found]) == pytest.approx(spread, rel=0.3)


def test_cka_ignores_rotations_and_scale_and_its_error_shrinks_with_events():
    draw = np.random.default_rng(1)
    x = draw.standard_normal((200, 6)) * [5, 3, 1, 1, 1, 1]
    rotation = np.linalg.qr(draw.standard_normal((6, 6)))[0]
    assert alignment(Aligned(x), Aligned(7 * x @ rotation)).value == pytest.approx(1, abs=1e-5)
    y = x + 2 * draw.standard_normal((200, 6))
    few, all_of_them = (alignment(Aligned(x[:n]), Aligned(y[:n])).error for n in (50, 200))
    assert 0 < all_of_them < few


def test_effective_dimension_counts_even_components():
    basis = np.concatenate([np.eye(3), -np.eye(3)]) @ np.eye(3, 7)
    spectrum = spectrum_of(basis * 4 + 9)
    assert spectrum.effective_dimension == pytest.approx(3)
    assert spectrum.shares[:3] == pytest.approx([1 / 3] * 3)
    uneven = spectrum_of(basis * [4, 2, 1, 0, 0, 0, 0])
    assert uneven.effective_dimension == pytest.approx((16 + 4 + 1) ** 2 / (256 + 16 + 1))


def test_components_are_those_of_a_singular_value_decomposition():
    values = np.random.default_rng(0).standard_normal((60, 4)) * [3, 2, 1, 0.5] + 5
    points = spectrum_of(values).project(values, 2)
    _, singular, rows = np.linalg.svd(values - values.mean(0), full_matrices=False)
    expected = (values - values.mean(0)) @ rows[:2].T
    assert np.abs(points) == pytest.approx(np.abs(expected))
    assert spectrum_of(values).shares == pytest.approx(singular**2 / (singular**2).sum())


def test_share_between_processes():
    values = np.array([[0.0], [2.0], [10.0], [12.0]])
    assert share_between(values, np.array([1, 1, 2, 2])) == pytest.approx(25 / 26)


def test_a_variable_that_is_a_direction_is_read_off():
    draw = np.random.default_rng(0)
    features = draw.standard_normal((2, 500, 4))
    noise = draw.standard_normal((2, 500))
    variable = features @ [1.0, -1.0, 0.5, 0.0] + 1.5 * noise + 7
    found = probe_variable((features[0], variable[0]), (features[1], variable[1]))
    design = np.concatenate([features, np.ones((2, 500, 1))], axis=2)
    weights = np.linalg.lstsq(design[0], variable[0], rcond=None)[0]
    missed = np.square(variable[1] - design[1] @ weights)
    total = np.square(variable[1] - variable[1].mean())
    assert found.value == pytest.approx(1 - missed.sum() / total.sum(), abs=2e-3)
    again = draw.integers(0, 500, (2000, 500))
    apart = np.square(variable[1][again] - variable[1][again].mean(1, keepdims=True)).sum(1)
    drawn = 1 - missed[again].sum(1) / apart
    assert np.linalg.norm(found.influence) == pytest.approx(drawn.std(), rel=0.1)
    assert probe_variable((features[0], np.ones(500)), (features[1], np.ones(500))) is None


def test_two_processes_are_told_apart_as_by_their_best_direction():
    draw = np.random.default_rng(0)
    process = draw.integers(0, 2, (2, 600)) * 3 + 1
    features = draw.standard_normal((2, 600, 3)) + 1.2 * (process == 4)[..., None] * [1, 0, 0]
    found = probe_process((features[0], process[0]), (features[1], process[1]))
    best = auroc(features[1][:, 0], process[1] == 4)
    assert found["macro AUROC"].value == pytest.approx(best, abs=0.01)
    accuracy = found["accuracy"].value
    error = np.sqrt(accuracy * (1 - accuracy) / 599)
    assert np.linalg.norm(found["accuracy"].influence) == pytest.approx(error)


def test_a_process_that_is_hardly_there_is_no_class():
    draw = np.random.default_rng(0)
    process = np.array([1, 2] * 30 + [3])
    features = draw.standard_normal((61, 2)) + 3 * (process == 2)[:, None]
    found = probe_process((features, process), (features, process))
    assert found["accuracy"].influence[-1] == 0
    assert probe_process((features, np.ones(61, int)), (features, process)) == {}


def test_drawn_events_are_the_same_every_time():
    assert evenly_spaced(10, 4).tolist() == [0, 2, 5, 7]
    assert evenly_spaced(3, 4).tolist() == [0, 1, 2]


def test_what_is_known_is_found_beside_what_event_variables_know(runs):
    _, found = report_on(runs)
    settings = {one["label"]: one for one in found["settings"]}
    rich, poor = settings["dim=64"]["probes"], settings["dim=32"]["probes"]
    assert rich["process, macro AUROC"]["mean"] > 0.95
    assert abs(poor["process, macro AUROC"]["mean"] - 0.5) < 0.06
    assert rich["R² of jets"]["mean"] > 0.99
    assert rich["R² of MET"]["mean"] < 0.05
    baseline = found["baseline"]["probes"]
    assert found["baseline"]["variables"] == ["n_jets", "ht", "met"]
    assert 0.5 < baseline["process, macro AUROC"]["value"] < 0.75
    # jets and HT tell of each other
    assert baseline["R² of jets"]["value"] > 0.8
    more = rich["process, macro AUROC"]
    difference = more["mean"] - baseline["process, macro AUROC"]["value"]
    assert more["minus_event_variables"] == pytest.approx(difference)
    assert more["minus_event_variables"] > 5 * more["minus_event_variables_error"]
    assert settings["dim=32"]["effective_dimension"]["mean"] == pytest.approx(8, abs=0.5)


def test_runs_of_a_setting_that_know_the_same_are_alike(runs):
    _, found = report_on(runs)
    of_pair = {(row["first"], row["second"]): row["mean"] for row in found["cka_of_settings"]}
    assert of_pair["64", "64"] == pytest.approx(1, abs=0.01)
    assert abs(of_pair["32", "32"]) < 0.1
    assert abs(of_pair["64", "32"]) < 0.1
    assert len(found["cka"]) == 6
    test = [embeddings_of("test", seed, 64)[2].astype(float) for seed in (1, 2)]
    pair = next(row for row in found["cka"] if {row["first"], row["second"]} == {"64_1", "64_2"})
    assert pair["value"] == pytest.approx(slow_cka(*test), rel=1e-4)


def test_all_figures_are_drawn_and_the_numbers_hold(runs, monkeypatch):
    written, _ = report_on(runs, figures=None)
    drawn = {path.stem for path in (written / "training" / "figures").iterdir()}
    assert drawn == set(FIGURES)
    name = "analyze_representations"
    monkeypatch.setitem(registry.ANALYSES, name, f"thesis_reports.analyses.{name}")
    assert verify_report(written).failed == {}


def test_autoencoders_are_probed_too(runs, write_run, config_of):
    run_dir = runs / "run_20260101-120000_ae"
    write_run(run_dir, config_of(1, 16), with_scores=False, n_epochs=1)
    for split in ("val", "test"):
        process, columns, values = embeddings_of(split, 3, 64)
        scores = {"reconstruction": values[:, 0], "ht": columns["ht"]}
        write_anomaly_scores(run_dir, split, AnomalyScores(scores, process, embeddings=values))
    _, found = report_on(runs)
    settings = {one["label"]: one["probes"] for one in found["settings"]}
    assert settings["dim=16"]["process, macro AUROC"]["mean"] > 0.95
    assert set(settings["dim=16"]) & {"R² of HT", "R² of jets"} == {"R² of HT"}


def test_what_cannot_be_read_is_named(runs, write_run, config_of):
    (runs / "run_20260101-120000_64_1" / "scores" / "val.npz").write_bytes(b"torn")
    write_embedded(runs, write_run, config_of, 64, 3, data_seed=5)
    bare = write_embedded(runs, write_run, config_of, 64, 4)
    process, columns, values = embeddings_of("test", 4, 64)
    logits = np.zeros((N_EVENTS, 5))
    scores = Scores(logits, process - 1, CLASSES, process=process, columns=columns)
    write_scores(bare, "test", scores)
    values[0] = np.nan
    broken = write_embedded(runs, write_run, config_of, 64, 5)
    write_scores(
        broken, "test", Scores(logits, process - 1, CLASSES, process=process, embeddings=values)
    )
    write_run(runs / "run_20260101-120000_crashed", config_of(9, 64), end="crashed")
    written, found = report_on(runs)
    reasons = {row["run"]: row["reason"] for row in found["left_out"]}
    assert set(reasons) == {"64_1", "64_3", "64_4", "64_5"}
    assert "val.npz" in reasons["64_1"]
    assert "others than those of the first run" in reasons["64_3"]
    assert "no embeddings" in reasons["64_4"]
    assert "not finite" in reasons["64_5"]
    assert "no embeddings" in (written / "report.html").read_text()


def test_older_runs_without_event_variables_are_probed_for_processes(runs):
    for run_dir in runs.iterdir():
        for split in ("val", "test"):
            seed, dim = int(run_dir.name[-1]), int(run_dir.name[-4:-2])
            process, _, values = embeddings_of(split, seed, dim)
            logits = np.zeros((N_EVENTS, 5))
            scores = Scores(logits, process - 1, CLASSES, embeddings=values)  # nor processes
            write_scores(run_dir, split, scores)
    written, found = report_on(runs, figures=["probes"])
    assert found["baseline"]["probes"] == {}
    assert set(found["settings"][0]["probes"]) == {"process, accuracy", "process, macro AUROC"}
    assert "fewer than two event variables" in (written / "report.html").read_text()


def test_most_runs_takes_of_each_setting_first(runs):
    _, found = report_on(runs, representations={"most_runs": 3, "most_events": 200})
    assert sorted(one["n_runs"] for one in found["settings"]) == [1, 2]
    assert found["n_beyond"] == 1
    assert found["n_fit"] == 200


def test_without_embeddings_the_page_says_so(tmp_path, write_run, config_of):
    root = tmp_path / "outputs" / "runs"
    write_run(root / "run_20260101-120000_1", config_of(1), n_epochs=1)
    written, found = report_on(root, figures=None)
    assert "No run has embeddings" in found["answer"]
    assert not (written / "training" / "figures").exists()


def test_hostile_names_stay_text(tmp_path, write_run, config_of):
    root = tmp_path / "outputs" / "runs"
    for dim, note in ((64, "<script>alert(1)</script> $\\frac{"), (32, "=, a=b")):
        write_embedded(root, write_run, config_of, dim, 1, note=note)
    written, _ = report_on(root, figures=["map", "cka"])
    assert "<script>alert" not in (written / "report.html").read_text()


def test_labels_leave_out_what_a_setting_lacks():
    keys = {"_target_": "a.b.Vq", "codes": 8}
    settings = [Setting("long one", keys, ()), Setting("other", {**keys, "codes": None}, ())]
    assert [one.label for one in shorten_labels(settings)] == ["Vq, codes=8", "Vq"]
    same = [settings[1], Setting("another", {"_target_": "c.Vq", "codes": None}, ())]
    assert [one.label for one in shorten_labels(same)] == ["other", "another"]


def test_cka_without_a_positive_hsic_of_its_own_is_undefined():
    """Two negatives multiply to a positive: their CKA would be of nothing."""
    draw = np.random.default_rng(0)
    first, second = (Aligned(draw.standard_normal((30, 3))) for _ in range(2))
    assert np.isfinite(alignment(first, second).value)
    for signs in ((-1, -1), (-1, 1), (0, 1)):
        for one, sign in zip((first, second), signs, strict=True):
            one.own = sign * np.abs(one.own)
        found = alignment(first, second)
        assert np.isnan(found.value)
        assert np.isnan(found.error)
        first, second = Aligned(first.values), Aligned(second.values)


def test_the_page_says_where_cka_is_undefined(runs, monkeypatch):
    def undefined_once(first, second, state=[]):  # noqa: B006
        state.append(0)
        return alignment(first, second) if len(state) > 1 else Alignment(np.nan, np.nan)

    monkeypatch.setattr(alignment_grid, "alignment", undefined_once)
    written, _ = report_on(runs, figures=["cka"])
    assert "CKA is undefined for 1 pair of runs" in (written / "report.html").read_text()


def probed_group(values, seed=0, n_events=200, own=0.002):
    draw = np.random.default_rng(seed)
    shared = draw.standard_normal(n_events)
    runs = [(v, 1e-3 * shared + own * draw.standard_normal(n_events)) for v in values]
    return Group.of("dim=64", runs), 0.9e-3 * shared


def test_event_chance_that_runs_do_not_share_counts_once():
    group, influence = probed_group([0.80, 0.82, 0.83])
    found = Survey(baseline={"x": Probed(0.79, influence)})
    seeds = np.var([0.80, 0.82, 0.83], ddof=1) / 3
    whole = np.square(group.deviation).sum()
    assert group.own_event_variance > 0.3 * whole
    expected = np.sqrt(seeds + whole - group.own_event_variance)
    assert error_of(group) == pytest.approx(expected)
    apart = np.square(group.deviation - influence).sum() - group.own_event_variance
    assert gain(group, found, "x").error == pytest.approx(np.sqrt(seeds + max(apart, 0)))
    # the events of a single run are all there is
    single, influence = probed_group([0.8])
    assert error_of(single) == pytest.approx(np.linalg.norm(single.deviation))


def test_what_chance_explains_is_asked_of_students_t():
    """Of two seeds, 2.5 errors are little: the limit is 12.7."""
    group = Group("two", np.array([0.80, 0.82]), np.zeros(9), 0.0)
    found = Survey(baseline={"x": Probed(0.785, np.zeros(9))})
    more = gain(group, found, "x")
    assert more.error == pytest.approx(0.01)
    assert more.degrees == pytest.approx(1)
    assert more.p_value == pytest.approx(2 * stats.t.sf(2.5, 1))
    assert not more.is_found
    # events are known well: where these prevail, the normal limit of 2 is right
    events = Group("two", np.array([0.8099, 0.8101]), np.full(9, 0.01 / 3), 0.0)
    more = gain(events, found, "x")
    assert more.p_value == pytest.approx(2 * stats.norm.sf(2.5), rel=1e-3)
    assert more.is_found
