"""Several processes train one model: all that they say to one another is here.

`torchrun` starts them and tells each its rank. All have the same weights and the same number of
steps; each computes the gradient of its part of a batch, and the sum is what one process would have
computed. Rank 0 alone writes: facts, checkpoints, scores. Without torchrun nothing here costs
anything.

Gradients travel in one piece after the backward pass. `DistributedDataParallel` would send them
while it still runs, which pays for models far larger than ours; in turn a recipe needs to know
nothing of ranks, a rank may have no event of a short batch, and a loop may have two optimisers.
"""

import atexit
import pickle
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from thesis_facts.errors import ThesisError
from thesis_loops.engine.ranks import RanksApart, n_ranks, rank

T = TypeVar("T")

# While rank 0 makes or hashes a large data set the others wait.
_LONGEST_WAIT = timedelta(hours=6)


class FailedElsewhere(SystemExit):
    """Another rank failed, and rank 0 says why: leave with its exit code and without a word."""


class RankLost(ThesisError):
    """Another process is gone, and with it the training; it may have said why."""


def from_rank_zero(make: Callable[[], T]) -> T:
    """What `make` gives on rank 0; the other ranks wait for it.

    Raises
    ------
    FailedElsewhere
        On the other ranks, where `make` failed.
    """
    if n_ranks() == 1:
        return make()
    box: list[Any] = [None]
    if rank() == 0:
        try:
            box = [(0, make())]
        except BaseException as error:
            code = getattr(error, "code", getattr(error, "exit_code", 1))
            with suppress(RankLost, RanksApart):  # they must not hide the error
                _broadcast([(code if isinstance(code, int) and code else 1, None)])
            raise
    code, value = _broadcast(box)[0]
    if code:
        raise FailedElsewhere(code)
    return value


def gather(value: T) -> list[T]:
    """The values of all ranks on rank 0, in their order; an empty list elsewhere."""
    if n_ranks() == 1:
        return [value]
    values: list[Any] | None = [None] * n_ranks() if rank() == 0 else None
    with _meeting():
        dist.gather_object(value, values)
    return values or []


def highest(*values: int) -> tuple[int, ...]:
    """The highest of each value over all ranks."""
    if n_ranks() == 1:
        return values
    numbers = torch.tensor([int(value) for value in values])
    with _meeting():
        dist.all_reduce(numbers, dist.ReduceOp.MAX)
    return tuple(numbers.tolist())


def fail_together(error: Exception | None, failed: int | None = None) -> None:
    """Raise on all ranks where one of them has an error: on rank 0 the error itself.

    Parameters
    ----------
    error : Exception or None
        Of this rank.
    failed : int or None
        Whether any rank has one, where that is known already.
    """
    (failed,) = highest(error is not None) if failed is None else (failed,)
    if not failed:
        return
    travels = _able_to_travel(error) if error is not None and rank() else None
    errors = [found for found in gather(travels) if found is not None]
    if rank():
        raise FailedElsewhere(1)
    raise errors[0] if error is None else error


def _able_to_travel(error: Exception) -> Exception:
    """The error, or only what it says where another process could not make it again."""
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - whatever its class does
        copy = None
    if type(copy) is type(error) and str(copy) == str(error):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")


def together(make: Callable[[], T]) -> T:
    """What `make` gives on each rank; where it fails on one of them, all fail, and once."""
    if n_ranks() == 1:
        return make()
    made: list[T] = []
    error = None
    try:
        made.append(make())
    except Exception as found:  # noqa: BLE001 - whatever it is, rank 0 raises it again
        error = found
    fail_together(error)
    return made[0]


def average_gradients(parameters: Iterable[nn.Parameter], weight: float) -> None:
    """Replace the gradients of each rank by their mean over all, each with its weight."""
    if n_ranks() == 1:
        return
    own = list(parameters)
    for parameter in own:
        if parameter.grad is None:  # no event here, or a part of the model that was not used
            parameter.grad = torch.zeros_like(parameter)
    gradients = [parameter.grad for parameter in own if parameter.grad is not None]
    flat = torch.cat([(gradient * weight).flatten() for gradient in gradients])
    flat = torch.cat([flat, flat.new_tensor([weight])])
    with _meeting():
        dist.all_reduce(flat)
    flat /= flat[-1].clone()
    parts = flat[:-1].split([gradient.numel() for gradient in gradients])
    for gradient, part in zip(gradients, parts, strict=True):
        gradient.copy_(part.view_as(gradient))


def same_weights(model: nn.Module) -> None:
    """Give all ranks the weights and buffers of rank 0."""
    if n_ranks() == 1:
        return
    with _meeting():
        for values in _weights(model):
            dist.broadcast(values, src=0)


def average_statistics(model: nn.Module) -> None:
    """Replace the running statistics of batch norm by their mean over all ranks.

    After each step, so that there is one model: to average, to save, to go on from.
    """
    if n_ranks() == 1:
        return
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    own = [values for norm in norms for values in (norm.running_mean, norm.running_var)]
    statistics = [values for values in own if values is not None]
    if not statistics:
        return
    flat = torch.cat(statistics)
    with _meeting():
        dist.all_reduce(flat)
    flat /= n_ranks()
    for values, mean in zip(statistics, flat.split([len(v) for v in statistics]), strict=True):
        values.copy_(mean)


def _weights(model: nn.Module) -> Sequence[Tensor]:
    return [p.data for p in model.parameters()] + list(model.buffers())


def _broadcast(box: list[Any]) -> list[Any]:
    with _meeting():
        dist.broadcast_object_list(box, src=0)
    return box


@contextmanager
def _meeting() -> Generator[None]:
    """What all processes do at the same time."""
    _start()
    try:
        yield
    except RuntimeError as error:  # torch has no error of its own for a closed connection
        raise RankLost(
            "another process of this training is gone",
            found=str(error).splitlines()[0],
            do="see whether it was killed (memory, time limit), then go on with resume=auto",
        ) from error


@cache
def _start() -> None:
    """Meet the other processes, once."""
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    try:
        dist.init_process_group(backend, timeout=_LONGEST_WAIT)
    except RuntimeError as error:
        raise RanksApart(
            f"rank {rank()} of this training does not reach the others",
            found=str(error).splitlines()[0],
            do="with several machines, name the network between them: GLOO_SOCKET_IFNAME=eth0",
        ) from error
    atexit.register(dist.destroy_process_group)
