# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# setup_lib.sh - what is made on the machine for the tests of pods: a folder that is whole or not there, and images in a registry's storage. Sourced by a
# program with `out`, its last argument, set; sets `work`, a folder beside it that goes at the end.
# shellcheck source=scripts/oci.sh
. "$here/../../../scripts/oci.sh"
setup_needs() { # PROGRAM...
    local tool
    for tool in "$@"; do
        command -v "$tool" >/dev/null || { echo "SKIP: expected $tool on PATH (scripts/install-packages)"; exit 77; }
    done
}
setup_begin() {
    mkdir -p "$(dirname "$out")"
    work=$(mktemp -d "$(dirname "$out")/.pods.XXXXXX")
    trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
    mkdir "$work/new"
}
# setup_push LAYOUT NAME: the layout's image "test" in the storage $work/new/registry, under that name.
setup_push() {
    local port='' registry
    : >"$work/log"
    # A port that nobody else has on this machine.
    docker-registry serve <(printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: 127.0.0.1:0}\n' "$work/new/registry") >"$work/log" 2>&1 &
    registry=$!
    for _ in $(seq 1 300); do
        port=$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$work/log")
        [ -z "$port" ] || break
        sleep 0.1
    done
    [ -n "$port" ] || { cat "$work/log"; exit 1; }
    skopeo copy -q --dest-tls-verify=false "oci:$1:test" "docker://127.0.0.1:$port/$2"
    kill "$registry"
    wait "$registry" || true
}
setup_end() {
    rm -rf "$out"
    mv "$work/new" "$out"
}
