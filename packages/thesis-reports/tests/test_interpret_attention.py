"""Where attention looks: against a slow reference, for every order of tokens."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from thesis_facts.errors import ConfigError, RunError
from thesis_reports import registry
from thesis_reports.analyses.interpret_attention import FIGURES
from thesis_reports.interpretability.attention_differences import signal_differences
from thesis_reports.interpretability.attention_runs import (
    AttentionRun,
    SettingAttention,
    gate_label,
    layer_label,
)
from thesis_reports.interpretability.attention_summary import (
    LOOKED_AT,
    TOKENS,
    Attention,
    TokenOrder,
    summarise_attention,
    token_kinds,
)
from thesis_reports.interpretability.task_classes import signal_number, task_classes

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.inference

NAME = "interpret_attention"
N_EVENTS, N_SLOTS, N_HEADS = 80, 6, 4
LAYERS = ("blocks.0.attention", "blocks.1.attention")
ORDERS = {
    "mean": TokenOrder((), (), False),
    "mean, MET": TokenOrder((), (7, 8), False),
    "CLS, MET": TokenOrder((9,), (7, 8), False),
    "causal CLS": TokenOrder((), (7, 8, 9), True),
}


@pytest.fixture(autouse=True)
def known(monkeypatch):
    monkeypatch.setitem(registry.ANALYSES, NAME, f"thesis_reports.analyses.{NAME}")


def some_events(n_events: int = N_EVENTS) -> dict[str, np.ndarray]:
    """Half of them signal (1); each has a jet and a b-jet, and gaps in its mask."""
    draw = np.random.default_rng(5)
    ids = draw.integers(1, 8, (n_events, N_SLOTS))
    mask = draw.random((n_events, N_SLOTS)) < 0.6
    ids[:, 1], ids[:, 3] = 1, 2
    mask[:, [1, 3]] = True
    ids[~mask] = 0
    label = np.arange(n_events) % 2
    return {"tokens_id": ids, "mask": mask, "label": label, "index": np.arange(n_events)}


def tokens_of(events, order: TokenOrder) -> list[list[int]]:
    """Kinds of the tokens of each event, one after the other."""
    return [
        [
            *order.before,
            *(int(i) - 1 for i, there in zip(ids, mask, strict=True) if there),
            *order.after,
        ]
        for ids, mask in zip(events["tokens_id"], events["mask"], strict=True)
    ]


def some_maps(events, order: TokenOrder, seed: int = 0, n_maps: int = N_HEADS, boost=None):
    """Softmaxes of random logits; `boost(event, key kind)` is added to them."""
    draw = np.random.default_rng(seed)
    tokens = tokens_of(events, order)
    size = max(len(kinds) for kinds in tokens)
    maps = np.zeros((len(tokens), n_maps, size, size), dtype=np.float32)
    for event, kinds in enumerate(tokens):
        n = len(kinds)
        logits = 0.3 * draw.standard_normal((n_maps, n, n))
        if boost is not None:
            logits += np.array([boost(event, kind) for kind in kinds])
        if order.causal:
            logits[:, ~np.tri(n, dtype=bool)] = -np.inf
        weights = np.exp(logits)
        maps[event, :, :n, :n] = weights / weights.sum(-1, keepdims=True)
    return maps


def slow_ratio(maps, events, order, query: int, key: int | None) -> float:
    """Of the mean over heads, pair by pair; `key` None is a token and itself."""
    weight = uniform = 0.0
    for event, kinds in enumerate(tokens_of(events, order)):
        for i, of_query in enumerate(kinds):
            seen = i + 1 if order.causal else len(kinds)
            for j, of_key in enumerate(kinds[:seen]):
                fits = i == j if key is None else (i != j and of_key == key)
                if of_query == query and fits:
                    weight += float(maps[event, :, i, j].mean())
                    uniform += 1 / seen
    return weight / uniform if uniform else math.nan


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_ratios_are_those_of_a_slow_reference(order):
    events = some_events()
    maps = {name: some_maps(events, order, seed) for seed, name in enumerate(LAYERS)}
    found = summarise_attention(maps, events, order, None).ratio()
    for query, key in ((0, 1), (1, 1), (1, 7), (9, 0), (7, 8), (2, 5)):
        by_layer = [slow_ratio(of, events, order, query, key) for of in maps.values()]
        assert found[1:, query, key] == pytest.approx(by_layer, rel=1e-5, nan_ok=True)
        assert found[0, query, key] == pytest.approx(np.mean(by_layer), rel=1e-5, nan_ok=True)
    own = slow_ratio(maps[LAYERS[0]], events, order, 0, None)
    assert found[1, 0, LOOKED_AT.index("itself")] == pytest.approx(own, rel=1e-5)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_uniform_attention_looks_nowhere_in_particular(order):
    events = some_events()
    kinds = token_kinds(events["tokens_id"], events["mask"], order)
    there = (kinds >= 0)[:, :, None] & (kinds >= 0)[:, None, :]
    if order.causal:
        there &= np.tri(kinds.shape[1], dtype=bool)
    maps = (there / np.maximum(there.sum(-1, keepdims=True), 1))[:, None].repeat(2, 1)
    found = summarise_attention({LAYERS[0]: maps}, events, order, None)
    assert np.nanmax(np.abs(found.ratio() - 1)) < 1e-9
    assert found.entropy == pytest.approx(1)
    assert np.nanmax(np.abs(found.influence())) < 1e-9


def test_tokens_are_labelled_without_gaps():
    ids, mask = np.array([[1, 0, 2], [0, 7, 0]]), np.array([[1, 0, 1], [0, 1, 0]], dtype=bool)
    kinds = token_kinds(ids, mask, ORDERS["CLS, MET"])
    names = [[TOKENS[k] for k in row if k >= 0] for row in kinds]
    assert names == [["CLS", "jet", "b-jet", "MET", "MET φ"], ["CLS", "photon", "MET", "MET φ"]]
    kinds = token_kinds(ids, mask, ORDERS["causal CLS"])
    assert TOKENS[kinds[0, 4]] == "CLS"


def test_influences_are_those_of_leaving_an_event_out():
    events, order = some_events(), ORDERS["mean, MET"]
    maps = some_maps(events, order)
    whole = summarise_attention({LAYERS[0]: maps}, events, order, None)
    kept = np.arange(N_EVENTS) > 0
    fewer = {name: values[kept] for name, values in events.items()}
    size = max(len(kinds) for kinds in tokens_of(fewer, order))
    without = summarise_attention({LAYERS[0]: maps[kept][..., :size, :size]}, fewer, order, None)
    change = whole.ratio()[0, 0, 1] - without.ratio()[0, 0, 1]
    assert whole.influence()[0, 0, 1] == pytest.approx(change, rel=0.1)


def test_entropy_is_told_from_sharp_to_broad():
    events, order = some_events(), ORDERS["mean"]
    sharp = some_maps(events, order, boost=lambda event, kind: 20.0 * (kind == 1), n_maps=1)
    maps = np.concatenate([some_maps(events, order, n_maps=1), sharp], axis=1)
    entropy = summarise_attention({LAYERS[0]: maps}, events, order, None).entropy[0]
    expected = []
    for weights in (maps[:, 1], maps[:, 0]):
        of_queries = [
            -sum(w * math.log(w) for w in weights[event, i, :n] if w > 0) / math.log(n)
            for event, n in enumerate(len(kinds) for kinds in tokens_of(events, order))
            for i in range(n)
        ]
        expected.append(np.mean(of_queries))
    assert entropy == pytest.approx(expected, rel=1e-4)


def test_differential_attention_is_first_minus_lambda_second():
    events, order = some_events(), ORDERS["mean, MET"]
    maps, factor = some_maps(events, order, n_maps=2 * N_HEADS), 0.4
    lambdas = {LAYERS[0]: np.array(factor)}
    found = summarise_attention({LAYERS[0]: maps}, events, order, lambdas)
    first, second = (
        slow_ratio(part, events, order, 0, 1) for part in (maps[:, :N_HEADS], maps[:, N_HEADS:])
    )
    expected = (first - factor * second) / (1 - factor)
    assert found.ratio()[0, 0, 1] == pytest.approx(expected, rel=1e-5)
    assert found.entropy.shape == (1, 2 * N_HEADS)
    assert found.n_softmaxes == 2
    for wrong, reason in ((None, "not known"), (0.99, "cancel"), (1.4, "outweighs the first")):
        of_layer = {} if wrong is None else {LAYERS[0]: np.array(wrong)}
        with pytest.raises(RunError, match=f"differential_lambda.*{reason}|{reason}"):
            summarise_attention({LAYERS[0]: maps}, events, order, of_layer)


def test_maps_that_do_not_fit_the_config_are_refused():
    events, order = some_events(), ORDERS["mean, MET"]
    maps = some_maps(events, order)
    with pytest.raises(RunError, match="which token is which"):
        summarise_attention({LAYERS[0]: maps}, events, ORDERS["CLS, MET"], None)
    with pytest.raises(RunError, match="add up to 1"):
        summarise_attention({LAYERS[0]: maps / 2}, events, order, None)
    with pytest.raises(RunError, match="vocabulary"):
        summarise_attention(
            {LAYERS[0]: maps}, events | {"tokens_id": events["tokens_id"] * 90}, order, None
        )
    with pytest.raises(RunError, match="config"):
        TokenOrder.of({"classifier": {"model": {}}})


def test_the_order_of_tokens_follows_the_config():
    def order(pooling, met, causal):
        model = {"head": {"pooling": pooling}, "causal_attention": causal}
        return TokenOrder.of({"classifier": {"model": model, "globals": {"include_met": met}}})

    assert order("mean", True, False) == ORDERS["mean, MET"]
    assert order("max", False, True) == TokenOrder((), (), True)
    assert order("cls", True, False) == ORDERS["CLS, MET"]
    assert order("cls", True, True) == ORDERS["causal CLS"]


def test_labels_are_those_that_readers_know():
    assert layer_label("blocks.3.attention") == "layer 4"
    assert layer_label("encoder.x") == "encoder.x"
    assert gate_label("attention_bias.biases.sm_interaction.gate") == "sm_interaction"
    assert gate_label("interactions.gate") == "interactions"


def test_classes_are_those_of_the_task():
    groups = [{"name": "other", "labels": "2,3"}, {"name": "four", "labels": [1]}]
    classes = task_classes({"data": {"classifier": {"label_groups": groups}}})
    assert ([one.name for one in classes], signal_number(classes)) == (["other", "four"], 1)
    chosen = task_classes({"data": {"classifier": {"selected_labels": [1, 5]}}})
    assert [one.name for one in chosen] == ["4t", "ttZ"]
    assert task_classes({}) == []


def write(run_dir, config, *, order, boost=None, differential=False, epochs=(0, 4), seed=0) -> None:
    """`write_run` has been; what was read off the model in some epochs."""
    events = some_events()
    (run_dir / "interpretability").mkdir()
    for epoch in epochs:
        n_maps = N_HEADS * (2 if differential else 1)
        content = {
            "events": events,
            "attention_maps": {
                name: some_maps(events, order, 10 * seed + layer, n_maps, boost)
                for layer, name in enumerate(LAYERS)
            },
            "bias_gates": {
                "attention_bias.biases.lorentz_scalar.gate": np.array(0.1 * (epoch + seed))
            },
        }
        if differential:
            content["differential_lambda"] = {name: np.array(0.3) for name in LAYERS}
        tensors = {
            part: {name: torch.from_numpy(np.asarray(value)) for name, value in values.items()}
            for part, values in content.items()
        }
        torch.save(tensors, run_dir / "interpretability" / f"epoch_{epoch}.pt")


@pytest.fixture
def make_run(tmp_path, write_run, config_of):
    def make(seed=1, dim=64, *, pooling="mean", differential=False, **options):
        config = config_of(
            seed,
            dim,
            head={"pooling": pooling},
            causal_attention=False,
            attention={"type": "differential" if differential else "standard"},
        )
        config["classifier"]["globals"] = {"include_met": True}
        run_dir = tmp_path / "outputs" / "runs" / f"run_20260101-120000_{pooling}_{dim}_{seed}"
        write_run(run_dir, config)
        order = ORDERS["CLS, MET" if pooling == "cls" else "mean, MET"]
        write(run_dir, config, order=order, differential=differential, seed=seed, **options)
        return run_dir

    return make


def report_on(report_of, root, figures=(), **cfg):
    outputs = {"which_figures": figures, "fig_format": ["png"], "dpi": 50}
    written = report_of(
        {"report_name": NAME, "inputs": {"run_dirs": f"{root}/*"}, "outputs": outputs} | cfg
    )
    return written, json.loads((written / "training" / "summary.json").read_text())


def in_signal(event, kind):
    """b-jets get more of the attention, the more so in signal events."""
    return (0.5 + 0.8 * (event % 2)) * (kind == 1)


def test_what_was_planted_is_found(make_run, report_of):
    for seed in (1, 2, 3):
        root = make_run(seed, boost=in_signal).parent
    _, found = report_on(report_of, root)
    (setting,) = found["settings"]
    received = {key: one["mean"] for key, one in setting["received"].items()}
    assert max(received, key=received.get) == "b-jet"
    rows = {row["name"]: row for row in setting["differences"]}
    assert rows["b-jet"]["difference"] > 0.2
    assert rows["b-jet"]["p_holm"] < 0.01
    assert rows["jet"]["difference"] < 0
    said = "What b-jets get differs between 4t and other events at equal number of tokens: +"
    assert said in found["answer"]
    assert found["signal"] == "4t"


def test_differences_are_those_of_events(make_run, report_of):
    for seed in (1, 2):
        root = make_run(seed, boost=in_signal).parent
    _, found = report_on(report_of, root)
    events, order = some_events(), ORDERS["mean, MET"]
    differences, by_event = [], []
    for seed in (1, 2):
        maps = [some_maps(events, order, 10 * seed + k, boost=in_signal) for k in (0, 1)]
        mean = np.mean(maps, axis=(0, 2))
        values = []
        for event, kinds in enumerate(tokens_of(events, order)):
            pairs = [
                (i, j) for i in range(len(kinds)) for j in range(len(kinds))
                if i != j and kinds[j] == 1
            ]  # fmt: skip
            values.append(sum(mean[event, i, j] for i, j in pairs) * len(kinds) / len(pairs))
        by_event.append(np.array(values))
    n_tokens = np.array([len(kinds) for kinds in tokens_of(events, order)])
    regressors = np.column_stack([np.ones(N_EVENTS), events["label"], n_tokens])
    inverse = np.linalg.inv(regressors.T @ regressors)
    coefficients = [inverse @ regressors.T @ values for values in by_event]
    differences = [one[1] for one in coefficients]
    (setting,) = found["settings"]
    row = next(r for r in setting["differences"] if r["name"] == "b-jet")
    assert row["difference"] == pytest.approx(np.mean(differences), rel=1e-4)

    def sandwich(one, other):
        """HC1, of the coefficient of the class, between two runs."""
        meat = sum(np.outer(x, x) * a * b for x, a, b in zip(regressors, one, other, strict=True))
        return (inverse @ meat @ inverse)[1, 1] * N_EVENTS / (N_EVENTS - 3)

    rest = [v - regressors @ c for v, c in zip(by_event, coefficients, strict=True)]
    # what two runs share is what is left of the mean once the chance of each alone is taken off
    shared = sandwich(rest[0], rest[1])
    assert row["event_error"] == pytest.approx(math.sqrt(max(shared, 0)), rel=1e-3, abs=1e-6)
    assert row["seed_error"] == pytest.approx(np.std(differences, ddof=1) / math.sqrt(2), rel=1e-4)

    row = next(r for r in setting["unadjusted_differences"] if r["name"] == "b-jet")
    plain = [values[1::2].mean() - values[::2].mean() for values in by_event]
    assert row["difference"] == pytest.approx(np.mean(plain), rel=1e-4)
    means = {"signal": n_tokens[1::2].mean(), "others": n_tokens[::2].mean()}
    assert setting["mean_tokens"] == pytest.approx(means)


def made_up_runs(values, n_tokens, label) -> SettingAttention:
    """Runs [n, B] whose tokens give so much to MET φ, one of `n_tokens` [B] tokens."""
    runs = []
    for seed, of_run in enumerate(values):
        uniform = np.zeros((len(label), len(TOKENS), len(LOOKED_AT)))
        uniform[:, 0, LOOKED_AT.index("MET φ")] = (n_tokens - 1) / n_tokens
        weight = np.zeros((1, *uniform.shape))
        weight[0, :, 0, LOOKED_AT.index("MET φ")] = (n_tokens - 1) * of_run
        attention = Attention(
            LAYERS[:1], weight, uniform, (uniform > 0).sum(0), np.ones((1, 1)), 1, label,
            np.arange(len(label)), n_tokens,
        )  # fmt: skip
        runs.append(AttentionRun(f"{seed}", 0, ORDERS["mean, MET"], attention, {}, {}))
    return SettingAttention("made up", runs, 20)


def longer_signal(n_events: int = 2000):
    draw = np.random.default_rng(2)
    label = np.arange(n_events) % 2
    return draw, label, 6 + draw.integers(0, 6, n_events) + 3 * label


def test_a_constant_share_is_no_difference_though_signal_events_are_longer():
    draw, label, n_tokens = longer_signal()
    share = 0.1 + 0.02 * draw.standard_normal((3, len(label)))
    found = signal_differences(made_up_runs(share, n_tokens, label), 1)
    (row,), (plain,) = found.rows, found.unadjusted
    assert plain.is_found
    assert plain.difference == pytest.approx(0.3, abs=0.03)  # 0.1 of three tokens more
    assert not row.is_found
    assert abs(row.difference) < 3 * row.error < 0.1
    expected = (n_tokens[label == 1].mean(), n_tokens[label == 0].mean())
    assert found.n_tokens == pytest.approx(expected)
    # what is planted beside the number of tokens is found
    more = made_up_runs(share + 0.1 * label / n_tokens, n_tokens, label)
    (row,) = signal_differences(more, 1).rows
    assert row.is_found
    assert row.difference == pytest.approx(0.1, abs=3 * row.error)


def test_classes_that_never_have_as_many_tokens_are_not_compared():
    _, label, _ = longer_signal()
    shares = np.full((2, len(label)), 0.1) + 0.01 * np.random.default_rng(0).random((2, len(label)))
    group = made_up_runs(shares, np.where(label == 1, 9, 6), label)
    assert not signal_differences(group, 1).rows
    group = made_up_runs(shares, np.full(len(label), 8), label)
    (row,), (plain,) = (getattr(signal_differences(group, 1), k) for k in ("rows", "unadjusted"))
    assert row.difference == pytest.approx(plain.difference)


def test_event_chance_that_runs_do_not_share_counts_once():
    draw, label, n_tokens = longer_signal(400)
    own = draw.standard_normal((300, 4, len(label)))
    errors, means = [], []
    for noise in own:  # runs differ in nothing but what each sees in each event
        group = made_up_runs((1 + 0.3 * noise) / n_tokens, n_tokens, label)
        (look,) = group.looks()
        errors.append(look.error**2)
        means.append(look.ratio.mean)
    assert np.mean(errors) == pytest.approx(np.var(means), rel=0.25)
    # shared by all runs, it does not go away
    group = made_up_runs((1 + 0.3 * own[:1, 0].repeat(4, 0)) / n_tokens, n_tokens, label)
    (look,) = group.looks()
    assert look.error == pytest.approx(0.3 / math.sqrt(len(label)), rel=0.1)


@pytest.mark.parametrize("n_seeds", [1, 2, 3])
def test_probabilities_of_looks_are_those_of_student(n_seeds):
    draw, label, n_tokens = longer_signal(400)
    seeds = np.array([[0.05], [-0.02], [0.04]])[:n_seeds]
    ratio = 1.01 + seeds + 0.1 * draw.standard_normal(len(label))
    (look,) = made_up_runs(ratio / n_tokens, n_tokens, label).looks()
    off, error = abs(look.ratio.mean - 1), look.error
    if n_seeds == 1:
        expected = math.erfc(off / error / math.sqrt(2))
    else:
        of_seeds = np.var(seeds, ddof=1) / n_seeds
        freedom = (n_seeds - 1) * (error**2 / of_seeds) ** 2
        expected = 2 * stats.t.sf(off / error, freedom)
    assert look.p_holm == pytest.approx(expected, rel=1e-3)  # a single pair: not corrected
    assert look.is_clear == (expected < 0.05)


def test_seeds_that_scatter_about_uniform_are_rarely_called_a_look():
    draw = np.random.default_rng(4)
    label, n_pairs = np.arange(100) % 2, len(TOKENS) * len(LOOKED_AT)
    shape = (len(label), len(TOKENS), len(LOOKED_AT))
    n_wrong, n_tries = 0, 100
    for _ in range(n_tries):
        runs = []
        common = 0.05 * draw.standard_normal(shape)
        for seed in range(2):
            weight = 1 + common + 0.1 * draw.standard_normal(shape[1:])
            attention = Attention(
                LAYERS[:1], weight[None], np.ones(shape), np.full(shape[1:], 100),
                np.ones((1, 1)), 1, label, np.arange(100), np.full(100, 8),
            )  # fmt: skip
            runs.append(AttentionRun(f"{seed}", 0, ORDERS["mean"], attention, {}, {}))
        looks = SettingAttention("chance", runs, 20).looks()
        assert len(looks) == n_pairs
        n_wrong += any(look.is_clear for look in looks)
    assert n_wrong / n_tries < 0.1


def test_random_attention_is_not_called_a_look(make_run, report_of):
    for seed in (1, 2, 3):
        root = make_run(seed).parent
    _, found = report_on(report_of, root)
    row = next(r for r in found["settings"][0]["differences"] if r["name"] == "b-jet")
    assert row["p_holm"] > 0.05
    ratios = np.array(found["settings"][0]["ratios"], dtype=float)
    # heads see random logits, so that all kinds get about the same
    assert np.nanmax(np.abs(ratios[:, :-1] - 1)) < 0.1
    clear = [look for look in found["settings"][0]["looks"] if look["p_holm"] < 0.05]
    assert not clear
    assert "pairs of kinds is clearly off uniform attention (5 % after" in found["answer"]
    assert "most looked at" not in found["answer"]


def test_all_figures_are_drawn(make_run, report_of):
    make_run(1, 32, pooling="cls", boost=in_signal)
    root = make_run(2, differential=True, boost=in_signal).parent
    written, found = report_on(report_of, root, figures=None)
    drawn = {path.stem for path in (written / "training" / "figures").iterdir()}
    assert drawn == set(FIGURES)
    assert {setting["n_seeds"] for setting in found["settings"]} == {1}


def test_gates_are_those_at_the_epoch_of_the_maps(make_run, report_of):
    for seed in (1, 2):
        root = make_run(seed, boost=in_signal).parent
    written, found = report_on(report_of, root, figures=["gates"])
    gate = found["settings"][0]["gates"]["lorentz_scalar"]
    assert gate["mean"] == pytest.approx(0.55)
    assert found["settings"][0]["runs"][0]["epoch"] == 5
    lines = (written / "training" / "figures" / "gates.csv").read_text().splitlines()
    assert lines[1].startswith("lorentz_scalar,1.0,0.15")


def test_runs_that_have_nothing_to_look_at_are_named(make_run, report_of, write_run, config_of):
    root = make_run(1).parent
    make_run(2, epochs=(0, 1, 2))
    torn = make_run(3) / "interpretability" / "epoch_0.pt"
    torn.write_bytes(b"torn")
    write_run(root / "run_20260101-120000_bare", config_of(4))
    wrong = make_run(5)
    facts = json.loads((wrong / "facts" / "config.json").read_text())
    facts["classifier"]["globals"]["include_met"] = False
    for path in (wrong / "facts" / "config.json", wrong / ".hydra" / "config.yaml"):
        path.write_text(json.dumps(facts))
    written, found = report_on(report_of, root)
    reasons = {row["run_dir"]: row["reason"] for row in found["left_out"]}
    assert reasons.keys() == {"mean_64_3", "bare", "mean_64_5"}
    assert "epoch_0.pt" in reasons["mean_64_3"]
    assert "interpretability.enabled=true" in reasons["bare"]
    assert "which token is which" in reasons["mean_64_5"]
    epochs = {run["name"]: run["epoch"] for s in found["settings"] for run in s["runs"]}
    assert epochs == {"mean_64_1": 5, "mean_64_2": 3}
    assert "Runs without attention" in (written / "report.html").read_text()


def test_without_any_map_the_page_says_so(tmp_path, write_run, config_of, report_of):
    root = tmp_path / "outputs" / "runs"
    write_run(root / "run_20260101-120000_bare", config_of(1))
    _, found = report_on(report_of, root)
    assert "No run has maps" in found["answer"]


def test_an_unknown_signal_is_refused(make_run, report_of):
    root = make_run(1).parent
    with pytest.raises(ConfigError, match=r"attention\.signal.*tttt.*4t"):
        report_on(report_of, root, attention={"signal": "tttt"})


def test_pairs_in_too_few_events_are_not_told(make_run, report_of):
    make_run(2)
    root = make_run(1).parent
    written, found = report_on(
        report_of, root, figures=["by_kind", "pooled"], attention={"fewest_events": 10**6}
    )
    assert not (written / "training" / "figures" / "by_kind.png").exists()
    assert found["settings"][0]["differences"] == []
