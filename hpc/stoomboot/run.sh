#!/usr/bin/env bash
# What a job runs: one of our commands, named by THESIS_COMMAND, with the arguments of the job.
#
# The submit file also sets THESIS_RUN, which is the same each time HTCondor starts a job: so a
# training that was evicted finds its directory again, and goes on from its checkpoint.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=settings.sh
source "$here/settings.sh"

# What only this job needs lies on the disk of its machine, and goes when it ends.
export TMPDIR="${_CONDOR_SCRATCH_DIR:-${TMPDIR:-/tmp}}"
export TORCHINDUCTOR_CACHE_DIR="$TMPDIR/torchinductor"
export TRITON_CACHE_DIR="$TMPDIR/triton"
# HTCondor says how many cores are ours; without a word torch would take all of the machine.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"

if [[ -f "$here/.wandb_env" ]]; then
    if [[ -n "$(find "$here/.wandb_env" -perm /044)" ]]; then
        echo "others can read the key of W&B in $here/.wandb_env;" \
            "run: chmod 600 $here/.wandb_env" >&2
    fi
    set -a
    # shellcheck source=/dev/null
    source "$here/.wandb_env"
    set +a
fi

program="$THESIS_ENVIRONMENT/bin/$THESIS_COMMAND"
if [[ ! -x "$program" ]]; then
    echo "there is no $program: build the environment by $here/setup.sh" >&2
    exit 1
fi

words=("$@")
if [[ "$THESIS_COMMAND" == thesis-train && -n "${THESIS_RUN:-}" ]]; then
    for word in "$@"; do
        if [[ "$word" =~ ^(--multirun|-m|--plan|--continue(=.*)?)$ ]]; then
            echo "$word is not for a single run: plan the sweep by thesis-train --plan …," \
                "then submit it by $here/submit_queue.py SWEEP_DIR" >&2
            exit 1
        fi
    done
    # THESIS_RUN is the time of submission, a dash, and the number of the job.
    stamp="$(date -d "@${THESIS_RUN%%-*}" +%Y%m%d-%H%M%S)"
    # shellcheck disable=SC2016 # Hydra fills in the names
    run_dir='${env.output_root}/runs/run_'"$stamp"'_${experiment.name}_condor'"${THESIS_RUN#*-}"
    # In front, so that the arguments of the job can say otherwise.
    words=(env=stoomboot "run_dir=$run_dir" resume=auto "$@")
fi

# Become the program: a signal of HTCondor reaches it, and its exit code is that of the job.
exec "$program" "${words[@]}"
