"""Message passing between all objects of an event (Gilmer et al., arXiv:1704.01212)."""

import torch
from torch import Tensor, nn

from thesis_arch.dropout import ByteDropout
from thesis_arch.packing import with_spare_rows
from thesis_arch.physics.pairwise import Pairs
from thesis_arch.simple.mlp import ACTIVATIONS


class GraphLayer(nn.Module):
    """Each object takes the mean of what all others of its event tell it.

    The message of j to i is act(A h_i + B h_j + C e_ij); i becomes
    act(norm(S h_i + M mean_j message)), and an object alone in its event hears nothing.

    Parameters
    ----------
    n_in, n_out : int
        Width of an object before and after.
    n_edge : int
        Numbers e_ij of each pair, symmetric; may be 0.
    dropout : float
        After the activation.
    activation : str
        One of `ACTIVATIONS`.
    """

    def __init__(self, n_in: int, n_out: int, n_edge: int, dropout: float, activation: str) -> None:
        super().__init__()
        self.ends = nn.Linear(n_in, 2 * n_out)
        self.edge = nn.Linear(n_edge, n_out, bias=False) if n_edge else None
        self.own = nn.Linear(n_in, n_out)
        self.heard = nn.Linear(n_out, n_out, bias=False)
        self.norm = nn.LayerNorm(n_out)
        self.activation = ACTIVATIONS[activation]()
        self.dropout = ByteDropout(dropout)

    def forward(self, x: Tensor, pairs: Pairs, edges: Tensor | None) -> Tensor:
        """Objects [n, n_in] and pairs [P, n_edge] -> [n, n_out]."""
        n = len(x)
        padded = with_spare_rows(x)
        receiver, sender = self.ends(padded)[:n].chunk(2, dim=-1)
        first, second = pairs.first_object, pairs.second_object
        to, of = torch.cat([first, second]), torch.cat([second, first])
        message = receiver.index_select(0, to) + sender.index_select(0, of)
        if self.edge is not None and edges is not None:
            along = self.edge(with_spare_rows(edges))[: len(edges)]
            message = message + along.repeat(2, 1)
        message = self.activation(message)
        n_heard = torch.zeros(n, device=x.device).index_add_(
            0, to, torch.ones_like(to, dtype=torch.float32)
        )
        heard = message.new_zeros(n, message.shape[-1]).index_add(0, to, message)
        heard = heard / n_heard.clamp_min(1)[:, None].to(heard.dtype)
        updated = self.own(padded)[:n] + self.heard(with_spare_rows(heard))[:n]
        return self.dropout(self.activation(self.norm(updated)))
