"""What ``thesis_facts`` exports, for type checkers and editors; loaded lazily at run time."""

from thesis_facts.axes import (
    AXES as AXES,
)
from thesis_facts.axes import (
    infer_axes as infer_axes,
)
from thesis_facts.axes import (
    read_axes as read_axes,
)
from thesis_facts.builders import (
    MOMENTS as MOMENTS,
)
from thesis_facts.builders import (
    build_event_payload as build_event_payload,
)
from thesis_facts.builders import (
    run_meta as run_meta,
)
from thesis_facts.compare import (
    Comparison as Comparison,
)
from thesis_facts.compare import (
    compare_runs as compare_runs,
)
from thesis_facts.discovery import (
    discover_runs as discover_runs,
)
from thesis_facts.discovery import (
    write_pointer as write_pointer,
)
from thesis_facts.errors import (
    ConfigError as ConfigError,
)
from thesis_facts.errors import (
    DataError as DataError,
)
from thesis_facts.errors import (
    LockedError as LockedError,
)
from thesis_facts.errors import (
    RunError as RunError,
)
from thesis_facts.errors import (
    ThesisError as ThesisError,
)
from thesis_facts.errors import (
    explain as explain,
)
from thesis_facts.evaluation import (
    read_evaluation as read_evaluation,
)
from thesis_facts.files import (
    describe_file as describe_file,
)
from thesis_facts.histories import (
    read_histories as read_histories,
)
from thesis_facts.locks import (
    lock_holder as lock_holder,
)
from thesis_facts.locks import (
    run_lock as run_lock,
)
from thesis_facts.meta import (
    infer_meta as infer_meta,
)
from thesis_facts.meta import (
    meta_hash as meta_hash,
)
from thesis_facts.meta import (
    read_meta as read_meta,
)
from thesis_facts.meta import (
    write_meta as write_meta,
)
from thesis_facts.metrics import (
    accuracy as accuracy,
)
from thesis_facts.metrics import (
    asimov_significance as asimov_significance,
)
from thesis_facts.metrics import (
    auroc as auroc,
)
from thesis_facts.metrics import (
    auroc_uncertainty as auroc_uncertainty,
)
from thesis_facts.metrics import (
    brier as brier,
)
from thesis_facts.metrics import (
    calibration_error as calibration_error,
)
from thesis_facts.metrics import (
    classification_metrics as classification_metrics,
)
from thesis_facts.metrics import (
    classification_report as classification_report,
)
from thesis_facts.metrics import (
    effective_events as effective_events,
)
from thesis_facts.metrics import (
    efficiency_at_rejection as efficiency_at_rejection,
)
from thesis_facts.metrics import (
    expected_significance as expected_significance,
)
from thesis_facts.metrics import (
    f1 as f1,
)
from thesis_facts.metrics import (
    log_loss as log_loss,
)
from thesis_facts.metrics import (
    paired_auroc_difference as paired_auroc_difference,
)
from thesis_facts.metrics import (
    process_report as process_report,
)
from thesis_facts.metrics import (
    rejection_at as rejection_at,
)
from thesis_facts.metrics import (
    roc_curve as roc_curve,
)
from thesis_facts.metrics import (
    significance as significance,
)
from thesis_facts.processes import (
    LABELS as LABELS,
)
from thesis_facts.processes import (
    PROCESSES as PROCESSES,
)
from thesis_facts.processes import (
    canonical_groups as canonical_groups,
)
from thesis_facts.readers import (
    Runs as Runs,
)
from thesis_facts.readers import (
    load_runs as load_runs,
)
from thesis_facts.readers import (
    read_config as read_config,
)
from thesis_facts.readers import (
    read_events as read_events,
)
from thesis_facts.scores import (
    Scores as Scores,
)
from thesis_facts.scores import (
    read_scores as read_scores,
)
from thesis_facts.scores import (
    write_scores as write_scores,
)
from thesis_facts.sweeps import (
    Point as Point,
)
from thesis_facts.sweeps import (
    SweepPlan as SweepPlan,
)
from thesis_facts.sweeps import (
    read_plan as read_plan,
)
from thesis_facts.sweeps import (
    sweep_progress as sweep_progress,
)
from thesis_facts.sweeps import (
    write_plan as write_plan,
)
from thesis_facts.writers import (
    append_jsonl_event as append_jsonl_event,
)
from thesis_facts.writers import (
    append_scalars_csv as append_scalars_csv,
)
from thesis_facts.writers import (
    truncate_scalars as truncate_scalars,
)
from thesis_facts.writers import (
    write_atomic as write_atomic,
)
from thesis_facts.writers import (
    write_json as write_json,
)
