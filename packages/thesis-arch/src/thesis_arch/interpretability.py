"""What a trained model does, read off it: nothing here costs anything until it is asked for."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn

from thesis_arch.blocks import Blocks
from thesis_arch.events import Events
from thesis_arch.kan.layer import KanLinear
from thesis_arch.mixture_of_experts import MixtureOfExperts
from thesis_arch.object_ids import id_embedding
from thesis_arch.transformer_classifier.attention.differential import DifferentialAttention
from thesis_arch.transformer_classifier.attention.layout import AttentionLayout
from thesis_arch.transformer_classifier.attention.scaled_dot_product import attention_maps
from thesis_arch.transformer_classifier.attention.standard import StandardAttention
from thesis_arch.transformer_classifier.attention_biases.gate import Gate

_CURVE_POINTS = 41

Captured = dict[str, Tensor]


@torch.no_grad()
def capture_attention_maps(model: nn.Module, batch: Events) -> Captured:
    """The softmaxes of every attention layer on a batch.

    Returns
    -------
    dict
        ``{layer}`` -> [B, M, S, S] queries before keys, 0 where there is no token. S counts CLS,
        objects and MET as the model orders them; M counts heads, with differential attention
        those of its first softmax, then of its second.
    """
    maps: Captured = {}

    def record(name: str) -> Callable[..., None]:
        def hook(module: Any, inputs: tuple[Tensor, AttentionLayout], output: Tensor) -> None:
            x, layout = inputs
            qkv = module.queries_keys_values(x, layout)
            by_block = attention_maps(qkv, layout, module.n_maps)
            maps[name] = _by_event(by_block, layout.blocks)

        return hook

    _run_with_hooks(model, batch, (StandardAttention, DifferentialAttention), record)
    return maps


@torch.no_grad()
def capture_routes(model: nn.Module, batch: Events) -> Captured:
    """Who works on which token of a batch.

    Returns
    -------
    dict
        ``{layer}.probabilities`` [N, E] and ``{layer}.experts`` [N, top_k], for the packed tokens
        of the batch, or for its events where the head has the experts.
    """
    routes: Captured = {}

    def record(name: str) -> Callable[..., None]:
        def hook(module: MixtureOfExperts, inputs: tuple[Any, ...], output: Tensor) -> None:
            found = module.route(*inputs)
            routes[f"{name}.probabilities"] = found.probabilities
            routes[f"{name}.experts"] = found.experts

        return hook

    _run_with_hooks(model, batch, (MixtureOfExperts,), record)
    return routes


@torch.no_grad()
def lambdas(model: nn.Module) -> Captured:
    """λ of each layer of differential attention, by its name."""
    layers = _named(model, DifferentialAttention)
    return {name: layer.lambda_.detach() for name, layer in layers.items()}


@torch.no_grad()
def gates(model: nn.Module) -> Captured:
    """The learned factor in front of each physics bias, by its name."""
    return {name: gate.value.detach() for name, gate in _named(model, Gate).items()}


@torch.no_grad()
def splines(model: nn.Module) -> Captured:
    """The learned functions of all KANs.

    Returns
    -------
    dict
        ``x`` [41] from the lowest to the highest end of their grids, and ``{layer}`` [41, in, out].
    """
    layers = _named(model, KanLinear)
    if not layers:
        return {}
    low = min(float(layer.grid.start.min()) for layer in layers.values())
    high = max(float(layer.grid.end.max()) for layer in layers.values())
    x = torch.linspace(low, high, _CURVE_POINTS)
    return {"x": x} | {
        name: layer.curves(x.to(layer.coefficients.device)) for name, layer in layers.items()
    }


def pid_embedding(model: nn.Module) -> Captured:
    """The learned vectors of object ids [num_types, id_embed_dim]; the first is padding's."""
    found = id_embedding(model)
    return {} if found is None else {"weight": found.weight.detach().clone()}


def _run_with_hooks(
    model: nn.Module,
    batch: Events,
    kinds: tuple[type[nn.Module], ...],
    record: Callable[[str], Callable[..., None]],
) -> None:
    with ExitStack() as hooks:
        for kind in kinds:
            for name, module in _named(model, kind).items():
                hooks.callback(module.register_forward_hook(record(name)).remove)
        model(batch)


def _named(model: nn.Module, kind: type[Any]) -> dict[str, Any]:
    return {name: module for name, module in model.named_modules() if isinstance(module, kind)}


def _by_event(maps: list[Tensor], blocks: Blocks) -> Tensor:
    """[n, M, L, L] of each block -> [B, M, S, S] in the order of the batch, 0 beyond the tokens."""
    lengths = blocks.packing.mask.sum(1)
    longest = int(lengths.max())
    n_maps = maps[0].shape[1]
    result = maps[0].new_zeros(len(lengths), n_maps, longest, longest)
    start = 0
    for part in maps:
        n, length = len(part), min(part.shape[-1], longest)
        events = blocks.order[start : start + n]
        result[events, :, :length, :length] = part[:, :, :longest, :longest]
        start += n
    queries = torch.arange(longest, device=lengths.device) < lengths[:, None]
    return torch.where(queries[:, None, :, None], result, 0.0)
