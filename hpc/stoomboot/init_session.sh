# shellcheck shell=bash
# Begin an interactive session: `source hpc/stoomboot/init_session.sh`.
#
# Afterwards `thesis-train`, `thesis-report` and `thesis-facts` are at hand, with the paths and
# caches that jobs have.

if [ -z "${BASH_VERSION:-}" ]; then
    echo "this file is for bash: start one by typing bash, then source it again" >&2
    return 1
fi
_thesis_here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=settings.sh
source "$_thesis_here/settings.sh"
if "$_thesis_here/setup.sh"; then
    case ":$PATH:" in
        *":$THESIS_ENVIRONMENT/bin:"*) ;;
        *) export PATH="$THESIS_ENVIRONMENT/bin:$PATH" ;;
    esac
    echo "outputs go to $THESIS_OUTPUT_ROOT, data sets are looked for in $THESIS_DATA_ROOT"
else
    echo "the environment could not be built, see above" >&2
fi
unset _thesis_here
