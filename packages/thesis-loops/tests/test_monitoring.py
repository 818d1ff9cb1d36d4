"""Pictures of runs: which there are, and that the run does not feel them."""

import logging
import os
import signal
from dataclasses import replace

import pytest
import torch

from killing import die, in_child
from pictures import drawing, drawn, settings_for
from ranks import results_of, start_ranks
from small_disks import fill, small_disk
from small_runs import numbers_of
from thesis_arch.autoencoder.config import DiffusionSpec
from thesis_arch.autoencoder.diffusion.model import DiffusionAutoencoder
from thesis_arch.checkpoint import read_checkpoint
from thesis_data.batches import eval_batches
from thesis_data.loading import load_events
from thesis_facts import durable
from thesis_loops import illustrations
from thesis_loops.config import DiffusionSection, check_config
from thesis_loops.engine.sinks import open_sinks
from thesis_loops.monitoring.families import FAMILIES
from thesis_loops.reconstruction import phase1_sections
from thesis_loops.starting import build_for_events

CURVES = {"losses", "metrics", "latency"}
CLASSIFIED = {"roc", "confusion", "scores"}
OF_LOOP = {
    "test_mlp": ({"losses", "latency"}, set()),
    "transformer_classifier": (CURVES, CLASSIFIED),
    "mlp_classifier": (CURVES, CLASSIFIED),
    "bdt_classifier": (CURVES, CLASSIFIED),
    "ae": (CURVES | {"codebook"}, {"recon"}),
    "gan_ae": (CURVES | {"codebook", "adversarial"}, {"recon"}),
    "diffusion_ae": (CURVES | {"codebook"}, {"recon", "diffusion"}),
}
"""Families that show epochs, and those that show events."""


@pytest.fixture
def recorded():
    """Payloads of the losses, in the order in which they are drawn."""
    payloads, losses = [], FAMILIES["losses"]

    def draw(payload):
        histories = {name: list(values) for name, values in payload.histories.items()}
        payloads.append(replace(payload, histories=histories))
        return losses.draw(payload)

    with pytest.MonkeyPatch.context() as patch:  # `interrupted` undoes those of `monkeypatch`
        patch.setitem(FAMILIES, "losses", replace(losses, draw=draw))
        yield payloads


def test_every_loop_draws_what_it_has_and_learns_the_same(any_loop, config, train, tmp_path):
    of_epochs, of_events = OF_LOOP[any_loop]
    epochs = {} if any_loop == "bdt_classifier" else {"trainer__epochs": 1}
    plain, shown = tmp_path / "plain", tmp_path / "shown"
    before = train(config(any_loop, run_dir=str(plain), **epochs))
    assert train(config(any_loop, run_dir=str(shown), **epochs, **drawing())) == before
    assert numbers_of(shown) == numbers_of(plain)
    last = 2 if any_loop == "bdt_classifier" else 0
    expected = {
        f"on_epoch_end_quick-{last + 1}": of_epochs,
        f"on_validation_end-{last + 1}": of_events,
        f"on_test_end-{before['tested_epoch'] + 1}": of_events,
        f"on_train_end_full-{last + 1}": of_epochs,
    }
    assert drawn(shown) == {moment: names for moment, names in expected.items() if names}
    assert not (plain / "figures").exists()


def test_families_and_moments_that_are_off_are_not_drawn(config, train, run_dir):
    on = drawing("on_train_end_full")
    on["logging__families"] |= {"losses": False}
    train(config("transformer_classifier", run_dir=str(run_dir), trainer__epochs=1, **on))
    assert drawn(run_dir) == {"on_train_end_full-1": {"metrics", "latency"}}


def test_names_folder_and_format_are_those_of_the_config(config, train, run_dir):
    naming = {"file_naming": "{epoch_or_step:03d}_{family}_{moment}", "fig_format": "svg"}
    on = drawing("on_epoch_end_quick", figures_subdir="plots/curves", **naming)
    train(config("test_mlp", run_dir=str(run_dir), **on))
    folder = run_dir / "plots" / "curves"
    assert (folder / "002_losses_on_epoch_end_quick.svg").read_text().startswith("<?xml")
    assert len(list(folder.iterdir())) == 6


def test_without_a_directory_nothing_is_drawn(config, train, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train(config("test_mlp", **drawing()))
    assert not list(tmp_path.iterdir())
    with open_sinks(settings_for(), None) as sinks:  # as other ranks are given none
        assert not sinks


@pytest.mark.slow
def test_of_two_ranks_one_draws(config, tmp_path):
    cfg = config("transformer_classifier", run_dir=str(tmp_path / "two"), trainer__epochs=1)
    results_of(start_ranks([cfg | {"logging": config("test_mlp", **drawing())["logging"]}]))
    of_epochs, of_events = OF_LOOP["transformer_classifier"]
    assert drawn(tmp_path / "two") == {
        "on_epoch_end_quick-1": of_epochs,
        "on_validation_end-1": of_events,
        "on_test_end-1": of_events,
        "on_train_end_full-1": of_epochs,
    }


def test_a_picture_that_fails_is_told_once_and_costs_no_other(
    config, train, run_dir, monkeypatch, caplog
):
    def draw(payload):
        raise ZeroDivisionError("no ink")

    monkeypatch.setitem(FAMILIES, "losses", replace(FAMILIES["losses"], draw=draw))
    with caplog.at_level(logging.WARNING):
        results = train(config("test_mlp", run_dir=str(run_dir), **drawing()))
    assert results["best_epoch"] == 2
    told = [record.message for record in caplog.records if "no ink" in record.message]
    assert len(told) == 1
    assert "losses" in told[0]
    assert drawn(run_dir) == {
        **{f"on_epoch_end_quick-{epoch}": {"latency"} for epoch in (1, 2, 3)},
        "on_train_end_full-3": {"latency"},
    }


def test_a_family_that_cannot_look_at_its_inputs_costs_no_other(
    config, train, run_dir, monkeypatch, caplog
):
    def has_inputs(payload):
        raise ZeroDivisionError("no eyes")

    monkeypatch.setitem(FAMILIES, "losses", replace(FAMILIES["losses"], has_inputs=has_inputs))
    with caplog.at_level(logging.WARNING):
        train(config("test_mlp", run_dir=str(run_dir), **drawing()))
    assert len([r for r in caplog.records if "losses" in r.message and "no eyes" in r.message]) == 1
    assert drawn(run_dir)["on_train_end_full-3"] == {"latency"}


def test_a_folder_that_cannot_be_written_is_told_once(config, train, run_dir, caplog):
    run_dir.mkdir()
    (run_dir / "figures").write_text("somebody's notes")
    with caplog.at_level(logging.WARNING):
        results = train(config("test_mlp", run_dir=str(run_dir), **drawing()))
    assert results["best_epoch"] == 2
    assert len([r for r in caplog.records if "can't be written" in r.message]) == 1
    assert (run_dir / "figures").read_text() == "somebody's notes"


def test_a_full_disk_costs_pictures_alone(config, train, run_dir, caplog):
    run_dir.mkdir()
    with small_disk(run_dir / "figures", 1 << 16) as disk, caplog.at_level(logging.WARNING):
        fill(disk, 4096)
        results = train(config("test_mlp", run_dir=str(run_dir), **drawing()))
        assert [path.name for path in disk.iterdir()] == ["filler"]
    assert results["best_epoch"] == 2
    assert len([r for r in caplog.records if "No space left" in r.message]) == 1


def test_killed_in_the_middle_of_a_picture(config, train, run_dir):
    cfg = config("test_mlp", run_dir=str(run_dir), resume="auto", **drawing())

    def die_in_the_second_epoch():
        def open_file(path, mode):
            file = open(path, mode)  # noqa: SIM115 - given to the caller
            if path.name.startswith(".losses-on_epoch_end_quick-2."):

                def write(data):
                    os.write(file.fileno(), data[: len(data) // 2])
                    die()

                file.write = write
            return file

        durable.open = open_file
        train(cfg)

    assert in_child(die_in_the_second_epoch) == -signal.SIGKILL
    names = sorted(path.name for path in (run_dir / "figures").iterdir())
    assert len([name for name in names if name.endswith(".tmp")]) == 1
    assert "losses-on_epoch_end_quick-2.png" not in names
    train(cfg)
    found = drawn(run_dir)  # none of them in pieces
    assert all("losses" in found[f"on_epoch_end_quick-{epoch}"] for epoch in (1, 2, 3))


def test_killed_between_the_last_fact_and_its_pictures(config, train, run_dir):
    cfg = config("test_mlp", run_dir=str(run_dir), resume="auto", **drawing("on_train_end_full"))

    def die_before_the_second_picture():
        def open_file(path, mode):
            if path.name.startswith(".latency-"):
                die()
            return open(path, mode)

        durable.open = open_file
        train(cfg)

    assert in_child(die_before_the_second_picture) == -signal.SIGKILL
    (first,) = (run_dir / "figures").glob("*.png")
    at, facts = first.stat().st_mtime_ns, (run_dir / "facts" / "events.jsonl").read_bytes()
    train(cfg)
    assert drawn(run_dir) == {"on_train_end_full-3": {"losses", "latency"}}
    assert first.stat().st_mtime_ns == at  # what is there is not drawn again
    assert (run_dir / "facts" / "events.jsonl").read_bytes() == facts


def test_a_resumed_run_keeps_its_pictures_and_its_curves(
    config, train, interrupted, run_dir, recorded
):
    cfg = config("test_mlp", run_dir=str(run_dir), resume="auto", **drawing(epoch_histories=False))
    interrupted(cfg)
    earlier = {path: path.stat().st_mtime_ns for path in (run_dir / "figures").iterdir()}
    assert len(earlier) == 4
    train(cfg)
    assert all(path.stat().st_mtime_ns == at for path, at in earlier.items())
    assert [len(payload.curve("val_loss")) for payload in recorded] == [1, 2, 3, 3]


def test_pictures_see_the_model_as_it_was_judged(config, train, run_dir, monkeypatch):
    seen, reconstruction = [], illustrations._reconstruction

    def look(model, split):
        weights = {name: value.clone() for name, value in model.state_dict().items()}
        seen.append((model.training, weights))
        return reconstruction(model, split)

    monkeypatch.setattr(illustrations, "_reconstruction", look)
    changes = {"trainer__epochs": 1, "trainer__ema_decay": 0.9}
    train(config("ae", run_dir=str(run_dir), **changes, **drawing("on_validation_end")))
    ((training, weights),) = seen
    assert not training
    kept = read_checkpoint(run_dir / "best_val.pt")["weights"]
    name = next(name for name in kept if name.startswith("decoder"))
    assert torch.equal(weights[name], kept[name])


def test_denoising_by_time_is_what_the_model_is_judged_by(config):
    section, events = phase1_sections(check_config(config("diffusion_ae")), DiffusionSection)
    spec = DiffusionSpec(
        encoder=section.encoder,
        latent_space=section.latent_space,
        decoder=section.decoder,
        norm="log_zscore",
    )
    data = load_events(events)
    model = build_for_events(DiffusionAutoencoder, spec, events, data).eval()
    batch = next(iter(eval_batches(data.val, 8)))
    times = (torch.arange(len(model.probe)) + 0.5) / len(model.probe)
    noise = model.probe[:, : batch.mask.shape[1]]
    found = illustrations.denoising_by_time(model, batch, times, noise)
    with torch.no_grad():
        judged = model(batch)
    assert found["momenta"].mean() == pytest.approx(float(judged["denoising"].mean()), rel=1e-5)
    assert found["ids"].mean() == pytest.approx(float(judged["denoising_ids"].mean()), rel=1e-5)
