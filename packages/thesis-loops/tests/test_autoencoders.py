"""What autoencoder loops leave behind beside what every loop does."""

import numpy as np
import pytest
import torch

from small_runs import events_of, numbers_of
from thesis_arch import load_model
from thesis_data.batches import eval_batches
from thesis_data.config import DataConfig
from thesis_data.loading import load_events
from thesis_facts.anomaly import anomaly_report, read_anomaly, read_anomaly_scores
from thesis_facts.errors import ConfigError
from thesis_facts.strict_json import json_ready

LOOPS = ("ae", "gan_ae", "diffusion_ae")


@pytest.fixture(params=LOOPS)
def loop(request):
    return request.param


def test_scores_and_what_they_find(loop, config, train, run_dir):
    train(config(loop, run_dir=str(run_dir)))
    scores = read_anomaly_scores(run_dir, "test")
    report = read_anomaly(run_dir)
    assert report["splits"]["test"] == json_ready(anomaly_report(scores))
    assert {"rec_tokens", "rec_globals", "code_surprise", "n_objects", "ht"} <= set(scores.scores)
    assert set(report["corruptions"]) == {"smearing", "swapped_ids", "met_scale", "dropped_objects"}
    assert report["checkpoint"]["path"] == "best_val.pt"
    assert report["background"] == ["4t", "ttH", "ttW", "ttWW", "ttZ"]


def test_the_checkpoint_gives_the_written_scores(loop, config, train, run_dir, toy_file):
    train(config(loop, run_dir=str(run_dir)))
    model = load_model(run_dir / "best_val.pt")
    data = load_events(DataConfig(path=toy_file))
    written = read_anomaly_scores(run_dir, "test")
    for size in (32, 7):  # however they are batched
        parts = [model.event_scores(batch) for batch in eval_batches(data.test, size)]
        for name in parts[0].keys() - {"embedding"}:
            values = torch.cat([part[name] for part in parts]).numpy()
            np.testing.assert_allclose(values, written.scores[name], rtol=1e-4, atol=1e-4)


def test_errors_and_use_of_codes_are_metrics(loop, config, train, run_dir, toy_file):
    results = train(config(loop, run_dir=str(run_dir)))
    header = numbers_of(run_dir)[0].split(",")
    assert {"metric_codebook", "metric_perplex", "metric_codes_used"} <= set(header)
    histories = events_of(run_dir)[-1]["histories"]
    assert all(1 <= value <= 16 for value in histories["val_perplex"])
    assert all(1 <= value <= 16 for value in histories["train_codes_used"])
    model = load_model(run_dir / "best_val.pt")
    usage = model.latent.usage  # of the codes of the validation events
    assert int(usage.sum()) == int(load_events(DataConfig(path=toy_file)).val.mask.sum())
    assert (usage > 0).sum() == histories["val_codes_used"][results["best_epoch"]]
    errors = "denoising" if loop == "diffusion_ae" else "rec_tokens"
    assert f"test_{errors}" in results
    assert histories[f"val_{errors}"][-1] < histories[f"val_{errors}"][0]


def test_the_discriminator_plays_from_its_epoch_on(config, train, run_dir):
    train(config("gan_ae", run_dir=str(run_dir), phase1__trainer__adversarial__start_epoch=1))
    pulls = events_of(run_dir)[-1]["histories"]["train_pull"]
    assert pulls[0] is None
    assert all(pull > 0 for pull in pulls[1:])
    state = torch.load(run_dir / "last.pt", weights_only=True)["updater"]
    assert state["teacher"]["steps"] == 2 * 8  # of two epochs, which is all of its schedule
    for player in ("teacher", "generator"):  # both end at (almost) no rate
        assert state[player]["optimiser"]["param_groups"][0]["lr"] < 2e-5
    assert state["generator"]["steps"] == 3 * 8


def test_a_background_is_all_that_is_learned_from(loop, config, train, run_dir, toy_file):
    """Other processes change neither the normalisation nor a weight."""
    background = config(loop, run_dir=str(run_dir), phase1__anomaly__background=[2, 3])
    train(background)
    assert read_anomaly(run_dir)["background"] == ["ttH", "ttW"]
    scores = read_anomaly_scores(run_dir, "test")
    assert set(scores.process.tolist()) == {1, 2, 3, 4, 5}  # all of them are scored
    model = load_model(run_dir / "best_val.pt")
    data = load_events(DataConfig(path=toy_file), ("train",), only=(2, 3))
    lengths = torch.bincount(data.train.mask.sum(1), minlength=19)
    assert torch.equal(model.multiplicity.counts.long(), lengths)


def test_parts_of_another_loop_are_refused(config, train):
    cfg = config("ae") | {"loop": "gan_ae"}
    with pytest.raises(ConfigError, match="AdversarialSection"):
        train(cfg)


def test_errors_in_gev_are_refused(loop, config, train):
    with pytest.raises(ConfigError, match=r"data\.norm"):
        train(config(loop, data__norm="none"))


@pytest.mark.parametrize(
    "asked", [{"enc_hidden": []}, {"enc_hidden": [0]}, {"_target_": "os.system"}]
)
def test_parts_that_do_not_exist_are_refused(asked, config, train):
    cfg = config("ae")
    cfg["phase1"]["encoder"] |= asked
    with pytest.raises(ConfigError, match=r"phase1\.encoder\.(enc_hidden|_target_)"):
        train(cfg)
