"""`thesis-train --help`, from the names of the config files alone: Hydra would read them all."""

from pathlib import Path

from thesis_train.dispatch import DISPATCH

CONFIG_DIR = Path(__file__).parent / "configs"

_TEXT = """\
usage: thesis-train [GROUP=OPTION …] [KEY=VALUE …]

Train a model and leave its facts in outputs/runs/. Without arguments: a transformer classifier on
30,000 toy events.

examples
  thesis-train data=h5_tokens data.path=events.h5
  thesis-train classifier.trainer.lr=3e-4 classifier.model.attention_biases=lorentz_scalar
  thesis-train --multirun classifier.trainer.seed=1,2,3          a sweep
  thesis-train run_dir=outputs/runs/run_… resume=auto …          go on with a run
  thesis-train --config-dir my_configs classifier/experiment=mine

loops   {loops}

groups
{groups}

keys    thesis-train --cfg job          every key with its value; any of them is KEY=VALUE
more    thesis-train --hydra-help       flags of Hydra (--multirun, --cfg, --config-dir, …)"""

# Groups of other commands, and Hydra's own.
_HIDDEN = ("report", "hydra")


def help_text(config_dir: Path = CONFIG_DIR) -> str:
    """Usage, examples, and all groups with their options."""
    options: dict[str, list[str]] = {}
    for path in sorted(config_dir.rglob("*.yaml")):
        group = path.parent.relative_to(config_dir).as_posix()
        if group != "." and group.split("/")[0] not in _HIDDEN:
            options.setdefault(group, []).append(path.stem)
    width = max(map(len, options))
    groups = "\n".join(f"  {name:<{width}}  {', '.join(found)}" for name, found in options.items())
    return _TEXT.format(loops=", ".join(DISPATCH), groups=groups)
