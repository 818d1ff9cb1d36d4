"""Mistyped words of a command line are answered in one line with the nearest spelling."""

import pytest

from thesis_facts.errors import ConfigError
from thesis_train.overrides import config_dirs, normalise
from thesis_train.spelling import check_spelling


def check(*arguments: str) -> None:
    words = normalise(list(arguments))
    check_spelling(words, config_dirs(words))


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("loop=transfomer", ["loop", "'transfomer'", "test_mlp", "did you mean transformer_"]),
        ("data=h5_token", ["data", "'h5_token'", "synthetic", "did you mean h5_tokens?"]),
        ("classifier/model_size=s30k,s20k", ["classifier/model_size", "'s20k'", "s200k"]),
        ("+classifier/model_size=s20k", ["classifier/model_size", "'s20k'"]),
        ("classifier/modle_size=s30k", ["unknown group", "did you mean classifier/model_size?"]),
        ("classifier.trainer.epohcs=3", ["unknown key", "classifier.trainer.epochs?"]),
        ("clasifier.trainer.lr=3", ["unknown key: clasifier;", "did you mean classifier?"]),
        ("data.nrom=zscore", ["data.nrom", "data.norm?"]),
        ("devise=cpu", ["devise", "device?"]),
    ],
)
def test_a_mistyped_word_is_named(argument, words):
    with pytest.raises(ConfigError) as error:
        check(argument)
    for word in words:
        assert word in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "argument",
    [
        "classifier.trainer.lr=3e-4,1e-3",
        "classifier/model_size=s30k,s100k",
        "classifier/model_size=null",
        "data/order=choice(pt_ordered,shuffled)",
        "data.sort_tokens_by=pt",
        "data.num_workers=4",
        "data.n_samples=300",  # of the other kind of data
        "data.classifier.signal_vs_background={signal: 1, background: [2]}",
        "data.classifier.signal_vs_background.signal=1",
        "data.synthetic.detector.b_tag=0.7",
        "run_dir=a=b",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
        "~data.augment",
        "--multirun",
    ],
)
def test_what_hydra_understands_passes(argument):
    check(argument)


def test_groups_of_the_user_count(tmp_path):
    group = tmp_path / "classifier" / "experiment"
    group.mkdir(parents=True)
    (group / "mine.yaml").write_text("")
    for flags in ([f"--config-dir={tmp_path}"], ["-cd", str(tmp_path)]):
        check(*flags, "classifier/experiment=mine,physics_baseline")
    with pytest.raises(ConfigError, match="physics_baseline"):
        check("classifier/experiment=mine")
