"""Which weights move in which epochs."""

import pytest
import torch

from small_runs import events_of, numbers_of
from thesis_facts.errors import ConfigError
from thesis_loops.interpretability import InterpretabilityWriter

EMBEDDING = "tokenizer.ids.embedding.weight"
SCHEDULE = "classifier__trainer__pid_schedule"


@pytest.fixture
def weights_of_epochs(monkeypatch, config, train, run_dir):
    """All weights after each epoch of a run."""

    def run(**changes):
        epochs = []

        def remember(self, epoch):
            state = self.model.state_dict()
            epochs.append({name: value.clone() for name, value in state.items()})

        monkeypatch.setattr(InterpretabilityWriter, "end_epoch", remember)
        changes = {f"{SCHEDULE}__{name}": value for name, value in changes.items()}
        train(config("transformer_classifier", run_dir=str(run_dir), **changes))
        return epochs

    return run


def _moved(before, after):
    parameters = [n for n in before if not n.endswith(("mean", "std"))]
    return {name for name in parameters if not torch.equal(before[name], after[name])}


def test_the_embedding_waits_for_its_epoch(weights_of_epochs):
    first, second, third = weights_of_epochs(mode="warmup_fixed", transition_epoch=2)
    assert EMBEDDING not in _moved(first, second)
    assert "blocks.0.attention.qkv.weight" in _moved(first, second)
    assert EMBEDDING in _moved(second, third)


def test_the_backbone_freezes_and_the_embedding_begins_anew(weights_of_epochs):
    first, second, third = weights_of_epochs(mode="frozen_backbone", transition_epoch=1)
    assert EMBEDDING in _moved(first, second)
    assert (second[EMBEDDING] - first[EMBEDDING]).abs().max() > 0.5  # not a step of lr 1e-3
    assert _moved(first, second) == _moved(second, third) == {EMBEDDING}


def test_a_column_for_each_id(weights_of_epochs):
    options = {"mode": "frozen_backbone", "transition_epoch": 2, "reinit_mode": "one_hot_padded"}
    with pytest.raises(ConfigError, match=r"id_embed_dim.*4.*at least 7"):
        weights_of_epochs(**options)


def test_one_hot_columns_are_where_it_starts(config, train, run_dir):
    """One step of a tiny rate away from them."""
    train(
        config(
            "transformer_classifier",
            run_dir=str(run_dir),
            classifier__model__tokenizer__id_embed_dim=9,
            **{f"{SCHEDULE}__mode": "frozen_backbone", f"{SCHEDULE}__transition_epoch": 2},
            **{f"{SCHEDULE}__reinit_mode": "one_hot_padded", f"{SCHEDULE}__pid_lr": 1e-7},
        )
    )
    last = torch.load(run_dir / "last.pt", weights_only=True)["model"]["weights"][EMBEDDING]
    expected = torch.zeros(8, 9)
    expected[1:, :7] = torch.eye(7)
    torch.testing.assert_close(last, expected, atol=1e-4, rtol=0)


def test_the_embedding_has_its_own_rate(weights_of_epochs):
    slow = weights_of_epochs(pid_lr=1e-7)
    start, end = slow[0][EMBEDDING], slow[-1][EMBEDDING]
    assert 0 < (end - start).abs().max() < 1e-5
    assert (slow[-1]["project.weight"] - slow[0]["project.weight"]).abs().max() > 1e-4


@pytest.mark.parametrize(("epoch", "step"), [(0, -1), (1, 0), (1, 3)])
def test_a_resumed_run_repeats_the_change(epoch, step, config, train, tmp_path, interrupted):
    options = {
        f"{SCHEDULE}__mode": "frozen_backbone",
        f"{SCHEDULE}__transition_epoch": 1,
        "trainer__ema_decay": 0.9,
    }
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = train(config("transformer_classifier", run_dir=str(whole), **options))
    interrupted(config("transformer_classifier", run_dir=str(parts), **options), epoch, step % 8)
    resumed = config("transformer_classifier", run_dir=str(parts), resume="auto", **options)
    assert train(resumed) == expected
    assert numbers_of(parts) == numbers_of(whole)


@pytest.mark.parametrize("change", [{"mode": "warmup_fixed"}, {"pid_lr": 1e-4}], ids=str)
def test_without_a_learned_embedding_there_is_nothing_to_schedule(change, config, train):
    changes = {f"{SCHEDULE}__{name}": value for name, value in change.items()}
    with pytest.raises(ConfigError, match="no learned embedding of ids"):
        train(
            config(
                "transformer_classifier",
                classifier__model__tokenizer__pid_mode="one_hot",
                **{f"{SCHEDULE}__transition_epoch": 1} | changes,
            )
        )


def test_a_change_that_never_comes_is_refused(config, train):
    with pytest.raises(ConfigError, match=r"transition_epoch is 3, but a run of 3 epochs"):
        train(
            config(
                "transformer_classifier",
                **{f"{SCHEDULE}__mode": "warmup_fixed", f"{SCHEDULE}__transition_epoch": 3},
            )
        )


def test_the_best_epoch_is_one_after_the_change(config, train, run_dir):
    """Early stopping counts from there, too."""
    stopping = {"enabled": True, "patience": 1, "min_delta": 10.0, "restore_best_weights": True}
    results = train(
        config(
            "transformer_classifier",
            run_dir=str(run_dir),
            trainer__epochs=6,
            trainer__early_stopping=stopping,
            **{f"{SCHEDULE}__mode": "frozen_backbone", f"{SCHEDULE}__transition_epoch": 3},
        )
    )
    assert results["best_epoch"] == results["tested_epoch"] >= 3
    assert len(events_of(run_dir)[-1]["histories"]["val_loss"]) == 5  # no better than at 3 by 10


def test_norms_of_a_frozen_mlp_rest(config, train, run_dir):
    train(
        config(
            "mlp_classifier",
            run_dir=str(run_dir),
            classifier__model__tokenizer__pid_mode="learned",
            classifier__model__use_batch_norm=True,
            **{f"{SCHEDULE}__mode": "frozen_backbone", f"{SCHEDULE}__transition_epoch": 1},
        )
    )
    best, last = (
        torch.load(run_dir / name, weights_only=True) for name in ("best_val.pt", "last.pt")
    )
    best, last = best.get("model", best)["weights"], last["model"]["weights"]
    running = [name for name in last if "running" in name]
    assert running
    assert all(torch.equal(best[name], last[name]) for name in running)
