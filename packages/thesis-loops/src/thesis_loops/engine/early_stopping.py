"""Which epoch was the best, and whether waiting for a better one still makes sense."""

from typing import Any

from thesis_loops.engine.settings import EarlyStoppingSettings


class EarlyStopping:
    """Follows the validation loss. The best epoch is kept track of also where stopping is off.

    Parameters
    ----------
    settings : EarlyStoppingSettings
        Patience (epochs) and the least fall that counts.
    """

    def __init__(self, settings: EarlyStoppingSettings) -> None:
        self.settings = settings
        self.best_value = float("inf")
        self.best_epoch = -1
        self._reference = float("inf")
        self._waited = 0

    def update(self, epoch: int, value: float) -> bool:
        """Take the validation loss of an epoch; True where it is the best so far."""
        if value < self._reference - self.settings.min_delta:
            self._reference, self._waited = value, 0
        else:
            self._waited += 1
        if value >= self.best_value:
            return False
        self.best_value, self.best_epoch = value, epoch
        return True

    @property
    def should_stop(self) -> bool:
        """Whether patience is used up."""
        return self.settings.enabled and self._waited >= self.settings.patience

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "best_value": self.best_value,
            "best_epoch": self.best_epoch,
            "reference": self._reference,
            "waited": self._waited,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self.best_value, self.best_epoch = state["best_value"], state["best_epoch"]
        self._reference, self._waited = state["reference"], state["waited"]
