"""The parts of the engine, each against an independent reference."""

import logging
import math

import numpy as np
import pytest
import torch

from small_runs import TRAINER, events_of
from thesis_facts.writers import append_scalars_csv
from thesis_loops.engine.averaging import WeightAverage
from thesis_loops.engine.early_stopping import EarlyStopping
from thesis_loops.engine.numerics import Numerics
from thesis_loops.engine.optimisation import Optimisation
from thesis_loops.engine.recorder import EpochResult, FactsRecorder, peak_memory_mib
from thesis_loops.engine.schedule import fitting_warmup, learning_rate
from thesis_loops.engine.settings import EarlyStoppingSettings, TrainerSettings


def settings(**changes) -> TrainerSettings:
    return TrainerSettings.model_validate(TRAINER | changes)


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant"])
def test_warmup_rises_linearly_from_a_tenth(schedule):
    s = settings(lr=1.0, warmup_steps=10, lr_schedule=schedule)
    rates = [learning_rate(step, s, 100) for step in range(11)]
    np.testing.assert_allclose(rates, np.linspace(0.1, 1.0, 11))


def test_schedules_after_the_warmup():
    for name, halfway, end in (("cosine", 0.5, 0.0), ("linear", 0.5, 0.0), ("constant", 1, 1)):
        s = settings(lr=1.0, warmup_steps=10, lr_schedule=name)
        assert learning_rate(60, s, 110) == pytest.approx(halfway)
        assert learning_rate(110, s, 110) == pytest.approx(end)
    cosine = settings(lr=1.0, warmup_steps=0, lr_schedule="cosine")
    assert learning_rate(25, cosine, 100) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)


def test_a_warmup_longer_than_the_run_is_cut_and_said(caplog):
    cut = fitting_warmup(settings(warmup_steps=50), 50)
    assert cut.warmup_steps == 5
    assert "warmup_steps" in caplog.text
    assert fitting_warmup(settings(warmup_steps=49), 50).warmup_steps == 49


def test_weight_average_follows_its_formula_and_gives_the_weights_back():
    model = torch.nn.Linear(3, 2)
    average = WeightAverage(model, decay=0.9)
    expected = model.weight.detach().clone()
    for t in range(1, 30):
        with torch.no_grad():
            model.weight += torch.randn(2, 3)
        average.update()
        decay = min(0.9, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * model.weight.detach()
    own = model.weight.detach().clone()
    with average.applied():
        torch.testing.assert_close(model.weight.detach(), expected)
    assert torch.equal(model.weight.detach(), own)


def test_weight_average_takes_the_statistics_of_batch_norms_along():
    model = torch.nn.BatchNorm1d(3)
    average = WeightAverage(model, decay=0.9)
    expected = model.running_mean.clone()
    for t in range(1, 6):
        model(torch.randn(8, 3) + t)
        average.update()
        decay = min(0.9, (1 + t) / (10 + t))
        expected = decay * expected + (1 - decay) * model.running_mean
    with average.applied():
        torch.testing.assert_close(model.running_mean, expected)
        assert model.num_batches_tracked == 5


def test_optimisation_is_adamw_with_clipping_and_schedule():
    """Against a plain loop; only matrices decay."""
    torch.manual_seed(0)
    ours = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.LayerNorm(8), torch.nn.Linear(8, 1))
    plain = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.LayerNorm(8), torch.nn.Linear(8, 1))
    plain.load_state_dict(ours.state_dict())
    s = settings(lr=0.1, weight_decay=0.3, grad_clip=0.01, warmup_steps=3)
    optimisation = Optimisation(ours, s, 20, Numerics(torch.device("cpu"), "off", "highest"))
    decayed = [p for p in plain.parameters() if p.ndim == 2]
    others = [p for p in plain.parameters() if p.ndim == 1]
    reference = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": 0.3}, {"params": others, "weight_decay": 0.0}]
    )
    x = torch.randn(20, 5, 4)
    for step in range(20):
        optimisation.step(ours(x[step]).square().mean())
        for group in reference.param_groups:
            group["lr"] = learning_rate(step, s, 20)
        reference.zero_grad()
        plain(x[step]).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 0.01)
        reference.step()
    for a, b in zip(ours.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_early_stopping_waits_for_patience_but_remembers_every_best():
    stopping = EarlyStopping(
        EarlyStoppingSettings(enabled=True, patience=2, min_delta=0.1, restore_best_weights=True)
    )
    history = [1.0, 0.5, 0.45, 0.44]  # falls, but by less than min_delta from 0.5 on
    best = [stopping.update(epoch, value) for epoch, value in enumerate(history)]
    assert best == [True, True, True, True]
    assert stopping.best_epoch == 3
    assert stopping.should_stop


def test_early_stopping_goes_on_where_it_was():
    settings_ = EarlyStoppingSettings(
        enabled=True, patience=2, min_delta=0.0, restore_best_weights=True
    )
    first, second = EarlyStopping(settings_), EarlyStopping(settings_)
    for epoch, value in enumerate([1.0, 2.0]):
        first.update(epoch, value)
    second.load_state_dict(first.state_dict())
    second.update(2, 2.0)
    assert second.should_stop
    assert second.best_epoch == 0


def result(epoch: int, **metrics: float) -> EpochResult:
    return EpochResult(epoch, 1.0, 2.0, metrics, metrics, epoch_time_s=0.1, throughput=10.0)


def test_a_metric_that_appears_later_is_null_before(run_dir):
    recorder = FactsRecorder(run_dir, {}, seed=1)
    recorder.epoch_end(result(0))
    recorder.epoch_end(result(1, auroc=0.7))
    recorder.train_end({})
    histories = events_of(run_dir)[-1]["histories"]
    assert histories["val_auroc"] == [None, 0.7]
    assert histories["val_loss"] == [2.0, 2.0]


def test_a_sink_that_fails_is_said_once_and_training_goes_on(run_dir, caplog):
    heard = []

    def broken(event, arrays):
        raise OSError("no picture today")

    def listener(event, arrays):
        heard.append((event["moment"], sorted(arrays)))

    recorder = FactsRecorder(run_dir, {}, seed=1, sinks=[broken, listener])
    for epoch in range(3):
        recorder.epoch_end(result(epoch), {"logits": np.zeros(2)})
    assert heard == [("on_epoch_end", ["logits"])] * 3
    assert caplog.text.count("no picture today") == 1


def test_without_a_directory_sinks_still_hear(caplog):
    heard = []
    recorder = FactsRecorder(None, {}, seed=1, sinks=[lambda event, arrays: heard.append(event)])
    with caplog.at_level(logging.WARNING):
        recorder.epoch_end(result(0))
    assert heard[0]["val_loss"] == 2.0


def test_histories_leave_the_epochs_events_where_asked(run_dir):
    recorder = FactsRecorder(run_dir, {}, seed=1, with_histories=False)
    recorder.epoch_end(result(0))
    recorder.train_end({})
    epoch, end = events_of(run_dir)
    assert epoch["histories"] == {}
    assert end["histories"]["val_loss"] == [2.0]


def test_automatic_precision_needs_no_private_name_of_torch(monkeypatch):
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.delattr(torch.cpu, name, raising=False)
    before = torch.get_float32_matmul_precision()
    numerics = Numerics.choose("cpu", settings(matmul_precision="auto"))
    torch.set_float32_matmul_precision(before)
    assert numerics.matmul_precision == "highest"


def test_facts_that_cannot_be_written_do_not_hide_why_a_run_ended(run_dir, caplog):
    (run_dir / "facts" / "events.jsonl").mkdir(parents=True)  # no file to append to
    recorder = FactsRecorder(run_dir, {}, seed=1)
    recorder.failed(ValueError("the cause"))
    assert "events.jsonl" in caplog.text


def test_rows_beyond_the_checkpoint_are_cut_on_resume(run_dir):
    recorder = FactsRecorder(run_dir, {}, seed=1)
    recorder.epoch_end(result(0))
    state = recorder.state_dict()
    recorder.epoch_end(result(1))
    append_scalars_csv(run_dir, {"epoch": 2, "split": "val", "val_loss": 1.0})
    resumed = FactsRecorder(run_dir, {}, seed=1)
    resumed.load_state_dict(state, last_epoch=0)
    text = (run_dir / "facts" / "scalars.csv").read_text()
    assert [line.split(",")[0] for line in text.split()[1:]] == ["0", "0"]
    assert resumed.run_id == recorder.run_id


def test_memory_is_that_of_the_gpu_only_where_one_is_used(monkeypatch):
    of_the_process = peak_memory_mib()
    assert of_the_process > 10
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 0)
    assert peak_memory_mib() >= of_the_process
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 3 * 2**20)
    assert peak_memory_mib() == 3.0


def test_the_chosen_gpu_is_the_current_one(monkeypatch):
    current = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    assert Numerics.choose("cuda:1", settings()).device == torch.device("cuda:1")
    assert current == [torch.device("cuda:1")]


@pytest.mark.slow  # torch imports a compiler to switch it on
def test_deterministic_is_of_one_run_not_of_the_process():
    assert Numerics.choose("cpu", settings(), deterministic=True).describe()["deterministic"]
    assert torch.are_deterministic_algorithms_enabled()
    assert not Numerics.choose("cpu", settings()).describe()["deterministic"]
    assert not torch.are_deterministic_algorithms_enabled()


def test_the_peak_of_an_earlier_run_is_forgotten_on_a_gpu(monkeypatch, run_dir):
    forgotten = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda: 3 * 2**20)
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda: forgotten.append(1))
    FactsRecorder(None, {}, seed=1).open()
    assert forgotten
