"""Command lines as the group types them, in the form that Hydra wants."""

import sys

# Groups that add to a config instead of being part of it.
ADDED_GROUPS = ("classifier/experiment", "classifier/model_size")

# Keys that only move into another; Hydra refuses what is not in the config without a "+".
OLDER_KEYS = ("data.sort_tokens_by", "data.shuffle_tokens")

# Keys of older configs without a meaning here, and why.
RETIRED_KEYS = {
    "data.num_workers": "batches are slices of tensors; there are no workers",
    "general.trainer.num_workers": "batches are slices of tensors; there are no workers",
    "phase1.trainer.num_workers": "batches are slices of tensors; there are no workers",
    "classifier.trainer.num_workers": "batches are slices of tensors; there are no workers",
}


def normalise(arguments: list[str]) -> list[str]:
    """Add what Hydra's grammar needs; drop retired keys with a warning on stderr."""
    kept = []
    for argument in arguments:
        key = argument.split("=", 1)[0]
        if "=" not in argument or argument.startswith("-"):
            kept.append(argument)
        elif key.lstrip("+") in RETIRED_KEYS:
            print(f"{key} is ignored: {RETIRED_KEYS[key.lstrip('+')]}", file=sys.stderr)
        elif key in ADDED_GROUPS or key in OLDER_KEYS:
            kept.append(f"+{argument}")
        elif key.startswith("+") and not key.startswith("++") and "/" not in key:
            kept.append(f"+{argument}")  # "++" sets what is there and adds what is not
        else:
            kept.append(argument)
    return kept
