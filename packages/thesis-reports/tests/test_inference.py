"""Checkpoints score events as their runs did, once, and one that is broken stops nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from thesis_facts import read_scores, write_scores
from thesis_facts.errors import ConfigError, RunError
from thesis_reports import ReportConfig
from thesis_reports.config import CorruptionType
from thesis_reports.verify import verify_report

pytestmark = pytest.mark.inference

CLASSES = ("ttH+ttW+ttWW+ttZ", "4t")


def _toy_file(path: Path, seed: int = 1) -> Path:
    from thesis_data import DataConfig, ensure_dataset

    toy = {"n_events": 600, "seed": seed}
    ensure_dataset(DataConfig(path=str(path), synthetic=toy))  # ty: ignore[invalid-argument-type]
    return path


def _model(seed: int) -> Any:
    import torch

    from thesis_arch.baselines.mlp import MLPClassifier
    from thesis_arch.baselines.mlp_config import MLPSpec
    from thesis_arch.data_spec import DataSpec

    torch.manual_seed(seed)
    model = {
        "name": "mlp_classifier",
        "hidden_sizes": [16],
        "dropout": 0.1,
        "activation": "gelu",
        "use_batch_norm": True,
        "tokenizer": {"name": "identity", "id_embed_dim": 8, "pid_mode": "one_hot"},
    }
    config = {"model": model, "globals": {"include_met": True}, "norm": "zscore"}
    return MLPClassifier(MLPSpec.model_validate(config), DataSpec(18, (0, 1, 2, 3), CLASSES))


@pytest.fixture
def events(tmp_path: Path) -> Path:
    return _toy_file(tmp_path / "events.h5")


@pytest.fixture
def run(tmp_path: Path, events: Path, write_run, config_of) -> Callable[[int], Path]:
    """Write a run whose checkpoint scored its test events, and wrote the scores."""
    import torch

    from thesis_arch import model_payload
    from thesis_data import DataConfig, describe_dataset, eval_batches, load_events
    from thesis_data.scoring import classifier_scores

    def write(seed: int) -> Path:
        config = config_of(seed)
        config["data"]["path"] = str(events)
        dataset = describe_dataset(DataConfig(**config["data"]))
        run_dir = tmp_path / "outputs" / "runs" / f"run_20260101-120000_m{seed}"
        write_run(run_dir, config, dataset=dataset, with_scores=False)
        model = _model(seed)
        data = load_events(DataConfig(**config["data"]))
        model.fit_statistics(eval_batches(data.train, 60))
        model.eval()
        torch.save(model_payload(model), run_dir / "best_val.pt")
        for split in ("val", "test"):
            scores = classifier_scores(
                model,
                data.splits[split],
                data.class_names,
                batch_size=config["classifier"]["trainer"]["batch_size"],
                device=torch.device("cpu"),
            )
            write_scores(run_dir, split, scores)
        return run_dir

    return write


@pytest.fixture
def source(tmp_path: Path) -> Callable[..., Any]:
    """A source of scores with inference, and what else the config is to say."""
    from thesis_facts import read_config
    from thesis_reports.scores import ScoreSource

    def build(*run_dirs: Path, **config: Any) -> Any:
        inputs = {"run_dirs": [str(run_dir) for run_dir in run_dirs]}
        inference = {"enabled": True, "device": "cpu", **config.pop("inference", {})}
        full = ReportConfig.model_validate({"inputs": inputs, "inference": inference, **config})
        return ScoreSource(full, {str(run): read_config(run) for run in run_dirs})

    return build


@pytest.mark.parametrize("split", ["val", "test"])
def test_scores_are_those_that_training_wrote(run, source, split: str) -> None:
    run_dir = run(1)
    found, written = source(run_dir).read(str(run_dir), split), read_scores(run_dir, split)
    np.testing.assert_array_equal(found.logits, written.logits)
    np.testing.assert_array_equal(found.labels, written.labels)
    assert set(found.columns) == set(written.columns) > {"n_jets", "ht", "met"}


def test_the_training_split_can_be_scored_too(run, source) -> None:
    run_dir = run(1)
    assert len(source(run_dir).read(str(run_dir), "train")) > 300


def test_batches_bound_the_memory_and_change_nothing_that_matters(run, source) -> None:
    run_dir = run(1)
    small = source(run_dir, inference={"batch_size": 7}).read(str(run_dir), "test")
    np.testing.assert_allclose(small.logits, read_scores(run_dir, "test").logits, atol=1e-5)


def test_a_sample_is_always_the_same_one(run, source) -> None:
    run_dir = run(1)
    few = source(run_dir, inference={"max_samples": 20}).read(str(run_dir), "test")
    rows = source(run_dir).read(str(run_dir), "test")
    assert len(few) == 20
    places = [np.flatnonzero(rows.columns["ht"] == ht)[0] for ht in few.columns["ht"]]
    assert places == sorted(places)


def test_a_second_report_scores_nothing(run, source) -> None:
    run_dir = run(1)
    first = source(run_dir)
    first.read(str(run_dir), "test")
    assert first.describe_inference()["n_scored"] == 1
    again = source(run_dir)
    again.read(str(run_dir), "test")
    told = again.describe_inference()
    assert (told["n_scored"], told["n_from_cache"]) == (0, 1)


def test_another_checkpoint_is_scored_anew(run, source) -> None:
    import torch

    from thesis_arch import model_payload

    run_dir = run(1)
    before = source(run_dir).read(str(run_dir), "test").logits
    torch.save(model_payload(_model(5).eval()), run_dir / "best_val.pt")
    after = source(run_dir).read(str(run_dir), "test").logits
    assert np.abs(after - before).max() > 1e-3


def test_another_file_is_scored_with_data_path(run, source, tmp_path: Path) -> None:
    run_dir, other = run(1), _toy_file(tmp_path / "other.h5", seed=2)
    found = source(run_dir, data={"path": str(other)}).read(str(run_dir), "test")
    assert not np.array_equal(found.logits, read_scores(run_dir, "test").logits)


def test_changed_events_are_refused(run, source, events: Path) -> None:
    run_dir = run(1)
    events.unlink()
    _toy_file(events, seed=3)
    with pytest.raises(RunError, match=r"not the one that the run was trained on.*data\.path"):
        source(run_dir).read(str(run_dir), "test")


def test_corrupted_events_score_otherwise(run, source) -> None:
    run_dir = run(1)
    clean = source(run_dir).read(str(run_dir), "test")
    changed = source(run_dir).read_corrupted(str(run_dir), "test", "dropped_objects", 0.5)
    assert np.abs(changed.logits - clean.logits).max() > 1e-3
    np.testing.assert_array_equal(changed.columns["ht"], clean.columns["ht"])


@pytest.mark.parametrize("damage", ["gone", "truncated", "foreign", "empty"])
def test_one_broken_checkpoint_never_stops_a_report(damage: str, run, report_of) -> None:
    good, bad = run(1), run(2)
    checkpoint = bad / "best_val.pt"
    content = checkpoint.read_bytes()
    if damage == "gone":
        checkpoint.unlink()
    else:
        broken = {"truncated": content[: len(content) // 2], "foreign": b"nonsense", "empty": b""}
        checkpoint.write_bytes(broken[damage])
    report = report_of(
        {
            "report_name": "compare",
            "compare": {"axes": ["seed"]},
            "inputs": {"run_dirs": [str(good), str(bad)]},
            "inference": {"enabled": True, "device": "cpu"},
        }
    )
    summary = json.loads((report / "inference" / "summary.json").read_text())
    assert [Path(one["run_dir"]) for one in summary["left_out"]] == [bad]
    assert len(summary["groups"]) == 1
    assert str(bad) in (report / "report.html").read_text()


def test_the_report_names_what_was_scored_and_can_be_checked(run, report_of) -> None:
    import yaml

    run_dirs = [run(1), run(2)]
    report = report_of(
        {
            "report_name": "compare",
            "compare": {"axes": ["seed"]},
            "inputs": {"run_dirs": [str(run_dir) for run_dir in run_dirs]},
            "inference": {"enabled": True, "device": "cpu", "persist_raw_scores": True},
        }
    )
    manifest = yaml.safe_load((report / "manifest.yaml").read_text())
    assert manifest["inference"]["n_scored"] == 4
    assert {one["split"] for one in manifest["scores"]} == {"val", "test"}
    kept = sorted(path.name for path in (report / "inference" / "scores").iterdir())
    assert kept == ["m1_test.npz", "m1_val.npz", "m2_test.npz", "m2_val.npz"]
    copy = read_scores(report / "inference" / "scores" / "m1_test.npz")
    np.testing.assert_array_equal(copy.logits, read_scores(run_dirs[0], "test").logits)
    found = verify_report(report)
    assert found.holds, found.text()


def test_the_kinds_of_corruption_are_those_of_the_data() -> None:
    from thesis_data.corruption import CORRUPTIONS

    assert set(get_args(CorruptionType)) == set(CORRUPTIONS)


def test_models_are_judged_on_corrupted_events_too(run, report_of) -> None:
    strategies = [
        {"type": "dropped_objects", "params": {"strength": 0.9}, "name": "hardly any object"},
        {"type": "met_scale", "params": {"strength": 1.0}},
    ]
    report = report_of(
        {
            "report_name": "evaluate_classifier",
            "evaluate": {"axes": ["seed"], "bootstrap": 50},
            "inputs": {"run_dirs": [str(run(1)), str(run(2))]},
            "inference": {
                "enabled": True, "device": "cpu", "corruption_strategies": strategies,
            },
            "outputs": {"which_figures": ["corruptions"], "fig_format": ["png"]},
        }
    )  # fmt: skip
    summary = json.loads((report / "inference" / "summary.json").read_text())
    found = {(one["model"], one["corruption"]): one for one in summary["corruptions"]}
    assert {name for _, name in found} == {"hardly any object", "met_scale 1"}
    for (_, name), one in found.items():
        if name == "met_scale 1":  # changes nothing
            assert one["difference"] == 0
            assert one["event_error"] == 0
        else:
            assert one["difference"] != 0
            assert one["event_error"] > 0
    assert verify_report(report).holds


def test_a_chance_above_one_is_refused(report_of, run) -> None:
    strategy = {"type": "dropped_objects", "params": {"strength": 1.5}}
    asked = {
        "inputs": {"run_dirs": [str(run(1))]},
        "inference": {"enabled": True, "corruption_strategies": [strategy]},
    }
    with pytest.raises(
        ConfigError, match=r"is a chance, found 1\.5: inference\.corruption_strategies"
    ):
        report_of(asked)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"inference": {"enabled": True, "device": "cuda:99"}}, r"inference\.device.*cuda:99"),
        ({"inference": {"enabled": True, "device": "tpu"}}, r"inference\.device"),
        ({"inference": {"enabled": True}, "data": {"path": "no.h5"}}, r"data\.path.*no\.h5"),
        ({"inference": {"enabled": True}, "data": {"path": "no*.h5"}}, r"data\.path"),
    ],
)
def test_what_no_run_could_be_scored_with_is_refused_at_once(asked, said, run, report_of) -> None:
    with pytest.raises(ConfigError, match=said):
        report_of({"inputs": {"run_dirs": [str(run(1))]}, **asked})


def test_what_runs_recorded_never_stands_for_other_events(run, tmp_path, report_of) -> None:
    other = _toy_file(tmp_path / "other.h5", seed=2)
    run_dir = run(1)
    (run_dir / "best_val.pt").write_bytes(b"nonsense")
    inference = {"enabled": True, "device": "cpu"}
    asked = {"inputs": {"run_dirs": [str(run_dir)]}, "inference": inference}
    report = report_of({**asked, "data": {"path": str(other)}})
    summary = json.loads((report / "inference" / "summary.json").read_text())
    assert summary["best"]["test"] == {}
    assert "On the test split" not in summary["answer"]
    page = (report / "report.html").read_text()
    assert "Scores are of the events in" in page


def test_a_model_for_another_task_is_left_out_and_named(run, report_of) -> None:
    import torch

    good, bad = run(1), run(2)
    payload = torch.load(bad / "best_val.pt", weights_only=True)
    payload["spec"]["cont_features"] = [0, 1, 2]  # of events that have four numbers an object
    torch.save(payload, bad / "best_val.pt")
    report = report_of(
        {
            "report_name": "compare",
            "compare": {"axes": ["seed"]},
            "inputs": {"run_dirs": [str(good), str(bad)]},
            "inference": {"enabled": True, "device": "cpu"},
        }
    )
    summary = json.loads((report / "inference" / "summary.json").read_text())
    assert [Path(one["run_dir"]) for one in summary["left_out"]] == [bad]


def test_a_damaged_file_in_the_cache_is_made_anew(run, source) -> None:
    run_dir = run(1)
    first = source(run_dir)
    expected = first.read(str(run_dir), "test").logits
    ((_, _, path),) = first.files
    path.write_bytes(path.read_bytes()[:1000])
    np.testing.assert_array_equal(source(run_dir).read(str(run_dir), "test").logits, expected)


def test_other_weights_than_those_that_were_tested_are_refused(run, source) -> None:
    import torch

    from thesis_arch import model_payload
    from thesis_facts import describe_file, write_json

    run_dir = run(1)
    told = {"checkpoint": describe_file(run_dir / "best_val.pt") | {"path": "best_val.pt"}}
    write_json(run_dir / "facts" / "evaluation.json", told)
    source(run_dir).read(str(run_dir), "test")
    torch.save(model_payload(_model(5).eval()), run_dir / "best_val.pt")
    with pytest.raises(RunError, match="not the one that the run tested"):
        source(run_dir).read(str(run_dir), "test")


def test_verify_reads_what_the_manifest_names_and_scores_nothing(run, report_of, tmp_path) -> None:
    asked = {"inputs": {"run_dirs": [str(run(1))]}, "inference": {"enabled": True}}
    report = report_of(asked)
    assert verify_report(report).holds
    (cached,) = (tmp_path / "outputs" / "cache" / "scores").glob("*/scores/test.npz")
    cached.unlink()
    for _ in range(2):
        found = verify_report(report)
        assert [Path(path).name for path, what in found.changed if "gone" in what] == ["test.npz"]
        assert "answer" in found.failed
    assert not cached.exists()


def test_other_events_need_inference(report_of, run) -> None:
    with pytest.raises(ConfigError, match=r"data\.path.*inference\.enabled=true"):
        report_of({"inputs": {"run_dirs": [str(run(1))]}, "data": {"path": "other.h5"}})
