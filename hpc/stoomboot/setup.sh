#!/usr/bin/env bash
# Build the environment of the lock file where jobs find it, or bring it up to date.
#
# Run it on a login node after cloning and after each `git pull`: no job builds an environment.
# Two at a time wait for one another.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
project="$(cd "$here/../.." && pwd)"
# shellcheck source=settings.sh
source "$here/settings.sh"

if ! command -v uv > /dev/null; then
    echo "uv is not installed; install it by: curl -LsSf https://astral.sh/uv/install.sh | sh" >&2
    exit 1
fi
mkdir -p "$THESIS_LOG_DIR" "$THESIS_CACHE_ROOT" "$(dirname "$THESIS_ENVIRONMENT")"

if [[ ! -e "$THESIS_ENVIRONMENT" ]]; then
    echo "building the environment in $THESIS_ENVIRONMENT: once, a download of some GB" >&2
fi
# Not the Python of this machine: the system of a job may have another one.
export UV_PYTHON_PREFERENCE=only-managed
export UV_PROJECT_ENVIRONMENT="$THESIS_ENVIRONMENT"

exec 9> "$THESIS_ENVIRONMENT.lock"
flock 9
uv sync --project "$project" --locked --quiet 9>&-
