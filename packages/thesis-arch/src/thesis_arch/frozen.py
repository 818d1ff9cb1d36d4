"""A trained model inside another one."""

from collections.abc import Iterator

from torch import nn


class Frozen(nn.Module):
    """A model that is used and never changed: neither its weights nor its statistics.

    Parameters
    ----------
    model : nn.Module
        Is put into eval mode, and stays there.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> "Frozen":
        """Stay in eval mode."""
        self.training = mode
        self.model.eval()
        return self


def own_modules(model: nn.Module) -> Iterator[nn.Module]:
    """The modules of `model` that are its own: all but those of frozen models in it."""
    if isinstance(model, Frozen):
        return
    yield model
    for child in model.children():
        yield from own_modules(child)
