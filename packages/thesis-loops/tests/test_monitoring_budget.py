"""What pictures may cost: a share of the run's time, and not every epoch."""

import subprocess
import sys
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest

from pictures import settings_for
from thesis_loops.monitoring import budget as budget_module
from thesis_loops.monitoring.families import FAMILIES
from thesis_loops.monitoring.monitor import Monitor

EPOCHS = 300


class Clock:
    """Time that passes only when somebody says so (s)."""

    def __init__(self):
        self.now = 1000.0
        self.drawing = 0.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(budget_module, "time", clock)
    return clock


@pytest.fixture
def drawn_at(monkeypatch, clock):
    """(moment or epoch) of each picture of losses and latency; `takes[0]` seconds each."""
    seen, takes = [], [1.0]

    def draw(payload):
        seen.append(payload.epoch)
        clock.now += takes[0]
        clock.drawing += takes[0]
        from matplotlib.figure import Figure

        return Figure(figsize=(0.5, 0.5), layout="none")

    for name, family in FAMILIES.items():
        monkeypatch.setitem(FAMILIES, name, replace(family, draw=draw))
    return seen, takes


def run(monitor, clock, seconds_an_epoch, epochs=EPOCHS, arrays=None):
    """Tell the monitor of a run, as the recorder does; how much of the time it drew, by epoch."""
    begun, histories, shares = clock.now, {}, []
    for epoch in range(epochs):
        for name in ("train_loss", "val_loss", "epoch_time_s"):
            histories.setdefault(name, []).append(1.0)
        clock.now += seconds_an_epoch
        told = {"histories": histories} | (arrays or {})
        monitor({"moment": "on_epoch_end", "epoch": epoch}, told)
        shares.append(clock.drawing / (clock.now - begun))
    if arrays is not None:
        monitor({"moment": "on_test_end", "epoch": epochs - 1}, arrays)
    monitor({"moment": "on_train_end", "epoch": None, "histories": histories}, {})
    return shares, clock.drawing / (clock.now - begun)


def test_pictures_keep_to_their_share(clock, drawn_at, tmp_path):
    seen, takes = drawn_at
    takes[0] = 0.25
    settings = settings_for("on_epoch_end_quick", "on_train_end_full", plots_time_share=0.02)
    shares, whole = run(Monitor(settings, tmp_path), clock, seconds_an_epoch=2.5)
    assert max(shares) <= 0.02
    assert whole <= 0.02
    assert 20 < len(seen) < 62  # two a time: it uses what it may


def test_what_the_model_computes_at_the_end_has_a_price_of_its_own(clock, tmp_path, monkeypatch):
    takes = {"recon": 1.8, "diffusion": 4.6}  # seconds, as on one core that others use, too

    def draw(payload, name):
        clock.now += takes.get(name, 0.3)
        clock.drawing += takes.get(name, 0.3)
        raise ZeroDivisionError("a picture is not needed here")

    for name, family in FAMILIES.items():
        monkeypatch.setitem(FAMILIES, name, replace(family, draw=partial(draw, name=name)))
    moments = "on_epoch_end_quick", "on_test_end", "on_train_end_full"
    monitor = Monitor(settings_for(*moments, plots_time_share=0.02), tmp_path)
    arrays = dict.fromkeys(("reconstruction", "denoising", "made_up"), dict)
    shares, whole = run(monitor, clock, seconds_an_epoch=10, epochs=60, arrays=arrays)
    assert max(shares) > 0  # some curves are drawn before the end
    assert 0.01 < whole <= 0.02


def test_a_slow_picture_is_paid_for_by_the_next(clock, drawn_at, tmp_path):
    seen, takes = drawn_at
    takes[0] = 20.0  # a disk that is busy
    monitor = Monitor(settings_for("on_epoch_end_quick", plots_time_share=0.02), tmp_path)
    shares, whole = run(monitor, clock, seconds_an_epoch=20)
    assert seen
    assert max(shares) > 0.02  # the first could not be known
    assert whole <= 0.02


def test_short_runs_draw_their_end_alone(clock, drawn_at, tmp_path):
    seen, _ = drawn_at
    settings = settings_for("on_epoch_end_quick", "on_train_end_full", plots_time_share=0.02)
    run(Monitor(settings, tmp_path), clock, seconds_an_epoch=0.1, epochs=20)
    assert seen == [19, 19]


def test_without_a_limit_later_epochs_are_further_apart(clock, drawn_at, tmp_path):
    seen, _ = drawn_at
    run(Monitor(settings_for("on_epoch_end_quick"), tmp_path), clock, seconds_an_epoch=0.1)
    epochs = sorted(set(seen))
    assert epochs[:20] == list(range(20))
    assert len(epochs) < 60
    assert all(b - a <= max(a // 10, 1) for a, b in pairwise(epochs))
    assert EPOCHS - epochs[-1] <= EPOCHS // 10


def test_of_rounds_that_are_told_together_the_last_is_drawn(clock, drawn_at, tmp_path):
    seen, _ = drawn_at
    monitor = Monitor(settings_for("on_epoch_end_quick"), tmp_path)
    histories = {"train_loss": [1.0] * 3, "val_loss": [1.0] * 3}
    for epoch in range(3):
        arrays = {"histories": histories} if epoch == 2 else {}
        monitor({"moment": "on_epoch_end", "epoch": epoch}, arrays)
    assert seen == [2]


def test_nothing_is_loaded_before_something_is_drawn():
    code = (
        "import sys, thesis_loops.monitoring.monitor;"
        "sys.exit(sum(name in sys.modules for name in ('matplotlib', 'torch')))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
