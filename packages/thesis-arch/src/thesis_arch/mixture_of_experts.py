"""Experts of which each token, or each event, uses some (Shazeer et al., arXiv:1701.06538)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.auxiliary import Penalised
from thesis_arch.packing import Packing, with_spare_rows
from thesis_arch.transformer_classifier.config import MoeConfig
from thesis_arch.transformer_classifier.pooling import mean_pooling


@dataclass(frozen=True)
class Routes:
    """Who works on which token.

    Attributes
    ----------
    probabilities : Tensor
        [N, E] of all experts.
    experts : Tensor
        [N, top_k] the chosen ones, most probable first.
    """

    probabilities: Tensor
    experts: Tensor


def build_mixture(dim: int, expert: Callable[[], nn.Module], config: MoeConfig) -> nn.Module:
    """Experts and their router; one expert alone needs none."""
    if config.num_experts == 1:
        return expert()
    return MixtureOfExperts(dim, (expert() for _ in range(config.num_experts)), config)


class MixtureOfExperts(Penalised):
    """sum over the chosen experts e of p_e(x) * expert_e(x).

    The probabilities are those of a softmax over all experts. Making those of the chosen ones sum
    to one would leave a constant for top_k = 1, and the task could teach the router nothing.

    Parameters
    ----------
    dim : int
        Width of a token.
    experts : iterable of nn.Module
        Each [n, D] -> [n, out].
    config : MoeConfig
        How they are chosen; its `num_experts` is their number.
    """

    def __init__(self, dim: int, experts: Iterable[nn.Module], config: MoeConfig) -> None:
        super().__init__()
        self.config = config
        self.experts = nn.ModuleList(experts)
        self.router = nn.Linear(dim, config.num_experts, bias=False)
        self.noise = nn.Linear(dim, config.num_experts, bias=False) if config.noisy_gating else None
        if self.noise is not None:
            nn.init.zeros_(self.noise.weight)
        self._penalty: Tensor | None = None

    def forward(self, x: Tensor, packing: Packing | None = None) -> Tensor:
        """[N + k, D] -> [N + k, out], zero in spare rows.

        Parameters
        ----------
        x : Tensor
            Tokens, and k spare rows that nobody works on.
        packing : Packing or None
            Which event each token belongs to; None: each row is an event.
        """
        tokens = x if packing is None else x[: len(packing.index)]
        routes = self.route(x, packing)
        weight = self.config.load_balance_loss_weight
        if self.training and weight:
            self._penalty = weight * load_balance(routes)
        gates = routes.probabilities.gather(1, routes.experts)
        mixed = (self._work(tokens, routes.experts) * gates[..., None]).sum(1)
        return functional.pad(mixed, (0, 0, 0, len(x) - len(tokens)))

    def route(self, x: Tensor, packing: Packing | None = None) -> Routes:
        """The choice for each token, with noise while training; arguments as of `forward`."""
        tokens = x if packing is None else x[: len(packing.index)]
        with torch.autocast(x.device.type, enabled=False):  # near-equal logits decide the choice
            tokens = tokens.to(self.router.weight.dtype)
            if packing is None or self.config.routing_level == "token":
                probabilities = self._probabilities(tokens)
            else:
                of_events = self._probabilities(mean_pooling(tokens, packing))
                probabilities = of_events.index_select(0, packing.event)
        return Routes(probabilities, probabilities.topk(self.config.top_k, dim=1).indices)

    def take_penalty(self) -> Tensor | None:
        """Weighted load balance of the last training pass."""
        penalty, self._penalty = self._penalty, None
        return penalty

    def __getstate__(self) -> dict[str, Any]:
        # The graph of the last pass is no part of a copy.
        return self.__dict__ | {"_penalty": None}

    def _probabilities(self, x: Tensor) -> Tensor:
        logits = self.router(x)
        if self.noise is not None and self.training:
            logits = logits + torch.randn_like(logits) * functional.softplus(self.noise(x))
        return logits.softmax(1)

    def _work(self, tokens: Tensor, experts: Tensor) -> Tensor:
        """What each chosen expert makes of a token. [N, D], [N, top_k] -> [N, top_k, out]."""
        n_tokens, top_k = experts.shape
        chosen = experts.flatten()
        order = chosen.argsort(stable=True)  # the jobs of the first expert, then of the second, …
        jobs = tokens.index_select(0, order // top_k)
        sizes = chosen.bincount(minlength=len(self.experts)).tolist()
        done = [
            expert(with_spare_rows(rows))[: len(rows)]
            for expert, rows in zip(self.experts, jobs.split(sizes), strict=True)
        ]
        return torch.cat(done).index_select(0, order.argsort()).unflatten(0, (n_tokens, top_k))


def load_balance(routes: Routes) -> Tensor:
    """E * sum_e f_e P_e: 1 for equal use, up to E (Fedus et al., arXiv:2101.03961).

    f_e is the share of expert e among all choices, P_e its mean probability.
    """
    n_experts = routes.probabilities.shape[1]
    uses = routes.experts.flatten().bincount(minlength=n_experts)
    shares = uses / max(routes.experts.numel(), 1)
    means = routes.probabilities.sum(0) / max(len(routes.probabilities), 1)
    return n_experts * (shares * means).sum()
