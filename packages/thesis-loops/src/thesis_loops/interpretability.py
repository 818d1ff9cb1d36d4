"""What is read off a model while it trains, a file an epoch: `interpretability/epoch_N.pt`.

`torch.load(path, weights_only=True)` gives a dict of dicts of tensors; what each of them is stands
with the functions of `thesis_arch.interpretability`.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from thesis_arch import interpretability as read
from thesis_data.events import EventBatch
from thesis_facts.writers import write_atomic
from thesis_loops.config import ClassifierTrainer


class InterpretabilityWriter:
    """Writes what `trainer.interpretability` and `trainer.log_pid_embeddings` ask for.

    Parameters
    ----------
    run_dir : Path or None
        None writes nothing.
    model : nn.Module
        What trains.
    trainer : ClassifierTrainer
        What is wanted, and when.
    events : callable
        () -> the validation events to look at, on the device of the model.
    """

    def __init__(
        self,
        run_dir: Path | None,
        model: nn.Module,
        trainer: ClassifierTrainer,
        events: Callable[[], EventBatch],
    ) -> None:
        self.run_dir, self.model, self.events = run_dir, model, events
        self.settings, self.log_pid_embeddings = (
            trainer.interpretability,
            trainer.log_pid_embeddings,
        )

    def end_epoch(self, epoch: int) -> None:
        """Write the file of this epoch, counted from 0, if there is to be one."""
        if self.run_dir is None:
            return
        content: dict[str, dict[str, Tensor]] = {}
        if self.log_pid_embeddings:
            content["pid_embedding"] = read.pid_embedding(self.model)
        if self._is_due(epoch):
            content |= self._captured()
        content = {name: values for name, values in content.items() if values}
        if not content:
            return
        on_cpu = {
            name: {key: value.detach().cpu() for key, value in values.items()}
            for name, values in content.items()
        }
        path = self.run_dir / "interpretability" / f"epoch_{epoch}.pt"
        path.parent.mkdir(exist_ok=True)
        write_atomic(path, lambda file: torch.save(on_cpu, file))

    def _is_due(self, epoch: int) -> bool:
        chosen = self.settings.checkpoint_epochs
        return self.settings.enabled and (chosen is None or epoch in chosen)

    def _captured(self) -> dict[str, dict[str, Tensor]]:
        wanted, model = self.settings, self.model
        content: dict[str, dict[str, Tensor]] = {}
        if wanted.save_differential_lambda:
            content["differential_lambda"] = read.lambdas(model)
        if wanted.save_bias_gates:
            content["bias_gates"] = read.gates(model)
        if wanted.save_kan_splines:
            content["kan_splines"] = read.splines(model)
        if wanted.save_gradient_norms:
            content["gradient_norms"] = gradient_norms(model)
        if wanted.save_attention_maps or wanted.save_moe_routing:
            events = self.events()
            content["events"] = {
                "tokens_id": events.tokens_id,
                "mask": events.mask,
                "label": events.label,
                "index": events.index,
            }
            if wanted.save_attention_maps:
                content["attention_maps"] = read.capture_attention_maps(model, events)
            if wanted.save_moe_routing:
                content["moe_routing"] = read.capture_routes(model, events)
        return content


def gradient_norms(model: nn.Module) -> dict[str, Tensor]:
    """Norm of the gradient of each parameter in the last training step, after clipping."""
    return {
        name: parameter.grad.norm()
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
