"""Our AdamW is torch's, without what it would load."""

import subprocess
import sys

import torch

from small_runs import config_of
from thesis_loops.engine.adamw import AdamW


def test_steps_are_those_of_torch():
    found = []
    for optimiser_class in (AdamW, torch.optim.AdamW):
        torch.manual_seed(0)
        weights = [torch.nn.Parameter(torch.randn(3, 2)), torch.nn.Parameter(torch.randn(4))]
        optimiser = optimiser_class(weights, lr=0.1, weight_decay=0.3, fused=True)
        for step in range(5):
            if step == 3:  # from a checkpoint
                state = optimiser.state_dict()
                optimiser = optimiser_class(weights, lr=1.0, fused=True)
                optimiser.load_state_dict(state)
            optimiser.zero_grad(set_to_none=True)
            sum(w.square().sum().cos() for w in weights).backward()
            optimiser.step()
        assert all(w.requires_grad for w in weights)
        found.append(torch.cat([w.detach().flatten() for w in weights]))
    assert torch.equal(*found)


def test_a_training_loads_no_compiler():
    code = (
        "import sys; from thesis_loops.test_mlp import train; "
        f"train({config_of('test_mlp', trainer__epochs=1)!r}); "
        "sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
