"""A multilayer perceptron that sees all slots of an event at once."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from thesis_arch.baselines.mlp_config import MLPSpec
from thesis_arch.data_spec import DataSpec
from thesis_arch.events import Events
from thesis_arch.inputs import MetInputs, require_met
from thesis_arch.physics.event_objects import EventObjects
from thesis_arch.physics.observer import fit_observers
from thesis_arch.simple.mlp import hidden_layers
from thesis_arch.transformer_classifier.tokenizers import build_tokenizer


class MLPClassifier(nn.Module):
    """Objects, slot after slot, and MET -> hidden layers -> logits.

    Objects are normalised and tokenized as those of the transformer. An empty slot is all zeros
    after that, so what stands in its place in the batch never matters. Here slots have a meaning:
    the order of objects is part of the input.

    Parameters
    ----------
    config : MLPSpec
        All options of the model.
    spec : DataSpec
        What the events look like.
    """

    architecture = "mlp_classifier"
    config_class = MLPSpec
    spec_class = DataSpec

    def __init__(self, config: MLPSpec, spec: DataSpec) -> None:
        super().__init__()
        self.config, self.spec = config, spec
        model = config.model
        if spec.vocab_size is not None:
            raise ValueError(
                "classifier.model.name: mlp_classifier reads features of objects, but the events "
                "are binned tokens; use data=h5_tokens"
            )
        self.tokenizer = build_tokenizer(
            model.tokenizer, spec, config.norm, model.tokenizer.id_embed_dim
        )
        if config.globals.include_met:
            require_met(spec)
        self.met = MetInputs() if config.globals.include_met else None
        width = spec.n_tokens * self.tokenizer.out_features + (0 if self.met is None else 3)
        self.hidden = nn.Sequential(*hidden_layers(width, model))
        self.head = nn.Linear(model.hidden_sizes[-1], spec.n_classes)

    def fit_statistics(self, batches: Iterable[Events]) -> None:
        """Set all normalisations from the valid objects and MET of training batches."""
        fit_observers(self, (EventObjects.of(batch, self.spec) for batch in batches))

    def forward(self, batch: Events) -> Tensor:
        """Logits [B, C]."""
        return self.head(self.embed(batch))

    def embed(self, batch: Events) -> Tensor:
        """Last hidden layer [B, D]."""
        return self.hidden(self._flat(batch))

    @torch.no_grad()
    def event_scores(self, batch: Events) -> dict[str, Tensor]:
        """Per-event results: ``logits`` [B, C] and ``embedding`` [B, D], float32."""
        embedding = self.embed(batch)
        return {"logits": self.head(embedding).float(), "embedding": embedding.float()}

    def effective_axes(self) -> dict[str, Any]:
        """Coordinates in design space that only the built model knows."""
        return {"n_parameters": sum(p.numel() for p in self.parameters())}

    def _flat(self, batch: Events) -> Tensor:
        """[B, n_tokens * K + 3]: batches are as long as their longest event, this never varies."""
        objects = EventObjects.of(batch, self.spec)
        tokens = objects.packing.unpack(self.tokenizer(objects))
        missing = self.spec.n_tokens - batch.mask.shape[1]
        parts = [functional.pad(tokens, (0, 0, 0, missing)).flatten(1)]
        if self.met is not None:
            parts += self.met(batch.globals)
        return torch.cat(parts, dim=1)
