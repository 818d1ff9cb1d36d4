"""Missing transverse momentum as two more tokens: its size and its direction."""

from torch import Tensor, nn

from thesis_arch.inputs import MetInputs


class MetTokens(nn.Module):
    """From MET (GeV) and METphi (rad).

    Parameters
    ----------
    dim : int
        Size of a token.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.inputs = MetInputs()
        self.size = nn.Linear(1, dim)
        self.direction = nn.Linear(2, dim)

    def forward(self, globals_: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 2] -> two times [B, D]."""
        size, direction = self.inputs(globals_)
        return self.size(size), self.direction(direction)


class BinnedMetTokens(nn.Module):
    """From the vocabulary tokens of MET and METphi, by the layers that objects pass.

    Parameters
    ----------
    embedding, project : nn.Module
        Those of the objects, which own them.
    """

    def __init__(self, embedding: nn.Module, project: nn.Module) -> None:
        super().__init__()
        self.shared = (embedding, project)  # a tuple: no weight has two names

    def forward(self, globals_: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 2] -> two times [B, D]."""
        embedding, project = self.shared
        size, direction = project(embedding(globals_.long())).unbind(1)
        return size, direction
