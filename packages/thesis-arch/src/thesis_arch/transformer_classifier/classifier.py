"""The transformer classifier: objects in, logits out."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from thesis_arch.blocks import Blocks
from thesis_arch.data_spec import DataSpec
from thesis_arch.events import Events
from thesis_arch.frozen import own_modules
from thesis_arch.inputs import require_met
from thesis_arch.mixture_of_experts import MixtureOfExperts
from thesis_arch.packing import Sequence, join, with_spare_rows
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.physics.observer import fit_observers
from thesis_arch.transformer_classifier.attention.layout import AttentionLayout
from thesis_arch.transformer_classifier.attention_biases import AttentionBias
from thesis_arch.transformer_classifier.config import ClassifierSpec
from thesis_arch.transformer_classifier.encoder_block import EncoderBlock
from thesis_arch.transformer_classifier.feed_forward.choice import expert_blocks
from thesis_arch.transformer_classifier.heads import build_head
from thesis_arch.transformer_classifier.layers import in_order
from thesis_arch.transformer_classifier.met import BinnedMetTokens, MetTokens
from thesis_arch.transformer_classifier.mia import Interactions, MiaBlock
from thesis_arch.transformer_classifier.nodewise_mass import nodewise_mass
from thesis_arch.transformer_classifier.norms import NORMS
from thesis_arch.transformer_classifier.pooling import POOLINGS
from thesis_arch.transformer_classifier.positional.building import (
    model_positions,
    rotation_of,
    token_positions,
)
from thesis_arch.transformer_classifier.tokenizers import BinnedTokenizer, build_tokenizer
from thesis_arch.transformer_classifier.without_energy import warn_without_energy


class TransformerClassifier(nn.Module):
    """Tokens -> [CLS] + tokens + MET tokens -> encoder with physics bias -> pooling -> logits.

    Parameters
    ----------
    config : ClassifierSpec
        All options of the model.
    spec : DataSpec
        What the events look like.

    Raises
    ------
    ValueError
        An option needs what the events don't have.
    """

    architecture = "transformer_classifier"
    config_class = ClassifierSpec
    spec_class = DataSpec

    def __init__(self, config: ClassifierSpec, spec: DataSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        model, pooling = config.model, config.model.head.pooling
        warn_without_energy(model, spec)
        self.tokenizer = build_tokenizer(
            model.tokenizer, spec, config.norm, model.dim, config.pretrained
        )
        self.token_positions = token_positions(model, spec.n_tokens, self.tokenizer)
        self.project = nn.Linear(self.tokenizer.out_features, model.dim)
        self.model_positions = model_positions(model, spec.n_tokens)
        self.nodewise_mass = nodewise_mass(model.nodewise_mass, model.dim, spec)
        self.cls = nn.Parameter(torch.randn(1, model.dim) * 0.02) if pooling == "cls" else None
        self.cls_is_last = model.causal_attention  # the first token would see nothing
        self.met = self._build_met() if config.globals.include_met else None
        self.attention_bias = AttentionBias(model, spec)
        self.interactions = Interactions(model, spec) if model.mia_blocks.enabled else None
        n_interactions = model.mia_blocks.num_blocks if model.mia_blocks.enabled else 0
        self.interaction_blocks = nn.ModuleList(MiaBlock(model) for _ in range(n_interactions))
        self.blocks = nn.ModuleList(EncoderBlock(model, layer) for layer in range(model.depth))
        norm = NORMS[model.norm.type]
        self.final_norm = nn.Identity() if model.norm.policy == "post" else norm(model.dim)
        self.pool = POOLINGS["last" if pooling == "cls" and self.cls_is_last else pooling]
        self.head = build_head(model, spec.n_classes)

    def fit_statistics(self, batches: Iterable[Events]) -> None:
        """Set all normalisations from the valid objects, pairs and MET of training batches."""
        fit_observers(self, (EventObjects.of(batch, self.spec) for batch in batches))

    def forward(self, batch: Events) -> Tensor:
        """Logits [B, C]."""
        return self.head(self.embed(batch))

    def embed(self, batch: Events) -> Tensor:
        """Pooled representation [B, D]."""
        model = self.config.model
        objects = EventObjects.of(batch, self.spec)
        places = objects.packing.pack(batch.mask.cumsum(1) - 1)
        sequence = self._sequence(objects, places, batch)
        blocks, n_tokens = Blocks.of(sequence.packing), len(sequence.tokens)
        physics = self.attention_bias(objects, sequence.objects, blocks)
        pairs, mixing = physics.pairs, None
        if self.interactions is not None:
            interactions = self.interactions(objects, sequence.objects, blocks)
            pairs, mixing = _added(pairs, interactions.bias), interactions.mixing
        layout = AttentionLayout.of(
            blocks,
            model.heads * model.branches,
            pairs or [],
            causal=model.causal_attention,
            rotation=rotation_of(model, sequence, places),
            query_scale=physics.query_scale,
        )
        x = with_spare_rows(sequence.tokens)
        for layer in self.layers:
            x = layer(x, mixing, blocks) if isinstance(layer, MiaBlock) else layer(x, layout)
        return self.pool(self.final_norm(x[:n_tokens]), sequence.packing)

    @property
    def layers(self) -> list[nn.Module]:
        """All blocks in the order in which tokens pass them."""
        placement = self.config.model.mia_blocks.placement
        return in_order(list(self.blocks), list(self.interaction_blocks), placement)

    @torch.no_grad()
    def event_scores(self, batch: Events) -> dict[str, Tensor]:
        """Per-event results: ``logits`` [B, C] and ``embedding`` [B, D], float32."""
        embedding = self.embed(batch)
        return {"logits": self.head(embedding).float(), "embedding": embedding.float()}

    def effective_axes(self) -> dict[str, Any]:
        """Coordinates in design space that only the built model knows."""
        return {
            "n_parameters": sum(
                p.numel() for m in own_modules(self) for p in m.parameters(recurse=False)
            ),
            "nodewise_mass_enabled": self.nodewise_mass is not None,
            **self.attention_bias.effective_axes(),
            **self._effective_experts(),
        }

    def _effective_experts(self) -> dict[str, Any]:
        """One expert alone is a plain layer, and two blocks have none in their middle."""
        config = self.config.model
        in_head = isinstance(self.head, MixtureOfExperts)
        in_blocks = config.moe.num_experts > 1 and len(expert_blocks(config)) > 0
        asked = config.moe.enabled and (in_blocks or (config.moe.scope == "head" and in_head))
        axes: dict[str, Any] = {"moe_enabled": asked}
        if in_head or config.head.type == "moe":
            axes["head_type"] = "moe" if in_head else "linear"
        if len(expert_blocks(config)) == config.depth and not in_blocks:
            axes["ffn_type"] = "standard"
        return axes

    def _sequence(self, objects: EventObjects, places: Tensor, batch: Events) -> Sequence:
        tokens = self.tokenizer(objects)
        if self.token_positions is not None:
            tokens = self.token_positions(tokens, places)
        # What the blocks add up stays in full precision under autocast, with extra tokens or not.
        tokens = self.project(tokens).to(self.project.weight.dtype)
        if self.model_positions is not None:
            tokens = self.model_positions(tokens, places)
        if self.nodewise_mass is not None:
            tokens = tokens + self.nodewise_mass(objects)
        cls = [] if self.cls is None else [self.cls.expand(len(batch.mask), -1)]
        met = [] if self.met is None else list(self.met(batch.globals))
        if self.cls_is_last:
            return join(tokens, batch.mask, [], [*met, *cls])
        return join(tokens, batch.mask, cls, met)

    def _build_met(self) -> MetTokens | BinnedMetTokens:
        require_met(self.spec)
        if isinstance(self.tokenizer, BinnedTokenizer):
            return BinnedMetTokens(self.tokenizer.embedding, self.project)
        return MetTokens(self.config.model.dim)


def _added(first: list[Tensor] | None, second: list[Tensor] | None) -> list[Tensor] | None:
    """Sum of the biases of each block; None where there are none."""
    if first is None or second is None:
        return first if second is None else second
    return [a + b for a, b in zip(first, second, strict=True)]
