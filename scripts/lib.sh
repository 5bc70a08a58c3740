# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# lib.sh - what the scripts share: where the cache is, how they speak. Sourced, never run.
# Trust: the environment of the person who runs the script, nothing else.

cl_say() { printf '%s\n' "$*" >&2; }
cl_die() {
    printf 'cloister: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
    exit "${CL_DIE_STATUS:-5}"
}

# The cache outside the tree: $CLOISTER_CACHE, else the user's cache directory. Prints it, absolute, created.
cl_cache_dir() {
    local dir="${CLOISTER_CACHE:-}"
    if [ -z "$dir" ] && [ -n "${XDG_CACHE_HOME:-}" ]; then
        dir="$XDG_CACHE_HOME/cloister"
    fi
    if [ -z "$dir" ]; then
        local home="${HOME:-}"
        [ -n "$home" ] || home="$(getent passwd "$(id -u)" | cut -d: -f6)"
        [ -n "$home" ] || cl_die "cache: HOME: expected a directory, got nothing" "set CLOISTER_CACHE"
        dir="$home/.cache/cloister"
    fi
    mkdir -p "$dir"
    (cd "$dir" && pwd -P)
}

# Seconds for people: "75" -> "1m15s".
cl_duration() {
    if [ "$1" -ge 60 ]; then
        printf '%dm%02ds' $(($1 / 60)) $(($1 % 60))
    else
        printf '%ds' "$1"
    fi
}

# Says how far a long command is, from its output: a line for every Nth line that fits the PATTERN (of case).
cl_progress() { # N PATTERN WHO WHAT
    local line count=0
    while IFS= read -r line; do
        # shellcheck disable=SC2053
        [[ "$line" == $2 ]] || continue
        count=$((count + 1))
        [ $((count % $1)) != 0 ] || cl_say "$3: $count $4"
    done
}
