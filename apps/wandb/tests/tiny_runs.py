"""Run directories with nothing but facts, as a training leaves them."""

from pathlib import Path
from typing import Any

from thesis_facts import (
    append_jsonl_event,
    append_scalars_csv,
    build_event_payload,
    run_meta,
    write_json,
    write_meta,
)


def write_run(
    run_dir: Path, n_epochs: int = 3, is_over: bool = True, wandb: dict[str, Any] | None = None
) -> Path:
    """A classifier after so many epochs; where it is over, also its test and its end."""
    config = {
        "loop": "transformer_classifier",
        "data": {"path": "tops.h5", "classifier": {"selected_labels": [1, 2]}},
        "classifier": {"model": {"dim": 16}, "trainer": {"lr": 0.001}},
        "logging": {"use_wandb": wandb is not None, "wandb": wandb},
    }
    write_json(run_dir / "facts" / "config.json", config)
    write_meta(run_dir, config)
    meta = run_meta(run_id="one-run", seed=1)

    def record(moment: str, **fields: Any) -> None:
        payload = build_event_payload(moment, run_dir=run_dir, meta=meta, **fields)
        append_jsonl_event(run_dir, payload)

    record("on_start")
    for epoch in range(n_epochs):
        loss = 0.7 - 0.1 * epoch
        append_scalars_csv(
            run_dir, {"epoch": epoch, "split": "val", "val_loss": loss, "metric_auroc": 1 - loss}
        )
        record("on_epoch_end", epoch=epoch, val_loss=loss, metrics={"auroc": 1 - loss})
    if is_over:
        record("on_test_end", epoch=n_epochs - 1, split="test", metrics={"auroc": 0.8})
        record("on_train_end", total_time_s=12.5)
    return run_dir


def go_on(run_dir: Path, n_epochs: int) -> None:
    """The same run, later: it ended after so many epochs."""
    for name in ("events.jsonl", "scalars.csv"):
        (run_dir / "facts" / name).unlink()
    write_run(run_dir, n_epochs)
