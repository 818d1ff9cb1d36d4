"""What happens around a sweep."""

import atexit
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from thesis_train.summary import next_command


class SweepSummary(Callback):
    """Say last of all where the sweep is and how to report on it, also where jobs failed."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        sweep_dir = config.hydra.sweep.dir
        command = next_command("inputs.sweep_dir", sweep_dir)
        atexit.register(print, f"\nsweep  {sweep_dir}\nnext   {command}")
