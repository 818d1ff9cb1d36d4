"""Small events and models that all tests share."""

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from thesis_arch.transformer_classifier.config import ClassifierSpec


@dataclass(frozen=True)
class Batch:
    tokens_cont: Tensor
    tokens_id: Tensor
    globals: Tensor
    mask: Tensor


def random_events(n_events: int = 32, n_tokens: int = 9, seed: int = 0) -> Batch:
    """Physical objects: E >= |p|, at least two an event, padding last."""
    draw = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, n_tokens + 1, (n_events, 1), generator=draw)
    mask = torch.arange(n_tokens) < lengths
    pt = 20 + 150 * torch.rand(n_events, n_tokens, generator=draw)
    eta = 5 * torch.rand(n_events, n_tokens, generator=draw) - 2.5
    phi = 2 * math.pi * torch.rand(n_events, n_tokens, generator=draw) - math.pi
    mass = 15 * torch.rand(n_events, n_tokens, generator=draw)
    energy = ((pt * torch.cosh(eta)) ** 2 + mass**2).sqrt()
    cont = torch.stack([energy, pt, eta, phi], dim=-1) * mask[..., None]
    ids = torch.randint(1, 8, (n_events, n_tokens), generator=draw) * mask
    met = torch.stack([80 * torch.rand(n_events, generator=draw), phi[:, 0]], dim=-1)
    return Batch(cont, ids, met, mask)


def changed(batch: Batch, **fields: Tensor) -> Batch:
    return replace(batch, **fields)


def classifier_spec(**model: Any) -> ClassifierSpec:
    """A small model; nested keys are given as ``head__pooling="mean"``."""
    config: dict[str, Any] = {
        "model": {
            "name": "transformer_classifier",
            "dim": 16,
            "depth": 2,
            "heads": 4,
            "mlp_dim": 24,
            "dropout": 0.1,
            "causal_attention": False,
            "tokenizer": {
                "name": "identity",
                "id_embed_dim": 4,
                "pid_mode": "learned",
                "checkpoint_path": None,
                "checkpoint_path_5vec": None,
                "checkpoint_path_4vec": None,
                "model_type": "vq",
                "codes": "vectors",
            },
            "positional": "none",
            "positional_space": "model",
            "positional_dim_mask": None,
            "rotary": {"base": 100.0},
            "norm": {"policy": "pre", "type": "layernorm"},
            "attention": {
                "type": "standard",
                "dropout": 0.1,
                "norm": "none",
                "diff_bias_mode": "shared",
            },
            "ffn": {"type": "standard", "kan": {"variant": "hybrid", "bottleneck_dim": None}},
            "kan": {
                "grid_size": 4,
                "spline_order": 3,
                "grid_range": [-2.0, 2.0],
                "spline_regularization_weight": 0.0,
                "grid_update_freq": 0,
            },
            "moe": {
                "enabled": False,
                "num_experts": 3,
                "top_k": 1,
                "routing_level": "token",
                "scope": "all_blocks",
                "load_balance_loss_weight": 0.01,
                "noisy_gating": False,
            },
            "head": {"type": "linear", "pooling": "cls"},
            "attention_biases": "none",
            "bias_config": {
                "lorentz_scalar": {
                    "features": ["log_m2", "deltaR"],
                    "hidden_dim": 5,
                    "per_head": True,
                    "sparse_gating": True,
                    "mlp_type": "standard",
                    "dual_branch": None,
                },
                "typepair_kinematic": {
                    "kinematic_gate": True,
                    "kinematic_feature": "log_m2",
                    "init_from_physics": "none",
                    "mask_value": -5.0,
                    "freeze_table": False,
                },
                "sm_interaction": {"mode": "binary", "mask_value": -100.0},
                "global_conditioned": {
                    "mode": "global_scale",
                    "global_dim": 6,
                    "mlp_type": "standard",
                },
            },
            "nodewise_mass": {"enabled": False, "k_values": [2, 4], "hidden_dim": 7},
            "mia_blocks": {
                "enabled": False,
                "num_blocks": 2,
                "interaction_dim": 6,
                "reduction_dim": None,
                "dropout": 0.0,
                "placement": "prepend",
            },
        },
        "globals": {"include_met": True},
        "norm": "zscore",
    }
    for key, value in model.items():
        of_model = key != "norm" and not key.startswith("globals__")
        section = config["model"] if of_model else config
        *path, leaf = key.split("__")
        for part in path:
            section = section[part]
        section[leaf] = value
    return ClassifierSpec.model_validate(config)


# Without extra tokens an object sees only objects: what is the same for all of them cancels.
MEAN_ALONE = {"globals__include_met": False, "head__pooling": "mean"}

VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "raw": {"tokenizer__name": "raw"},
    "mean": {"head__pooling": "mean"},
    "max": {"head__pooling": "max"},
    "no MET": {"globals__include_met": False},
    "no MET, mean": MEAN_ALONE,
    "log_zscore": {"norm": "log_zscore"},
    "lorentz": {"attention_biases": "lorentz_scalar"},
    "lorentz, shared, mean": {
        "attention_biases": "lorentz_scalar",
        "bias_config__lorentz_scalar__per_head": False,
        "bias_config__lorentz_scalar__features": ["m2", "dot", "log_kt", "z", "deltaR_ptw"],
        "head__pooling": "mean",
    },
    "typepair": {"attention_biases": "typepair"},
    "typepair, frozen, mean": {
        "attention_biases": "typepair",
        "bias_config__typepair_kinematic__init_from_physics": "fixed_coupling",
        "bias_config__typepair_kinematic__freeze_table": True,
        **MEAN_ALONE,
    },
    "typepair, no gate, mean": {
        "attention_biases": "typepair",
        "bias_config__typepair_kinematic__init_from_physics": "binary",
        "bias_config__typepair_kinematic__kinematic_gate": False,
        **MEAN_ALONE,
    },
    "sm": {"attention_biases": "sm"},
    "sm, running, mean": {
        "attention_biases": "sm",
        "bias_config__sm_interaction__mode": "running_coupling",
        "bias_config__sm_interaction__mask_value": -1.0,
        **MEAN_ALONE,
    },
    "MET direction": {
        "attention_biases": "global",
        "bias_config__global_conditioned__mode": "met_direction",
    },
    "MET direction, mean": {
        "attention_biases": "global",
        "bias_config__global_conditioned__mode": "met_direction",
        **MEAN_ALONE,
    },
    "MET scale of a sum": {"attention_biases": "lorentz_scalar+sm+typepair+global"},
    "lorentz, kan": {
        "attention_biases": "lorentz_scalar",
        "bias_config__lorentz_scalar__mlp_type": "kan",
    },
    "MET direction, kan": {
        "attention_biases": "global",
        "bias_config__global_conditioned__mode": "met_direction",
        "bias_config__global_conditioned__mlp_type": "kan",
        **MEAN_ALONE,
    },
    "MET direction in a sum": {
        "attention_biases": "lorentz_scalar+global",
        "bias_config__global_conditioned__mode": "met_direction",
        "bias_config__lorentz_scalar__per_head": False,
    },
    "MET scale of logits": {"attention_biases": "global"},
    "MET scale of logits, differential, mean": {
        "attention_biases": "global",
        "attention__type": "differential",
        **MEAN_ALONE,
    },
    "nodewise mass": {"nodewise_mass__enabled": True},
    "interactions first": {"mia_blocks__enabled": True, "norm__type": "rmsnorm"},
    "interactions last, mean": {
        "mia_blocks__enabled": True,
        "mia_blocks__placement": "append",
        "attention_biases": "lorentz_scalar",
        "bias_config__lorentz_scalar__per_head": False,
        **MEAN_ALONE,
    },
    "interactions between, differential": {
        "mia_blocks__enabled": True,
        "mia_blocks__placement": "interleave",
        "mia_blocks__dropout": 0.1,
        "attention__type": "differential",
        "attention__diff_bias_mode": "none",
    },
    "one-hot ids": {"tokenizer__pid_mode": "one_hot"},
    "fixed ids": {"tokenizer__pid_mode": "fixed_random"},
    "post-norm": {"norm__policy": "post"},
    "normformer, rmsnorm": {"norm__policy": "normformer", "norm__type": "rmsnorm"},
    "norm of heads": {"attention__norm": "layernorm"},
    "differential": {"attention__type": "differential", "attention__norm": "rmsnorm"},
    "differential, split": {
        "attention__type": "differential",
        "attention__diff_bias_mode": "split",
        "attention_biases": "lorentz_scalar",
    },
    "differential, shared": {
        "attention__type": "differential",
        "attention_biases": "lorentz_scalar",
    },
    "KAN": {"ffn__type": "kan", "kan__grid_update_freq": 1},
    "KAN bottleneck, normformer": {
        "ffn__type": "kan",
        "ffn__kan__variant": "bottleneck",
        "norm__policy": "normformer",
    },
    "pure KAN": {"ffn__type": "kan", "ffn__kan__variant": "pure", "head__type": "kan"},
    # Two, so that each of them has tokens in a batch as small.
    "experts": {"moe__enabled": True, "moe__num_experts": 2},
    "experts of events, normformer": {
        "moe__enabled": True,
        "moe__top_k": 2,
        "moe__routing_level": "event",
        "moe__noisy_gating": True,
        "norm__policy": "normformer",
    },
    "experts in the middle of KANs": {
        "depth": 3,
        "ffn__type": "kan",
        "moe__enabled": True,
        "moe__scope": "middle_blocks",
        "head__pooling": "mean",
    },
    "expert head": {"head__type": "moe", "moe__top_k": 2, "head__pooling": "max"},
    "one block, MET scale": {"depth": 1, "attention_biases": "global"},
    "one block, lorentz, mean": {
        "depth": 1,
        "attention_biases": "lorentz_scalar",
        "head__pooling": "mean",
    },
    "one block, interactions": {
        "depth": 1,
        "mia_blocks__enabled": True,
        "mia_blocks__placement": "append",
    },
}

# Of these the order of objects is a part of the input.
ORDERED: dict[str, dict[str, Any]] = {
    "causal": {"causal_attention": True},
    "causal, no MET, mean": {
        "causal_attention": True,
        "globals__include_met": False,
        "head__pooling": "mean",
    },
    "sinusoidal": {"positional": "sinusoidal"},
    "learned in tokens": {
        "positional": "learned",
        "positional_space": "token",
        "positional_dim_mask": ["continuous"],
    },
    "rotary": {"positional": "rotary"},
    "rotary, no MET, mean": {
        "positional": "rotary",
        "globals__include_met": False,
        "head__pooling": "mean",
    },
    "rotary, differential": {"positional": "rotary", "attention__type": "differential"},
}
