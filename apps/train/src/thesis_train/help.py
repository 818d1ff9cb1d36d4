"""`thesis-train --help`, at once."""

from thesis_train.dispatch import DISPATCH
from thesis_train.groups import options_by_group

_TEXT = """\
usage: thesis-train [GROUP=OPTION …] [KEY=VALUE …]

Train a model and leave its facts in outputs/runs/. Without arguments: a transformer classifier on
30,000 toy events.

examples
  thesis-train data=h5_tokens data.path=events.h5
  thesis-train classifier.trainer.lr=3e-4 classifier.model.attention_biases=lorentz_scalar
  thesis-train --multirun classifier.trainer.seed=1,2,3          a sweep
  thesis-train --continue outputs/multiruns/exp_…                the rest of a sweep
  thesis-train --plan classifier.trainer.seed=1,2,3              write a sweep down, run nothing
  thesis-train --continue outputs/multiruns/exp_… --job 2        one of its points
  thesis-train run_dir=outputs/runs/run_… resume=auto …          go on with a run
  thesis-train --config-dir my_configs classifier/experiment=mine

loops   {loops}

groups
{groups}

trust   trust=true lets a config run code that is not ours; only for files that you wrote
keys    thesis-train --cfg job          every key with its value; any of them is KEY=VALUE
more    thesis-train --hydra-help       flags of Hydra (--multirun, --cfg, --config-dir, …)"""

# Groups of other commands, and Hydra's own.
_HIDDEN = ("report", "hydra")


def help_text() -> str:
    """Usage, examples, and all groups with their options."""
    options = {
        group: names
        for group, names in options_by_group().items()
        if group.split("/")[0] not in _HIDDEN
    }
    width = max(map(len, options))
    groups = "\n".join(f"  {name:<{width}}  {', '.join(found)}" for name, found in options.items())
    return _TEXT.format(loops=", ".join(DISPATCH), groups=groups)
