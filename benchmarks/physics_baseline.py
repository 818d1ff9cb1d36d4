"""The results table of the experiment physics_baseline, from the facts of its sweep alone.

    uv run python benchmarks/physics_baseline.py SWEEP_DIR

4t against all others on the test split, for each run and as the mean over seeds; then the paired
difference to the runs without a bias, event by event, seed by seed.
"""

import argparse

import numpy as np

from thesis_facts import load_runs
from thesis_facts.metrics import (
    auroc,
    auroc_uncertainty,
    log_odds,
    paired_auroc_difference,
    rejection_at,
)
from thesis_facts.scores import read_scores

SIGNAL = "4t"
EFFICIENCIES = (0.3, 0.5, 0.7)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sweep_dir")
    runs = load_runs(sweep_dir=parser.parse_args().sweep_dir).runs
    scores = {}
    print(
        "| bias | seed | best epoch | val AUROC | test AUROC | 1/eps_B at 0.3 | 0.5 | 0.7 | min |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for run in runs.sort_values(["attention_biases", "seed"], ascending=[False, True]).itertuples():
        val, val_truth = ranked(run.run_dir, "val")
        test, truth = ranked(run.run_dir, "test")
        scores[run.attention_biases, run.seed] = test
        rejections = [rejection_at(test, truth, efficiency) for efficiency in EFFICIENCIES]
        cells = " | ".join(f"{r.value:.1f} ± {r.uncertainty:.1f}" for r in rejections)
        print(
            f"| {run.attention_biases} | {run.seed} | {run.best_epoch + 1:.0f} | "
            f"{auroc(val, val_truth):.4f} | "
            f"{auroc(test, truth):.4f} ± {auroc_uncertainty(test, truth):.4f} | {cells} | "
            f"{run.total_time_s / 60:.1f} |"
        )
    print()
    for bias in sorted({bias for bias, _ in scores}, reverse=True):
        values = [auroc(test, truth) for (name, _), test in scores.items() if name == bias]
        spread = np.std(values, ddof=1) if len(values) > 1 else float("nan")
        print(f"{bias}: mean {np.mean(values):.4f}, sd over {len(values)} seeds {spread:.4f}")
    for (bias, seed), test in scores.items():
        if bias != "none" and ("none", seed) in scores:
            difference, error = paired_auroc_difference(test, scores["none", seed], truth)
            print(f"{bias} - none, seed {seed}: {difference:+.4f} ± {error:.4f}")


def ranked(run_dir: str, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Log-odds of the signal, and which events are signal."""
    scores = read_scores(run_dir, split, with_embeddings=False)
    which = scores.class_names.index(SIGNAL)
    return log_odds(scores.logits, which), scores.labels == which


if __name__ == "__main__":
    main()
