# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# snapshotter_lib.sh - a node whose only snapshotter is cloister-snapshotter, as containerd 1.6 needs it. Sourced after pods_lib.sh, before pods_begin.
PODS_CACHE=$PODS/own/cache # of cloister-fetch

eval "with_overlayfs() $(declare -f pods_config | tail -n +2)"
pods_config() {
    with_overlayfs | sed 's|^  default_runtime_name = .*|&\n  snapshotter = "cloister"|'
    printf '[proxy_plugins.cloister]\n  type = "snapshot"\n  address = "%s"\n' "$PODS/own/s.sock"
}
snapshotter_start() {
    "$bin/cloister-snapshotter" --socket "$PODS/own/s.sock" >>"$PODS/logs/snapshotter" 2>&1 &
    snapshotter=$!
    wait_for "the snapshotter" test -S "$PODS/own/s.sock"
}
snapshotter_wiped() { # killed, and nothing of it is left; it has nothing to lose
    kill -KILL "$snapshotter"
    wait "$snapshotter" 2>/dev/null || true
    rm -f "$PODS/own/s.sock"
    snapshotter_start
}
snapshotter_settings() { # [CACHE-MIB]
    printf '[image]\ncache-dir = "%s"\ncache-mib = %s\n' "$PODS_CACHE" "${1:-64}" >>"$PODS/cloister.toml"
}
