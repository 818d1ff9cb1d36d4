"""Where attention looks: against a slow reference, for every order of tokens."""

import json
import math

import numpy as np
import pytest

from thesis_facts.errors import ConfigError, RunError
from thesis_reports import registry
from thesis_reports.analyses.interpret_attention import FIGURES
from thesis_reports.interpretability.attention_runs import gate_label, layer_label
from thesis_reports.interpretability.attention_summary import (
    LOOKED_AT,
    TOKENS,
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
    for wrong in ({}, {LAYERS[0]: np.array(0.99)}):
        with pytest.raises(RunError, match="differential_lambda"):
            summarise_attention({LAYERS[0]: maps}, events, order, wrong)


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
    assert "What b-jets get differs between 4t and other events: +" in found["answer"]
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
        values = np.array(values)
        by_event.append(values)
        differences.append(values[1::2].mean() - values[::2].mean())
    row = next(r for r in found["settings"][0]["differences"] if r["name"] == "b-jet")
    assert row["difference"] == pytest.approx(np.mean(differences), rel=1e-4)
    both = np.mean(by_event, axis=0)
    error = math.hypot(*(np.std(both[k::2], ddof=1) / math.sqrt(N_EVENTS / 2) for k in (0, 1)))
    assert row["event_error"] == pytest.approx(error, rel=1e-4)
    assert row["seed_error"] == pytest.approx(np.std(differences, ddof=1) / math.sqrt(2), rel=1e-4)


def test_random_attention_is_not_called_a_look(make_run, report_of):
    for seed in (1, 2, 3):
        root = make_run(seed).parent
    _, found = report_on(report_of, root)
    row = next(r for r in found["settings"][0]["differences"] if r["name"] == "b-jet")
    assert row["p_holm"] > 0.05
    ratios = np.array(found["settings"][0]["ratios"], dtype=float)
    # heads see random logits, so that all kinds get about the same
    assert np.nanmax(np.abs(ratios[:, :-1] - 1)) < 0.1


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
