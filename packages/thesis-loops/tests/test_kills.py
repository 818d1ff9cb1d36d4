"""kill -9 at any instant: the run resumes, and ends with the numbers of one that was left alone."""

from itertools import count

import pytest

from killing import INSTANTS, die, in_child
from small_runs import STOPPING, events_of, numbers_of
from thesis_arch.checkpoint import read_checkpoint
from thesis_data import h5
from thesis_facts.check import check_run
from thesis_loops.engine import fit as fit_module

VARIANTS = {
    "average": {"trainer__ema_decay": 0.9},
    "bf16": {"trainer__amp": "bf16"},
    "early stopping": {"trainer__early_stopping": STOPPING, "trainer__lr": 0.3},
}


@pytest.fixture(params=["test_mlp", "transformer_classifier", "mlp_classifier", "gan_ae"])
def loop(request):
    """One loop of each kind: other autoencoders are updated as classifiers are."""
    return request.param


@pytest.fixture
def survives(config, train, tmp_path):
    """`survives(loop, prepare, steps, **changes)`: kill, resume, kill later, … until it ends."""

    def run(loop, prepare, growth, **changes):
        def attempt(n):
            prepare(n)
            train(config(loop, run_dir=str(cut), resume="auto", **changes))

        whole, cut = tmp_path / "whole", tmp_path / "cut"
        assert in_child(lambda: train(config(loop, run_dir=str(whole), **changes))) == 0
        deaths, n = 0, 1
        while (code := in_child(lambda n=n: attempt(n))) != 0:
            assert code == -9
            deaths, n = deaths + 1, n + max(1, int(n * growth))
        assert deaths > 0
        assert numbers_of(cut) == numbers_of(whole)
        assert events_of(cut)[-1]["results"] == events_of(whole)[-1]["results"]
        assert len({event["meta"]["run_id"] for event in events_of(cut)}) == 1
        assert [found.what for found in check_run(cut) if found.is_wrong] == []
        best = [read_checkpoint(d / "best_val.pt")["weights"] for d in (cut, whole)]
        assert all(bool((best[0][name] == best[1][name]).all()) for name in best[1])
        left = [path for path in cut.rglob(".*") if path.name not in (".lock",)]
        assert left == []

    return run


def in_a_step(n):
    """Before the n-th training step."""
    seed_step, steps = fit_module.seed_step, count(1)

    def seed_and_die(*arguments):
        if next(steps) == n:
            die()
        seed_step(*arguments)

    fit_module.seed_step = seed_and_die


def in_a_read(n):
    """Before the n-th time that the file of events is opened, mostly by the thread that reads."""
    open_events, calls = h5.open_events, count(1)

    def open_and_die(*arguments):
        if next(calls) == n:
            die()
        return open_events(*arguments)

    h5.open_events = open_and_die


ALL_INSTANTS = INSTANTS | {"in an epoch": in_a_step}
OF_STREAMS = ALL_INSTANTS | {"in a read": in_a_read}


@pytest.mark.parametrize("instant", ALL_INSTANTS)
def test_killed_again_and_again_nothing_is_lost(instant, survives):
    survives("test_mlp", ALL_INSTANTS[instant], growth=0.5, checkpoint_every_s=1e-9)


def test_a_run_that_streams_its_events_survives_too(survives, streamed):
    survives("transformer_classifier", in_a_step, growth=1, checkpoint_every_s=1e-9, **streamed)


@pytest.mark.slow
@pytest.mark.parametrize("every", [None, 1e-9])
@pytest.mark.parametrize("instant", ALL_INSTANTS)
def test_at_any_instant_of_any_loop(instant, every, loop, survives):
    survives(loop, ALL_INSTANTS[instant], growth=0.25, checkpoint_every_s=every)


@pytest.mark.slow
@pytest.mark.parametrize("every", [None, 1e-9])
@pytest.mark.parametrize("variant", [*VARIANTS, "balanced"])
def test_whatever_the_training(variant, every, loop, survives):
    if variant == "balanced" and loop in ("test_mlp", "gan_ae"):
        pytest.skip("it has no classes")
    changes = VARIANTS.get(variant, {"trainer__class_weights": "balanced"})
    survives(loop, in_a_step, growth=0.25, checkpoint_every_s=every, **changes)


@pytest.mark.slow
@pytest.mark.parametrize("every", [None, 1e-9])
@pytest.mark.parametrize("instant", OF_STREAMS)
def test_at_any_instant_of_a_stream(instant, every, survives, streamed):
    prepare = OF_STREAMS[instant]
    survives("transformer_classifier", prepare, growth=0.5, checkpoint_every_s=every, **streamed)
