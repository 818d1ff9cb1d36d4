"""All kinds of pictures, by the name that `logging.families` knows them by."""

from thesis_loops.monitoring.families import (
    adversarial,
    codebook,
    confusion,
    diffusion,
    latency,
    losses,
    metrics,
    recon,
    roc,
    scores,
)
from thesis_loops.monitoring.families.family import Family

FAMILIES: dict[str, Family] = {
    "losses": losses.FAMILY,
    "metrics": metrics.FAMILY,
    "recon": recon.FAMILY,
    "codebook": codebook.FAMILY,
    "latency": latency.FAMILY,
    "adversarial": adversarial.FAMILY,
    "diffusion": diffusion.FAMILY,
    "roc": roc.FAMILY,
    "confusion": confusion.FAMILY,
    "scores": scores.FAMILY,
}
