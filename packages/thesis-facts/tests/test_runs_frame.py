"""The runs table is a frame that people go on working with."""

from thesis_facts.builders import build_event_payload
from thesis_facts.readers import load_runs
from thesis_facts.writers import append_jsonl_event, append_scalars_csv


def test_columns_can_be_added_to_a_wide_table_without_a_warning(tmp_path):
    run = tmp_path / "run"
    metrics = {f"metric_number_{k}": float(k) for k in range(120)}
    append_scalars_csv(run, {"epoch": 0, "split": "val", "val_loss": 1.0, **metrics})
    append_jsonl_event(run, build_event_payload("on_train_end", run_dir=run))
    runs = load_runs(run_dirs=run).runs
    assert len(runs.columns) > 200
    runs.insert(0, "mine", 1)  # a PerformanceWarning would be an error here
    assert runs.assign(more=2)["more"].tolist() == [2]
