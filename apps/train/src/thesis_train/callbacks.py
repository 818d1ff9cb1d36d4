"""What happens around a sweep."""

from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from thesis_train.summary import next_command


class SweepEnd(Callback):
    """Say where a sweep is and how to report on it."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        sweep_dir = config.hydra.sweep.dir
        print(f"\nsweep {sweep_dir}\nnext  {next_command('inputs.sweep_dir', sweep_dir)}")
