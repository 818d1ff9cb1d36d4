"""When the embedding of object ids trains, and when the rest of the model does."""

import torch
from torch import nn

from thesis_arch.object_ids import id_embedding
from thesis_data.random import keyed_generator
from thesis_facts.errors import ConfigError
from thesis_loops.config import ClassifierTrainer
from thesis_loops.engine.optimisation import GradientUpdate

_KEY = "classifier.trainer.pid_schedule"


class PidSchedule:
    """Freezes and frees weights at the beginning of an epoch, from the number of the epoch alone.

    Parameters
    ----------
    model : nn.Module
        The model that trains.
    trainer : ClassifierTrainer
        `pid_schedule` and `seed`.

    Raises
    ------
    ConfigError
        The model has no learned embedding of ids, or none that is wide enough.
    """

    def __init__(self, model: nn.Module, trainer: ClassifierTrainer) -> None:
        self.settings, self.seed = trainer.pid_schedule, trainer.seed
        self.embedding = id_embedding(model)
        self.norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        self.others = [p for p in model.parameters() if not self._is_embedding(p)]
        asked = self.settings.mode != "standard" or self.settings.pid_lr is not None
        if asked and self.embedding is None:
            raise ConfigError(
                "there is no learned embedding of ids to schedule",
                key=f"{_KEY}.mode" if self.settings.mode != "standard" else f"{_KEY}.pid_lr",
                do="choose classifier.model.tokenizer.name=identity and tokenizer.pid_mode=learned",
            )
        if self.embedding is not None and self._reinitialises("one_hot_padded"):
            n_ids, width = self.embedding.num_embeddings - 1, self.embedding.embedding_dim
            if width < n_ids:
                raise ConfigError(
                    "the embedding is too narrow for a column of each id",
                    key="classifier.model.tokenizer.id_embed_dim",
                    found=width,
                    expected=f"at least {n_ids} for {_KEY}.reinit_mode=one_hot_padded",
                )

    @property
    def first_candidate(self) -> int:
        """Epoch from which on the model is what the schedule is about."""
        return 0 if self.settings.mode == "standard" else self.settings.transition_epoch

    def rates(self, model: nn.Module, lr: float) -> dict[str, float]:
        """Learning rates of parameters by name, as factors of `lr`, where they differ from it."""
        if self.settings.pid_lr is None:
            return {}
        names = [name for name, p in model.named_parameters() if self._is_embedding(p)]
        return dict.fromkeys(names, self.settings.pid_lr / lr)

    def begin_epoch(self, updater: GradientUpdate, epoch: int, step: int) -> None:
        """Bring the model into the state of this epoch, counted from 0, at this step of it."""
        if self.embedding is None or self.settings.mode == "standard":
            return
        late = epoch >= self.settings.transition_epoch
        if self.settings.mode == "warmup_fixed":
            self.embedding.weight.requires_grad_(late)
            return
        for parameter in self.others:
            parameter.requires_grad_(not late)
        for norm in self.norms:
            norm.train(not late)
        if epoch == self.settings.transition_epoch and step == 0:
            self._reinitialise(self.embedding)
            updater.start_again(self.embedding.weight)

    def _is_embedding(self, parameter: nn.Parameter) -> bool:
        return self.embedding is not None and parameter is self.embedding.weight

    def _reinitialises(self, mode: str) -> bool:
        return self.settings.mode == "frozen_backbone" and self.settings.reinit_mode == mode

    @torch.no_grad()
    def _reinitialise(self, embedding: nn.Embedding) -> None:
        """As at the very start, or a column for each id; padding (0) stays zero in the latter."""
        weight = embedding.weight
        if self._reinitialises("normal"):
            draw = keyed_generator(self.seed, "pid_schedule")
            weight.copy_(torch.randn(weight.shape, generator=draw))
            return
        weight.zero_()
        weight[1:].fill_diagonal_(1.0)
