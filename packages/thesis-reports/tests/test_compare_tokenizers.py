"""Tokenizers compared: error beside bits and time, chosen on validation, judged on test."""

import json
import math
import re
import shutil

import numpy as np
import pandas as pd
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
from thesis_reports.analyses.compare_tokenizers import FIGURES
from thesis_reports.autoencoders.bits import bits_per_object, ideal_bits_per_object
from thesis_reports.autoencoders.latent_spaces import LatentSpace, latent_names, latent_space_of
from thesis_reports.elapsed import seconds_of, times_of, training_seconds
from thesis_reports.figures.pareto import TradePoint, draw_trade, pareto_front

N_EVENTS = 1500
LATENTS = "thesis_arch.autoencoder.latents"
NONE = {"_target_": f"{LATENTS}.identity.IdentityLatent"}
LINEAR = {"_target_": f"{LATENTS}.linear.LinearLatent", "latent_dim": 2}
VQ = {"_target_": f"{LATENTS}.vq.VqLatent", "latent_dim": 32, "codebook_size": 512, "beta": 0.25}
# error of a typical event; without a bottleneck it is lowest, and a code beats two numbers
KINDS = {"none": (NONE, 0.01), "linear": (LINEAR, 0.3), "vq": (VQ, 0.1)}


def config_of(latent, seed=0, **decoder):
    return {
        "loop": "ae",
        "env": {"output_root": "outputs"},
        "data": {"path": None, "cont_features": [0, 1, 2, 3]},
        "phase1": {
            "encoder": {"_target_": "…MlpEncoder", "enc_hidden": [64, 16], "id_embed_dim": 8},
            "latent_space": latent,
            "decoder": {"globals_head": True, "globals_beta": 1.0, **decoder},
            "anomaly": {"background": None},
            "trainer": {"seed": seed, "epochs": 4},
        },
    }


def write_autoencoder(run_dir, config, errors, *, end="complete", times=2.0, perplexity=None):
    """A run with 4 epochs; `errors` are arrays by split and name, of each event."""
    (run_dir / "facts").mkdir(parents=True)
    (run_dir / ".hydra").mkdir()
    overrides = [f"+phase1/variant={run_dir.name.split('-')[-2]}"]
    (run_dir / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config))
    (run_dir / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(overrides))
    write_json(run_dir / "facts" / "config.json", config)
    seed = config["phase1"]["trainer"]["seed"]
    meta = run_meta(f"id-{run_dir.name}", seed, versions={}, cuda_info={"available": False})

    def event(moment, **fields):
        payload = build_event_payload(moment, run_dir=str(run_dir), meta=meta, **fields)
        append_jsonl_event(run_dir, payload)

    event("on_start")
    final = {name: float(values.mean()) for name, values in errors["val"].items()}
    for epoch in range(4):
        metrics = {name: value * (4 - epoch) for name, value in final.items()}
        if perplexity is not None:
            metrics |= {"perplex": perplexity * (epoch + 1) / 4, "codes_used": 512.0}
        loss = sum(final.values()) * (4 - epoch)
        for split in ("train", "val"):
            append_scalars_csv(
                run_dir,
                {"epoch": epoch, "split": split, f"{split}_loss": loss, "epoch_time_s": times,
                 "throughput": 1000.0 / times, **{f"metric_{k}": v for k, v in metrics.items()}},
            )  # fmt: skip
        losses = {"train_loss": loss, "val_loss": loss}
        event("on_epoch_end", epoch=epoch, metrics=metrics, epoch_time_s=times, **losses)
    if end != "complete":
        return
    shared = {split: np.random.default_rng(len(split)) for split in errors}
    for split, of_split in errors.items():
        process = shared[split].integers(1, 6, N_EVENTS)
        n_objects = shared[split].poisson(8, N_EVENTS).astype(float)
        scores = {**of_split, "n_objects": n_objects}
        write_anomaly_scores(run_dir, split, AnomalyScores(scores, process))
    test = {name: float(values.mean()) for name, values in errors["test"].items()}
    row = {f"metric_{name}": value for name, value in test.items()}
    append_scalars_csv(run_dir, {"epoch": 3, "split": "test", **row})
    event("on_test_end", split="test", metrics=test)
    event("on_train_end", total_time_s=4 * times, histories={})


def errors_of(level, seed):
    """The same events are hard for all models; seeds move all errors a little."""
    found = {}
    for split in ("val", "test"):
        hard = np.random.default_rng(len(split)).gamma(4, 0.25, N_EVENTS)
        own = np.random.default_rng([seed, len(split)])
        factor = 1 + 0.02 * (seed - 1)
        found[split] = {"rec_tokens": level * factor * hard * own.uniform(0.9, 1.1, N_EVENTS)}
    return found


@pytest.fixture(scope="module")
def written_once(tmp_path_factory):
    """Facts are synced to disk, which takes longer than to copy them."""
    return write_all(tmp_path_factory.mktemp("written") / "runs")


@pytest.fixture
def runs(tmp_path, written_once):
    return shutil.copytree(written_once, tmp_path / "outputs" / "runs")


def write_all(root, kinds=KINDS):
    for name, (latent, level) in kinds.items():
        for seed in (0, 1, 2):
            write_autoencoder(
                root / f"run_20260101-120000_x-{name}-{seed}",
                config_of(latent, seed),
                errors_of(level, seed),
                times=3.0 if name == "vq" else 2.0,
                perplexity=400.0 if "codebook_size" in latent else None,
            )
    return root


def report_on(report_of, root, **cfg):
    written = report_of(
        {"report_name": "compare_tokenizers", "inputs": {"run_dirs": f"{root}/*"}} | cfg
    )
    return written, json.loads((written / "training" / "summary.json").read_text())


def test_errors_and_bits_are_what_was_written(runs, report_of):
    _, found = report_on(report_of, runs)
    tokenizers = {one["label"]: one for one in found["tokenizers"]}
    assert [*tokenizers] == ["none", "vq", "linear"]  # by validation error
    for name, (_, level) in KINDS.items():
        expected = [errors_of(level, seed)["test"]["rec_tokens"].mean() for seed in (0, 1, 2)]
        assert tokenizers[name]["values"] == pytest.approx(expected)
    archive = np.load(runs / "run_20260101-120000_x-vq-0" / "scores" / "test.npz")
    n_objects = archive["column.n_objects"].mean()
    bits = {name: one["bits_per_event"] for name, one in tokenizers.items()}
    assert bits == pytest.approx(
        {"none": 16 * 32 * n_objects, "linear": 2 * 32 * n_objects, "vq": 9 * n_objects}
    )
    ideal = tokenizers["vq"]["ideal_bits_per_event"]["mean"]
    assert ideal == pytest.approx(math.log2(400) * n_objects)
    assert tokenizers["none"]["input_bits_per_event"] == pytest.approx(4 * 32 * n_objects)
    assert tokenizers["linear"]["ideal_bits_per_event"]["mean"] is None
    assert tokenizers["vq"]["training_seconds"]["mean"] == pytest.approx(12.0)
    assert [one["on_front"] for one in found["tokenizers"]] == [True, True, False]


def test_what_the_codebook_pays_is_paired_by_events(runs, report_of):
    _, found = report_on(report_of, runs)
    vq, none = (
        [errors_of(KINDS[name][1], seed)["test"]["rec_tokens"] for seed in (0, 1, 2)]
        for name in ("vq", "none")
    )
    row = next(row for row in found["comparisons"] if row["name"] == "vq")
    assert row["difference"] == pytest.approx(np.mean(vq) - np.mean(none))
    seeds = [np.var([one.mean() for one in of_kind], ddof=1) / 3 for of_kind in (vq, none)]
    assert row["seed_error"] == pytest.approx(math.sqrt(sum(seeds)))
    of_events = np.mean(vq, axis=0) - np.mean(none, axis=0)
    paired = of_events.std() / math.sqrt(N_EVENTS)
    assert row["event_error"] == pytest.approx(paired, rel=0.05)
    assert row["p_holm"] < 0.05
    assert (
        "none has the lowest rec_tokens on the validation split: on the test split 0.0099"
        in found["answer"]
    )
    assert "vq pays 0.0" in found["answer"]
    assert "56.9 times fewer" in found["answer"]  # 16 · 32 / 9
    assert "vq is ahead of others that take more bits: linear" in found["answer"]


def test_all_figures_are_drawn(runs, report_of):
    written, _ = report_on(
        report_of,
        runs,
        outputs={"which_figures": None, "fig_format": ["png"]},
        thresholds={"val_rec_tokens": 0.25},
    )
    figures = written / "training" / "figures"
    assert {path.stem for path in figures.iterdir()} == set(FIGURES)
    curves = pd.read_csv(figures / "error_time.csv")
    vq = curves[curves["run"].str.endswith("vq-1")]
    assert vq["seconds"].tolist() == [3.0, 6.0, 9.0, 12.0]
    # 0.1 · (4, 3, 2, 1) falls below 0.25 in the third epoch, 0.01 · 4 in the first
    times = pd.read_csv(figures / "time_to_threshold.csv")
    assert times.groupby("setting")["value"].mean().to_dict() == {"none": 2.0, "vq": 9.0}
    assert "Not reached by linear (3 of 3 runs)" in (written / "report.html").read_text()


def test_axes_may_be_named(runs, report_of):
    _, found = report_on(report_of, runs, tokenizers={"axes": ["latent_space"]})
    labels = {one["label"] for one in found["tokenizers"]}
    assert labels == {f"latent_space={one}" for one in ("no bottleneck", "VQ 512", "linear 2")}
    _, found = report_on(report_of, runs, tokenizers={"axes": "codebook_size"})
    assert [len(one["values"]) for one in found["tokenizers"]] == [3, 6]


def test_without_variants_groups_are_named_by_what_is_kept(runs, report_of):
    for path in runs.glob("*/.hydra/overrides.yaml"):
        path.write_text("[]")
    _, found = report_on(report_of, runs)
    labels = [one["label"] for one in found["tokenizers"]]
    assert labels == [f"latent_space={one}" for one in ("no bottleneck", "VQ 512", "linear 2")]


def test_runs_that_cannot_be_compared_are_named(runs, report_of, write_run, tmp_path):
    classifier = {
        "loop": "transformer_classifier",
        "classifier": {"model": {"dim": 8}, "trainer": {"seed": 1}},
    }
    write_run(runs / "run_20260101-120000_classifier", classifier, with_scores=False)
    write_autoencoder(
        runs / "run_20260101-120000_x-vq-9", config_of(VQ, 9), errors_of(0.1, 1), end="crashed"
    )
    broken = runs / "run_20260101-120000_x-vq-0"
    (broken / "scores" / "test.npz").write_bytes(b"PK torn")
    other = AnomalyScores({"rec_tokens": np.ones(7)}, np.ones(7, dtype=int))
    write_anomaly_scores(runs / "run_20260101-120000_x-vq-1", "test", other)
    written, found = report_on(report_of, runs)
    reasons = {row["run"]: row["reason"] for row in found["left_out"]}
    assert reasons["classifier"] == "not an autoencoder: loop=transformer_classifier"
    assert "test.npz" in reasons["x-vq-0"]
    assert "other events" in reasons["x-vq-1"]
    vq = next(one for one in found["tokenizers"] if one["label"] == "vq")
    assert len(vq["values"]) == 1
    assert "other events" in (written / "report.html").read_text()
    assert "Runs that did not finish" in (written / "report.html").read_text()


def test_without_scores_recorded_means_stand_for_them(runs, report_of):
    for path in runs.glob("*/scores/*.npz"):
        path.unlink()
    written, found = report_on(
        report_of, runs, outputs={"which_figures": None, "fig_format": ["png"]}
    )
    assert found["n_events"] == 0
    assert found["tokenizers"][0]["label"] == "none"
    assert found["tokenizers"][0]["bits_per_event"] is None
    text = (written / "report.html").read_text()
    assert "chance in the events" in text
    assert "How many bits are kept of an event is unknown" in text


def test_no_autoencoder_is_said(tmp_path, sweep, report_of):
    written = report_of({"report_name": "compare_tokenizers", "inputs": {"sweep_dir": str(sweep)}})
    found = json.loads((written / "training" / "summary.json").read_text())
    assert "No autoencoder has a rec_tokens" in found["answer"]


@pytest.mark.parametrize(
    ("tokenizers", "key", "said"),
    [
        ({"axes": ["latents"]}, "tokenizers.axes", "latent_space"),
        ({"metric": "rec_token"}, "tokenizers.metric", "did you mean rec_tokens?"),
    ],
)
def test_mistakes_are_named(runs, report_of, tokenizers, key, said):
    with pytest.raises(ConfigError, match=re.escape(said)) as caught:
        report_on(report_of, runs, tokenizers=tokenizers)
    assert key in str(caught.value)


def test_hostile_names_stay_text(runs, report_of):
    for path in runs.glob("*-vq-*/.hydra/overrides.yaml"):
        path.write_text(yaml.safe_dump(["+phase1/variant='<script>alert(1)</script> $x_{'"]))
    written, found = report_on(
        report_of, runs, outputs={"which_figures": ["pareto", "error_time"], "fig_format": "png"}
    )
    assert any("<script>" in one["label"] for one in found["tokenizers"])
    assert "<script>alert" not in (written / "report.html").read_text()


def test_latent_spaces_are_read_from_configs():
    assert latent_space_of(config_of(NONE)) == LatentSpace("none", numbers=16)
    assert latent_space_of({"phase1": {"latent_space": {"_target_": "my.Own"}}}).kind == "other"
    slow, fast = ({**VQ, "beta": beta} for beta in (0.1, 0.5))
    names = latent_names({"a": config_of(slow), "b": config_of(fast), "c": config_of(NONE)})
    assert names == {"a": "VQ 512, beta=0.1", "b": "VQ 512, beta=0.5", "c": "no bottleneck"}
    assert latent_names({"broken": {}, "empty": {"loop": "ae", "phase1": None}}) == {}


def test_bits_that_are_unknown_stay_unknown():
    assert math.isnan(bits_per_object(LatentSpace("other")))
    assert math.isnan(ideal_bits_per_object(LatentSpace("vq", codebook_size=8), 0.0))
    assert ideal_bits_per_object(LatentSpace("vq", codebook_size=8), 8.0) == 3.0


def test_seconds_add_up_until_one_is_unknown():
    rows = [("a", 0, 2.0), ("a", 1, 3.0), ("b", 0, 1.0), ("b", 1, math.nan), ("b", 2, 4.0)]
    epochs = pd.DataFrame(rows, columns=["run_dir", "epoch", "epoch_time_s"])
    epochs = pd.concat([epochs.assign(split=split) for split in ("train", "val")])
    epochs["metric_error"] = 1.0 / (1 + epochs["epoch"])
    assert seconds_of(epochs).loc["a"].tolist() == [2.0, 5.0]
    assert seconds_of(epochs).loc["b"].isna().tolist() == [False, True, True]
    total = training_seconds(epochs)
    assert total["a"] == 5.0
    assert math.isnan(total["b"])
    found = times_of(epochs, "metric_error", "val", {"a": "A", "b": "B"})
    assert found["a"].epochs.tolist() == [2.0, 5.0]
    assert found["a"].values.tolist() == [1.0, 0.5]
    assert found["b"].epochs.tolist() == [1.0]
    without = epochs.drop(columns="epoch_time_s")
    assert times_of(without, "metric_error", "val", {"a": "A", "b": "B"}) == {}


def test_the_front_is_what_nothing_beats():
    generator = np.random.default_rng(3)
    x, y = generator.integers(0, 6, (2, 40)).astype(float)
    x[0] = np.nan
    expected = [
        np.isfinite(x[i])
        and not any(
            x[j] <= x[i] and y[j] <= y[i] and (x[j] < x[i] or y[j] < y[i]) for j in range(40)
        )
        for i in range(40)
    ]
    assert pareto_front(list(x), list(y)) == expected


def test_many_groups_are_drawn_too():
    points = [
        TradePoint(f"group {i}", np.array([1.0 + i]), np.array([3.0]), on_front=i == 0)
        for i in range(30)
    ]
    axes = draw_trade(points, x_quantity="$x_{", y_quantity="y").axes[0]
    labels = axes.get_legend_handles_labels()[1]
    assert labels == ["group 0", "other groups"]
