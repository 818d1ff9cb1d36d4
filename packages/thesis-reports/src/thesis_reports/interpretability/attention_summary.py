"""From attention maps to where each kind of token looks, beside attention that looks nowhere.

A weight means nothing by itself: among eight tokens each gets an eighth. So sums of weights are
told in units of what uniform attention over the tokens that are there gives to the same pairs:
1 is nowhere in particular. What a token looks at in itself is kept apart, for it is the only one of
its kind in many events. B counts events, S tokens, L layers, M softmaxes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from thesis_facts.configs import value_at
from thesis_facts.errors import RunError
from thesis_reports.interpretability.epoch_files import KINDS, Section

TOKENS = (*KINDS[1:], "MET", "MET φ", "CLS")
"""Kinds of tokens: objects by their ids, then the additional ones."""

LOOKED_AT = (*TOKENS, "itself")
"""What a token can look at: others of some kind, or itself."""

_MET, _MET_PHI, _CLS = 7, 8, 9
_NOTHING = 1e-9  # pairs with oneself are taken off, up to rounding
_SMALLEST_SUM = 0.05  # 1 − λ, by which differences of softmaxes are divided; below 0 all signs turn

Array = NDArray[np.float64]


@dataclass(frozen=True)
class TokenOrder:
    """Which tokens stand around the objects of an event, and who sees whom.

    Attributes
    ----------
    before, after
        Numbers in `TOKENS`.
    causal
        Whether a token sees only itself and those before it.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    causal: bool

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> TokenOrder:
        """Of a run, by its config.

        Raises
        ------
        RunError
            The config does not say.
        """
        pooling = value_at(config, "classifier.model.head.pooling")
        met = value_at(config, "classifier.globals.include_met")
        causal = value_at(config, "classifier.model.causal_attention")
        if not isinstance(pooling, str) or not isinstance(met, bool):
            raise RunError(
                "the config does not say which tokens there are",
                key="classifier.model.head.pooling, classifier.globals.include_met",
            )
        cls_token = (_CLS,) if pooling == "cls" else ()
        met_tokens = (_MET, _MET_PHI) if met else ()
        if causal:  # the class token comes last: the first would see nothing
            return cls((), (*met_tokens, *cls_token), True)
        return cls(cls_token, met_tokens, False)

    @property
    def has_cls(self) -> bool:
        """Whether there is a class token."""
        return _CLS in (*self.before, *self.after)


@dataclass(frozen=True, eq=False)
class Attention:
    """Where the attention of a run looks; Q counts `TOKENS`, K `LOOKED_AT`.

    Attributes
    ----------
    layers
        L names.
    weight : [L, B, Q, K]
        Sums of weights from queries to keys, mean over heads.
    uniform : [B, Q, K]
        What uniform attention gives.
    n_events : [Q, K]
        Events that have such a pair.
    entropy : [L, M]
        Of each softmax, mean over queries, 1 for uniform attention; within each layer (and each of
        two softmaxes) from sharp to broad, since heads of different seeds have nothing in common.
    n_softmaxes
        1, or 2 with differential attention: the first half of M belongs to the first.
    label, event, n_tokens : [B]
        Class, which event of the split it is, and how many tokens it has.
    """

    layers: tuple[str, ...]
    weight: Array
    uniform: Array
    n_events: NDArray[np.int64]
    entropy: Array
    n_softmaxes: int
    label: NDArray[np.int64]
    event: NDArray[np.int64]
    n_tokens: NDArray[np.int64]

    def ratio(self) -> Array:
        """Attention in units of uniform attention, [L + 1, Q, K]: whole model, then layers."""
        return _ratio(self._with_mean().sum(1), self.uniform.sum(0))

    def influence(self) -> Array:
        """What each event does to the ratio of the whole model, [B, Q, K]; squares add up."""
        total = self.uniform.sum(0)
        mean = self.weight.mean(0)
        return _ratio(mean - self.ratio()[0] * self.uniform, total)

    def received(self) -> Array:
        """What tokens of all kinds give to each, [L + 1, K], in units of uniform attention."""
        return _ratio(self._with_mean().sum((1, 2)), self.uniform.sum((0, 1)))

    def received_by_event(self) -> Array:
        """The same of each event in the whole model, [B, K]; NaN where it has no such token."""
        return _ratio(self.weight.mean(0).sum(1), self.uniform.sum(1))

    def _with_mean(self) -> Array:
        return np.concatenate([self.weight.mean(0, keepdims=True), self.weight])


def summarise_attention(
    maps: Section, events: Section, order: TokenOrder, lambdas: Section | None
) -> Attention:
    """Sum up the maps of a run.

    Parameters
    ----------
    maps
        Of each layer [B, M, S, S], queries before keys, 0 where there is no token.
    events
        ``tokens_id``, ``mask`` [B, T], ``label``, ``index`` [B].
    order
        Of the tokens.
    lambdas
        Of each layer with differential attention; None without.

    Raises
    ------
    RunError
        Maps and events or the order of tokens don't fit each other.
    """
    if not {"tokens_id", "mask", "label", "index"} <= set(events):
        raise RunError("the events behind the maps are not known", key="events")
    kinds = token_kinds(events["tokens_id"], events["mask"].astype(bool), order)
    is_token = kinds >= 0
    visible = is_token[:, :, None] & is_token[:, None, :]
    if order.causal:
        visible &= np.tri(kinds.shape[1], dtype=bool)
    n_visible = visible.sum(-1)
    one_hot = (kinds[..., None] == np.arange(len(TOKENS))).astype(float)  # [B, S, Q]
    weights, entropies = [], []
    for name, layer in maps.items():
        _check(layer, is_token, name)
        effective = _effective(layer, name, lambdas)
        weights.append(_by_kind(effective, one_hot))
        entropies.append(_entropy(layer, n_visible, 1 if lambdas is None else 2))
    share = visible / np.maximum(n_visible, 1)[..., None]
    uniform = _by_kind(share, one_hot)
    return Attention(
        tuple(maps),
        np.array(weights),
        uniform,
        (uniform > _NOTHING).sum(0),
        np.array(entropies),
        1 if lambdas is None else 2,
        events["label"].astype(np.int64),
        events["index"].astype(np.int64),
        is_token.sum(1),
    )


def token_kinds(
    ids: NDArray[np.integer], mask: NDArray[np.bool_], order: TokenOrder
) -> NDArray[np.int64]:
    """Number in `TOKENS` of each token [B, S] as the model has them: without gaps, -1 for none.

    Raises
    ------
    RunError
        `ids` [B, T] are no object ids.
    """
    known = ids[mask]
    if len(known) and not (known.min() >= 1 and known.max() < len(KINDS)):
        raise RunError(
            "its objects have no ids of kinds, such as tokens of a vocabulary",
            key="events.tokens_id",
            found=f"{known.min()} to {known.max()}",
            expected=f"1 to {len(KINDS) - 1}",
        )
    n_objects, first = mask.sum(1), len(order.before)
    n_slots = int(n_objects.max(initial=0)) + first + len(order.after)
    kinds = np.full((len(ids), n_slots), -1, dtype=np.int64)
    kinds[:, :first] = order.before
    event, slot = np.nonzero(mask)
    kinds[event, first + mask.cumsum(1)[event, slot] - 1] = ids[event, slot] - 1
    for place, kind in enumerate(order.after):
        kinds[np.arange(len(ids)), first + n_objects + place] = kind
    return kinds


def _check(maps: NDArray[np.floating], is_token: NDArray[np.bool_], name: str) -> None:
    """Refuse maps whose tokens are not those that the config promises."""
    n_events, n_slots = is_token.shape
    if maps.ndim != 4 or maps.shape[0] != n_events or maps.shape[2:] != (n_slots, n_slots):
        raise RunError(
            "which token is which can't be told",
            key=f"attention_maps.{name}",
            found=f"shape {list(maps.shape)}",
            expected=f"[{n_events}, M, {n_slots}, {n_slots}] by the config and the events",
        )
    if not np.allclose(maps.sum(-1), is_token[:, None, :], atol=1e-3):
        raise RunError(
            "which token is which can't be told",
            key=f"attention_maps.{name}",
            found="weights that don't add up to 1 where the config has a token",
        )


def _effective(maps: NDArray[np.floating], name: str, lambdas: Section | None) -> Array:
    """Mean over heads [B, S, S], with rows that add up to 1: (first − λ second) / (1 − λ)."""
    if lambdas is None:
        return maps.mean(1, dtype=float)
    if name not in lambdas or maps.shape[1] % 2:
        raise RunError("λ of the layer is not known", key=f"differential_lambda.{name}")
    factor = float(lambdas[name])
    if not 1 - factor >= _SMALLEST_SUM:
        is_near = abs(1 - factor) < _SMALLEST_SUM
        raise RunError(
            "its two softmaxes cancel"
            if is_near
            else "its second softmax outweighs the first, so "
            "that it looks away from tokens rather than at them",
            key=f"differential_lambda.{name}",
            found=f"{factor:.3f}",
            expected=f"at most {1 - _SMALLEST_SUM:g}",
        )
    first, second = np.split(maps, 2, axis=1)
    difference = first.mean(1, dtype=float) - factor * second.mean(1, dtype=float)
    return difference / (1 - factor)


def _by_kind(weights: Array, one_hot: Array) -> Array:
    """Sums [B, Q, K] of weights [B, S, S] by kind of query and key, oneself apart."""
    among = np.swapaxes(one_hot, 1, 2) @ (weights @ one_hot)
    own = np.einsum("bss,bsq->bq", weights, one_hot)
    kinds = np.arange(len(TOKENS))
    among[:, kinds, kinds] -= own
    return np.concatenate([among, own[..., None]], axis=2)


def _entropy(maps: NDArray[np.floating], n_visible: NDArray[np.integer], n_softmaxes: int) -> Array:
    """[M] mean over queries with a choice, over log(number of tokens), sorted in each softmax."""
    has_choice = n_visible > 1
    largest = np.log(np.where(has_choice, n_visible, 2))
    by_query = entr(maps).sum(-1) / largest[:, None, :]
    mean = np.where(has_choice[:, None, :], by_query, 0).sum((0, 2)) / max(has_choice.sum(), 1)
    return np.sort(mean.reshape(n_softmaxes, -1), axis=1).ravel()


def _ratio(weight: Array, uniform: Array) -> Array:
    """Their quotient; NaN where uniform attention has no pairs either."""
    weight, uniform = np.broadcast_arrays(weight, uniform)
    has_pairs = uniform > _NOTHING
    return np.divide(weight, uniform, out=np.full(weight.shape, np.nan), where=has_pairs)
