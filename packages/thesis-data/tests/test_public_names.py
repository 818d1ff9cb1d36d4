import pytest

import thesis_data


def test_public_names_are_these():
    assert thesis_data.__all__ == [
        "DataConfig",
        "EventBatch",
        "EventData",
        "EventSplit",
        "StreamedSplit",
        "ToyRegressionConfig",
        "describe_dataset",
        "ensure_dataset",
        "eval_batches",
        "index_batches",
        "inspect_file",
        "keyed_generator",
        "keyed_seed",
        "load_events",
        "make_toy_regression",
        "steps_per_epoch",
        "toy_batches",
        "train_batches",
    ]


@pytest.mark.parametrize("name", thesis_data.__all__)
def test_every_public_name_exists(name):
    assert getattr(thesis_data, name).__name__ == name


def test_other_names_do_not():
    with pytest.raises(AttributeError, match="load_event"):
        _ = thesis_data.load_event
