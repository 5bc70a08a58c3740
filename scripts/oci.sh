# SPDX-License-Identifier: Apache-2.0
# oci.sh - writes an OCI layout with one image out of layer files. Sourced by the scripts that make images for demo and tests.

# oci_blob LAYOUT FILE: stores FILE under its digest and prints "sha256:<hex> <size>".
oci_blob() {
    local digest
    digest=$(sha256sum "$2" | cut -d' ' -f1)
    cp "$2" "$1/blobs/sha256/$digest"
    printf 'sha256:%s %s\n' "$digest" "$(stat -c %s "$2")"
}

# oci_image OUT TAG CONFIG LAYER...: OUT is replaced as a whole. CONFIG is the JSON of the image's "config" member.
# A layer that ends in .gz is stored as gzip, with the digest of its contents as diff id. Prints the manifest digest.
oci_image() {
    local out=$1 tag=$2 config=$3 new digest size layer layers='[]' diffs='[]' type diff
    shift 3
    new=$(mktemp -d "$(dirname "$out")/.oci.XXXXXX")
    mkdir -p "$new/blobs/sha256"
    for layer in "$@"; do
        read -r digest size < <(oci_blob "$new" "$layer")
        type=application/vnd.oci.image.layer.v1.tar diff=$digest
        case "$layer" in
        *.gz) type=$type+gzip diff=sha256:$(gzip -dc "$layer" | sha256sum | cut -d' ' -f1) ;;
        esac
        layers=$(jq -c --arg t "$type" --arg d "$digest" --argjson s "$size" '. + [{mediaType:$t,digest:$d,size:$s}]' <<<"$layers")
        diffs=$(jq -c --arg d "$diff" '. + [$d]' <<<"$diffs")
    done
    jq -cn --argjson c "$config" --argjson d "$diffs" \
        '{architecture:"amd64",os:"linux",config:$c,rootfs:{type:"layers",diff_ids:$d}}' >"$new/config"
    read -r digest size < <(oci_blob "$new" "$new/config")
    jq -cn --arg d "$digest" --argjson s "$size" --argjson l "$layers" '{schemaVersion:2,mediaType:"application/vnd.oci.image.manifest.v1+json",
        config:{mediaType:"application/vnd.oci.image.config.v1+json",digest:$d,size:$s},layers:$l}' >"$new/manifest"
    read -r digest size < <(oci_blob "$new" "$new/manifest")
    jq -cn --arg d "$digest" --argjson s "$size" --arg t "$tag" '{schemaVersion:2,mediaType:"application/vnd.oci.image.index.v1+json",
        manifests:[{mediaType:"application/vnd.oci.image.manifest.v1+json",digest:$d,size:$s,
                    annotations:{"org.opencontainers.image.ref.name":$t},platform:{architecture:"amd64",os:"linux"}}]}' >"$new/index.json"
    printf '{"imageLayoutVersion":"1.0.0"}' >"$new/oci-layout"
    rm -f "$new/config" "$new/manifest"
    rm -rf "$out"
    mv "$new" "$out"
    chmod 755 "$out"
    printf '%s\n' "$digest"
}

# oci_tar DIR FILE: DIR's contents as a tar that depends on nothing but them.
oci_tar() {
    tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$1" -cf "$2" .
}
