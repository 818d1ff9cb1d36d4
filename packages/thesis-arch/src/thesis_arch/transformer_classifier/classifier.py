"""The transformer classifier: objects in, logits out."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from thesis_arch.blocks import Blocks
from thesis_arch.data_spec import DataSpec
from thesis_arch.events import Events
from thesis_arch.inputs import MetInputs, ObjectInputs
from thesis_arch.packing import Packing, Sequence, join, with_spare_rows
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.transformer_classifier.attention.layout import AttentionLayout
from thesis_arch.transformer_classifier.attention_biases import AttentionBias
from thesis_arch.transformer_classifier.config import ClassifierSpec
from thesis_arch.transformer_classifier.encoder_block import EncoderBlock
from thesis_arch.transformer_classifier.heads import HEADS
from thesis_arch.transformer_classifier.pooling import POOLINGS
from thesis_arch.transformer_classifier.tokenizers import TOKENIZERS


class TransformerClassifier(nn.Module):
    """Tokens -> [CLS] + tokens + MET tokens -> encoder with physics bias -> pooling -> logits.

    Parameters
    ----------
    config : ClassifierSpec
        All options of the model.
    spec : DataSpec
        What the events look like.
    """

    architecture = "transformer_classifier"
    config_class = ClassifierSpec
    spec_class = DataSpec

    def __init__(self, config: ClassifierSpec, spec: DataSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        model = config.model
        self.inputs = ObjectInputs(spec, config.norm)
        self.tokenizer = TOKENIZERS[model.tokenizer.name](
            model.tokenizer, spec, self.inputs.n_features
        )
        self.project = nn.Linear(self.tokenizer.out_features, model.dim)
        self.cls = _token(model.dim) if model.head.pooling == "cls" else None
        if config.globals.include_met and not spec.has_globals:
            raise ValueError(
                "classifier.globals.include_met: found true, but the events carry no MET "
                "(data.globals.present is false)"
            )
        self.met = MetTokens(model.dim) if config.globals.include_met else None
        self.attention_bias = AttentionBias(model, spec)
        self.blocks = nn.ModuleList(EncoderBlock(model) for _ in range(model.depth))
        self.final_norm = nn.LayerNorm(model.dim)
        self.pool = POOLINGS[model.head.pooling]
        self.head = HEADS[model.head.type](model.dim, spec.n_classes)

    def fit_statistics(self, batches: Iterable[Events]) -> None:
        """Set all normalisations from the valid objects, pairs and MET of training batches."""
        for batch in batches:
            objects = EventObjects.of(batch, self.spec, Packing.of(batch.mask))
            self.inputs.observe(objects.cont)
            self.attention_bias.observe(objects)
            if self.met is not None:
                self.met.inputs.observe(batch.globals)
        self.inputs.finish()
        self.attention_bias.finish()
        if self.met is not None:
            self.met.inputs.finish()

    def forward(self, batch: Events) -> Tensor:
        """Logits [B, C]."""
        return self.head(self.embed(batch))

    def embed(self, batch: Events) -> Tensor:
        """Pooled representation [B, D]."""
        objects = EventObjects.of(batch, self.spec, Packing.of(batch.mask))
        sequence = self._sequence(objects.cont, objects.ids, batch)
        blocks, n_tokens = Blocks.of(sequence.packing), len(sequence.tokens)
        bias = self.attention_bias(objects, sequence.objects, blocks)
        layout = AttentionLayout.of(blocks, self.config.model.heads, bias.pairs)
        x = with_spare_rows(sequence.tokens)
        for block in self.blocks:
            x = block(x, layout)
        return self.pool(self.final_norm(x[:n_tokens]), sequence.packing)

    @torch.no_grad()
    def event_scores(self, batch: Events) -> dict[str, Tensor]:
        """Per-event results: ``logits`` [B, C] and ``embedding`` [B, D], float32."""
        embedding = self.embed(batch)
        return {"logits": self.head(embedding).float(), "embedding": embedding.float()}

    def effective_axes(self) -> dict[str, Any]:
        """Coordinates in design space that only the built model knows."""
        axes: dict[str, Any] = {"n_parameters": sum(p.numel() for p in self.parameters())}
        return axes | self.attention_bias.effective_axes()

    def _sequence(self, cont: Tensor, ids: Tensor, batch: Events) -> Sequence:
        tokens = self.project(self.tokenizer(self.inputs(cont), ids))
        # What the blocks add up stays in full precision under autocast, with extra tokens or not.
        tokens = tokens.to(self.project.weight.dtype)
        n_events = len(batch.mask)
        before = [] if self.cls is None else [self.cls.expand(n_events, -1)]
        after = [] if self.met is None else list(self.met(batch.globals))
        return join(tokens, batch.mask, before, after)


class MetTokens(nn.Module):
    """Two tokens for the missing transverse momentum: its size and its direction."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.inputs = MetInputs()
        self.size = nn.Linear(1, dim)
        self.direction = nn.Linear(2, dim)

    def forward(self, globals_: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 2] -> two times [B, D]."""
        size, direction = self.inputs(globals_)
        return self.size(size), self.direction(direction)


def _token(dim: int) -> nn.Parameter:
    return nn.Parameter(torch.randn(1, dim) * 0.02)
