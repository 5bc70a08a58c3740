# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# image_lib.sh - what the image tests share: an image with a marker in every layer, and refusals with their status and message. Sourced.

image_scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../scripts" && pwd)
# shellcheck source=scripts/oci.sh
. "$image_scripts/oci.sh"
export MARKER=cloister-plaintext-marker-9f31

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}

# The layout `plain`, tag v1, with one uncompressed and two gzip layers of differing size.
make_plain() {
    local i
    for i in 1 2 3; do
        mkdir -p "tree$i"
        for _ in $(seq 1 $((i * 4000))); do printf '%s %d\n' "$MARKER" "$i"; done >"tree$i/file$i"
        oci_tar "tree$i" "layer$i.tar"
    done
    gzip -n layer2.tar layer3.tar
    oci_image plain v1 '{"Cmd":["/file1"]}' layer1.tar layer2.tar.gz layer3.tar.gz >/dev/null
}

# Looks for the marker in every file below a folder, unpacked where it is gzip: skopeo compresses what it pushes.
has_marker() {
    local count
    count=$({ find "$1" -type f -exec zcat -f {} + 2>/dev/null || true; } | grep -acF "$MARKER" || true)
    [ "$count" != 0 ]
}

layer_digests() { # LAYOUT: digests of the layers of its only image
    local manifest
    manifest=$(jq -r '.manifests[0].digest[7:]' "$1/index.json")
    jq -r '.layers[].digest' "$1/blobs/sha256/$manifest"
}

# expect_refusal STATUS TEXT COMMAND...: that exit status and, in its message, that text.
expect_refusal() {
    local want=$1 text=$2 status=0
    shift 2
    "$@" >refusal.out 2>refusal.err || status=$?
    [ "$status" = "$want" ] || fail "$*: status: expected $want, got $status: $(cat refusal.err)"
    grep -qF -- "$text" refusal.err || fail "$*: message: expected '$text', got '$(cat refusal.err)'"
}
