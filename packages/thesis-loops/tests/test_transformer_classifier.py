"""What the recipe of the transformer says before it trains."""

import pytest

from thesis_facts.errors import ConfigError
from thesis_loops import transformer_classifier


def test_what_is_left_out_is_a_line_of_the_run(config, train, caplog):
    train(config("transformer_classifier", data__cont_features=[1, 2, 3], trainer__epochs=1))
    said = [record for record in caplog.records if "no energy" in record.message]
    assert [record.name for record in said] == ["thesis_loops"]
    assert "log_m2 of lorentz_scalar" in said[0].message


def test_grids_that_follow_the_events_need_one_process(config, train, monkeypatch):
    monkeypatch.setattr(transformer_classifier, "n_ranks", lambda: 2)
    with pytest.raises(ConfigError, match=r"grid_update_freq.*0 under torchrun"):
        train(config("transformer_classifier", classifier__model__kan__grid_update_freq=5))


def test_grids_that_move_go_without_an_average_of_weights(config, train):
    with pytest.raises(ConfigError, match=r"grid_update_freq.*0 with .*ema_decay"):
        train(
            config(
                "transformer_classifier",
                classifier__model__kan__grid_update_freq=5,
                trainer__ema_decay=0.9,
            )
        )


def test_options_that_do_not_fit_are_named(config, train):
    with pytest.raises(ConfigError, match=r"heads 4 = 3 is odd: classifier\.model"):
        train(
            config(
                "transformer_classifier",
                classifier__model__dim=12,
                classifier__model__heads=4,
                classifier__model__positional="rotary",
            )
        )
