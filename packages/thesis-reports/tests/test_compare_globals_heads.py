"""Heads that reconstruct MET: what they buy, what they cost, beside models without one."""

import json
import math
import shutil

import numpy as np
import pytest
import yaml

from thesis_facts import (
    append_jsonl_event,
    append_scalars_csv,
    build_event_payload,
    run_meta,
    write_json,
)
from thesis_facts.anomaly import AnomalyScores, write_anomaly_scores
from thesis_facts.errors import ConfigError
from thesis_reports.analyses.compare_globals_heads import FIGURES
from thesis_reports.autoencoders.latent_spaces import latent_names
from thesis_reports.autoencoders.met_heads import head_groups

N_EVENTS = 1200
LATENTS = "thesis_arch.autoencoder.latents"
LINEAR = {"_target_": f"{LATENTS}.linear.LinearLatent", "latent_dim": 2}
VQ = {"_target_": f"{LATENTS}.vq.VqLatent", "latent_dim": 32, "codebook_size": 512}
# weight of the head -> error of MET, error of the momenta
HEADS = {None: (None, 0.10), 0.1: (0.9, 0.10), 10.0: (0.7, 0.15)}


def config_of(beta, latent, seed=0):
    head = {"globals_head": beta is not None, "globals_beta": 1.0 if beta is None else beta}
    return {
        "loop": "ae",
        "env": {"output_root": "outputs"},
        "data": {"path": None, "cont_features": [0, 1, 2, 3]},
        "phase1": {
            "encoder": {"_target_": "…MlpEncoder", "enc_hidden": [16]},
            "latent_space": latent,
            "decoder": {"ids_beta": 1.0, **head, "globals_hidden": [32]},
            "trainer": {"seed": seed, "epochs": 1},
        },
    }


def errors_of(beta, seed, split):
    """Errors of each event: some are hard for all, each seed adds its own."""
    met, tokens = HEADS[beta]
    hard = np.random.default_rng(len(split)).gamma(4, 0.25, N_EVENTS)
    own = np.random.default_rng([seed, len(split), int(10 * (beta or 0))])
    errors = {"rec_tokens": tokens * hard * own.normal(1 + 0.01 * (seed - 1), 0.05, N_EVENTS)}
    if met is not None:
        errors["rec_globals"] = met * hard * own.normal(1 + 0.01 * (seed - 1), 0.05, N_EVENTS)
    return errors


def write_autoencoder(run_dir, config, errors):
    """A finished run of one epoch; `errors` are arrays by split and name, of each event."""
    (run_dir / "facts").mkdir(parents=True)
    (run_dir / ".hydra").mkdir()
    (run_dir / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config))
    (run_dir / ".hydra" / "overrides.yaml").write_text("[]")
    write_json(run_dir / "facts" / "config.json", config)
    seed = config["phase1"]["trainer"]["seed"]
    meta = run_meta(f"id-{run_dir.name}", seed, versions={}, cuda_info={"available": False})

    def event(moment, **fields):
        payload = build_event_payload(moment, run_dir=str(run_dir), meta=meta, **fields)
        append_jsonl_event(run_dir, payload)

    event("on_start")
    means = {
        split: {f"metric_{name}": float(values.mean()) for name, values in of_split.items()}
        for split, of_split in errors.items()
    }
    append_scalars_csv(
        run_dir,
        {"epoch": 0, "split": "val", "val_loss": 1.0, "epoch_time_s": 2.0, **means["val"]},
        {"epoch": 0, "split": "test", **means["test"]},
    )
    event("on_epoch_end", epoch=0, metrics={}, epoch_time_s=2.0, train_loss=1.0, val_loss=1.0)
    for split, of_split in errors.items():
        process = np.random.default_rng(len(split)).integers(1, 6, N_EVENTS)
        write_anomaly_scores(run_dir, split, AnomalyScores(of_split, process))
    event("on_train_end", total_time_s=2.0, histories={})


@pytest.fixture(scope="module")
def written_once(tmp_path_factory):
    """Facts are synced to disk, which takes longer than to copy them."""
    root = tmp_path_factory.mktemp("written") / "runs"
    for name, latent in (("vq", VQ), ("linear", LINEAR)):
        for beta in HEADS:
            for seed in (0, 1, 2) if name == "vq" else (0, 1):
                errors = {split: errors_of(beta, seed, split) for split in ("val", "test")}
                run_dir = root / f"run_20260101-120000_{name}_{beta}_{seed}"
                write_autoencoder(run_dir, config_of(beta, latent, seed), errors)
    return root


@pytest.fixture
def runs(tmp_path, written_once):
    """With a codebook alone."""
    root = tmp_path / "outputs" / "runs"
    return shutil.copytree(written_once, root, ignore=shutil.ignore_patterns("*linear*"))


@pytest.fixture
def two_latents(tmp_path, written_once):
    return shutil.copytree(written_once, tmp_path / "outputs" / "runs")


def report_on(report_of, root, **cfg):
    written = report_of(
        {"report_name": "compare_globals_heads", "inputs": {"run_dirs": f"{root}/*"}} | cfg
    )
    return written, json.loads((written / "training" / "summary.json").read_text())


def test_what_heads_buy_and_cost_is_what_was_written(runs, report_of):
    _, found = report_on(report_of, runs)
    groups = {one["label"]: one for one in found["groups"]}
    assert [*groups] == ["no head", "β = 0.1", "β = 10"]
    assert groups["no head"]["met"] == []
    test = {beta: [errors_of(beta, seed, "test") for seed in (0, 1, 2)] for beta in HEADS}
    strong, none = test[10.0], test[None]
    met = [one["rec_globals"].mean() for one in strong]
    assert groups["β = 10"]["met"] == pytest.approx(met)
    assert groups["β = 10"]["known_share"][0] == pytest.approx(1 - np.mean(met))
    # seeds, and events whose chance is that of the mean over runs
    of_events = np.mean([one["rec_globals"] for one in strong], axis=0)
    error = math.hypot(np.std(met, ddof=1) / math.sqrt(3), of_events.std() / math.sqrt(N_EVENTS))
    assert groups["β = 10"]["known_share"][1] == pytest.approx(error, rel=0.01)
    cost = groups["β = 10"]["cost_comparison"]
    tokens = [[one["rec_tokens"].mean() for one in of_head] for of_head in (strong, none)]
    assert cost["difference"] == pytest.approx(np.mean(tokens[0]) - np.mean(tokens[1]))
    seeds = sum(np.var(values, ddof=1) / 3 for values in tokens)
    assert cost["seed_error"] == pytest.approx(math.sqrt(seeds))


def test_a_cost_is_told_from_chance(runs, report_of):
    _, found = report_on(report_of, runs)
    groups = {one["label"]: one for one in found["groups"]}
    assert groups["β = 10"]["cost_comparison"]["p_holm"] < 0.01
    assert groups["β = 0.1"]["cost_comparison"]["p_holm"] > 0.05
    assert groups["β = 10"]["met_comparison"]["difference"] == pytest.approx(-0.2, abs=0.02)
    assert groups["β = 0.1"]["met_comparison"] is None  # the others' base
    assert found["best"] == "β = 10"
    assert "β = 10 says most of MET" in found["answer"]
    assert "it costs 0.0" in found["answer"]
    assert "β = 0.1 changes nothing that is more than chance" in found["answer"]


def test_p_is_corrected_for_all_differences(runs, report_of):
    _, found = report_on(report_of, runs)
    rows = [
        row
        for one in found["groups"]
        for row in (one["met_comparison"], one["cost_comparison"])
        if row is not None
    ]
    rows.sort(key=lambda row: row["p_value"])
    expected, largest = [], 0.0
    for i, row in enumerate(rows):
        largest = max(largest, min(1.0, (len(rows) - i) * row["p_value"]))
        expected.append(largest)
    assert len(rows) == 3
    assert [row["p_holm"] for row in rows] == pytest.approx(expected)


def test_two_axes_make_a_grid_and_bases_agree_in_the_other(two_latents, report_of):
    written, found = report_on(
        report_of, two_latents, outputs={"which_figures": None, "fig_format": ["png"]}
    )
    drawn = {path.stem for path in (written / "training" / "figures").iterdir()}
    assert drawn == set(FIGURES)
    rows = {one["label"]: one["cost_comparison"] for one in found["groups"]}
    assert len(rows) == 6
    assert {label for label, row in rows.items() if row is None} == {
        "no head, latent_space=VQ 512",
        "no head, latent_space=linear 2",
    }
    linear = rows["β = 10, latent_space=linear 2"]
    tokens = [
        np.mean([errors_of(beta, seed, "test")["rec_tokens"].mean() for seed in (0, 1)])
        for beta in (10.0, None)
    ]
    assert linear["difference"] == pytest.approx(tokens[0] - tokens[1])


def test_without_a_model_that_has_no_head_costs_are_unknown(runs, report_of):
    for path in runs.glob("*_None_*"):
        shutil.rmtree(path)
    written, found = report_on(
        report_of, runs, outputs={"which_figures": None, "fig_format": ["png"]}
    )
    assert "No group without a head" in found["answer"]
    assert all(one["cost_comparison"] is None for one in found["groups"])
    assert (written / "training" / "figures" / "trade.png").is_file()


def test_without_any_head_the_page_says_so(runs, report_of):
    for path in [*runs.glob("*_0.1_*"), *runs.glob("*_10.0_*")]:
        shutil.rmtree(path)
    written, found = report_on(
        report_of, runs, outputs={"which_figures": None, "fig_format": ["png"]}
    )
    assert "none has a head" in found["answer"]
    assert "No run has a head" in (written / "report.html").read_text()


def test_runs_that_cannot_be_compared_are_named(runs, report_of, write_run):
    classifier = {
        "loop": "transformer_classifier",
        "classifier": {"model": {"dim": 8}, "trainer": {"seed": 1}},
    }
    write_run(runs / "run_20260101-120000_classifier", classifier, with_scores=False)
    torn, other, nan = (runs / f"run_20260101-120000_vq_10.0_{seed}" for seed in (0, 1, 2))
    (torn / "scores" / "test.npz").write_bytes(b"PK torn")
    few = AnomalyScores({"rec_tokens": np.ones(7)}, np.ones(7, dtype=int))
    write_anomaly_scores(other, "test", few)
    errors = errors_of(10.0, 2, "test")
    errors["rec_globals"][5] = np.nan
    process = np.random.default_rng(len("test")).integers(1, 6, N_EVENTS)
    write_anomaly_scores(nan, "test", AnomalyScores(errors, process))
    _, found = report_on(report_of, runs)
    reasons = {row["run"]: row["reason"] for row in found["left_out"]}
    assert reasons["classifier"].startswith("not an autoencoder")
    assert "test.npz" in reasons["vq_10.0_0"]
    assert "other events" in reasons["vq_10.0_1"]
    assert "not finite" in reasons["vq_10.0_2"]
    assert not any("None" in run for run in reasons)  # no head is no reason
    assert found["best"] == "β = 0.1"


def test_hostile_names_stay_text(runs, report_of):
    hostile = "<script>alert(1)</script> $x_{"
    for run_dir in runs.glob("*_10.0_*"):
        config = json.loads((run_dir / "facts" / "config.json").read_text())
        config["phase1"]["encoder"]["activation"] = hostile
        (run_dir / "facts" / "config.json").write_text(json.dumps(config))
        (run_dir / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config))
    written, found = report_on(
        report_of, runs, outputs={"which_figures": None, "fig_format": ["png"]}
    )
    assert any("<script>" in one["label"] for one in found["groups"])
    assert "<script>alert" not in (written / "report.html").read_text()


def test_an_unknown_error_is_refused(runs, report_of):
    with pytest.raises(ConfigError, match=r"globals_heads\.cost"):
        report_on(report_of, runs, globals_heads={"cost": "rec_token"})


def test_heads_are_grouped_by_weight_and_all_else():
    configs = {
        "a": config_of(1, VQ, 0),
        "b": config_of(1.0, VQ, 1),
        "c": config_of(None, VQ),
        "d": config_of(1.0, {**VQ, "codebook_size": 64}),
    }
    groups = head_groups(configs, latent_names(configs))
    assert [(g.beta, g.rest, g.runs.run_dirs) for g in groups] == [
        (None, "latent_space=VQ 512", ("c",)),
        (1.0, "latent_space=VQ 512", ("a", "b")),
        (1.0, "latent_space=VQ 64", ("d",)),
    ]
