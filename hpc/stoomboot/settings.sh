# shellcheck shell=bash
# Where things are on Stoomboot. All scripts here read this file, and `env=stoomboot` builds the
# same paths. A group sets its own defaults here, once; anyone can set the variables beforehand.

USER="${USER:-$(id -un)}" # a job may start without it
THESIS_STORAGE_ROOT="${THESIS_STORAGE_ROOT:-/data/atlas}"
THESIS_OUTPUT_ROOT="${THESIS_OUTPUT_ROOT:-$THESIS_STORAGE_ROOT/users/$USER/outputs}"
THESIS_DATA_ROOT="${THESIS_DATA_ROOT:-$THESIS_STORAGE_ROOT/users/$USER/datasets}"
THESIS_ENVIRONMENT="${THESIS_ENVIRONMENT:-$THESIS_STORAGE_ROOT/users/$USER/venvs/thesis-ml}"
THESIS_CACHE_ROOT="${THESIS_CACHE_ROOT:-$THESIS_STORAGE_ROOT/users/$USER/cache}"
THESIS_LOG_DIR="${THESIS_LOG_DIR:-$THESIS_OUTPUT_ROOT/condor}" # what jobs print
export USER THESIS_STORAGE_ROOT THESIS_OUTPUT_ROOT THESIS_DATA_ROOT
export THESIS_ENVIRONMENT THESIS_CACHE_ROOT THESIS_LOG_DIR

# The home directory has a small quota: caches go where there is room.
export XDG_CACHE_HOME="$THESIS_CACHE_ROOT"
export UV_CACHE_DIR="$THESIS_CACHE_ROOT/uv"
export UV_PYTHON_INSTALL_DIR="$THESIS_CACHE_ROOT/uv-python"
export MPLCONFIGDIR="$THESIS_CACHE_ROOT/matplotlib"
export TORCH_HOME="$THESIS_CACHE_ROOT/torch"
export WANDB_CACHE_DIR="$THESIS_CACHE_ROOT/wandb"
export WANDB_CONFIG_DIR="$THESIS_CACHE_ROOT/wandb/config"
export WANDB_DATA_DIR="$THESIS_CACHE_ROOT/wandb/data"

# Streaming keeps files open; a core dump would fill the disk.
ulimit -Sn "$(ulimit -Hn)"
ulimit -c 0
