"""AdamW that does not load a compiler."""

import inspect

import torch
from torch.optim import Optimizer


class AdamW(torch.optim.AdamW):
    """`torch.optim.AdamW` (Loshchilov and Hutter, arXiv:1711.05101), ready at once.

    Torch shields the methods of its optimisers from `torch.compile`, for which it loads the
    compiler when one of them is first called: longer than loading torch itself. We don't compile
    them, so these are the methods behind the shields.
    """

    add_param_group = inspect.unwrap(Optimizer.add_param_group)
    zero_grad = inspect.unwrap(Optimizer.zero_grad)
    state_dict = inspect.unwrap(Optimizer.state_dict)
    load_state_dict = inspect.unwrap(Optimizer.load_state_dict)
    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))
