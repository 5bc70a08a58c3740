# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# job.sh - the main job in named steps, for run-demo and for the tests that run inside the lab. Sourced.
# Tenant, broker and host keep their files apart: $JOB/tenant, $JOB/broker, $JOB/host. $JOB_BIN has the programs, $JOB_GUEST the guest image.
# Every step says what failed and returns non-zero; nothing is swallowed.

JOB_KBS_PORT=${JOB_KBS_PORT:-18080}
JOB_ADMIN_PORT=${JOB_ADMIN_PORT:-18081}
JOB_REGISTRY_PORT=${JOB_REGISTRY_PORT:-15000}
JOB_KBS_URL=https://127.0.0.1:$JOB_KBS_PORT
JOB_ADMIN_URL=https://127.0.0.1:$JOB_ADMIN_PORT
# A skopeo that knows key providers, which Debian 12's own does not: scripts/build-skopeo prints the path of one.
JOB_SKOPEO=${JOB_SKOPEO:-skopeo}
JOB_KEY_ID=kbs:///default/image-kek/demo

job_die() { printf 'job: %s\n' "$*" >&2; return 1; }

# Keys and identities, made once: the simulated security processor's, the broker's, the tenant's image key.
job_identities() {
    mkdir -p "$JOB/tenant" "$JOB/broker" "$JOB/host"
    [ -s "$JOB/host/psp/ark.der" ] || "$JOB_BIN/cloister-sim-psp" --state "$JOB/host/psp" --init || return
    [ -s "$JOB/broker/state/tls.crt" ] || "$JOB_BIN/cloister-broker" init --state "$JOB/broker/state" || return
    [ -s "$JOB/tenant/image.key" ] || (umask 077 && head -c 32 /dev/urandom >"$JOB/tenant/image.key") || return
}

# Encrypts the layout $1 (tag $2) into $JOB/tenant/$2-encrypted with skopeo through our key provider, and checks that every layer is.
job_encrypt() {
    local plain=$1 tag=$2 out=$JOB/tenant/$2-encrypted type
    jq -n --arg p "$JOB_BIN/cloister-keyprovider" '{"key-providers":{"attestation-agent":{"cmd":{"path":$p,"args":[]}}}}' >"$JOB/tenant/ocicrypt.json"
    rm -rf "$out"
    OCICRYPT_KEYPROVIDER_CONFIG=$JOB/tenant/ocicrypt.json "$JOB_SKOPEO" copy --quiet \
        --encryption-key "provider:attestation-agent:keypath=$JOB/tenant/image.key::keyid=$JOB_KEY_ID::algorithm=A256GCM" \
        "oci:$plain:$tag" "oci:$out:$tag" || return
    while read -r type; do # skopeo says nothing when it leaves a layer in the clear
        case "$type" in *+encrypted) ;; *) job_die "layer media type: expected ...+encrypted, got $type"; return 1 ;; esac
    done < <("$JOB_SKOPEO" inspect --raw "oci:$out:$tag" | jq -r '.layers[].mediaType')
}

# Waits until process PID listens on PORT; another process on that port does not count, for then ours ends.
job_wait_port() { # PORT NAME PID
    local i
    for i in $(seq 1 300); do
        kill -0 "$3" 2>/dev/null || { job_die "$2: ended before it listened on port $1"; return 1; }
        (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && sleep 0.2 && kill -0 "$3" 2>/dev/null && return 0
        sleep 0.1
    done
    job_die "$2: does not listen on port $1"
}

job_broker_start() {
    "$JOB_BIN/cloister-broker" --state "$JOB/broker/state" --listen "127.0.0.1:$JOB_KBS_PORT" \
        --admin-listen "127.0.0.1:$JOB_ADMIN_PORT" --sim-root "$JOB/host/psp/ark.der" >"$JOB/broker/log" 2>&1 &
    JOB_BROKER_PID=$!
    job_wait_port "$JOB_KBS_PORT" broker $! && job_wait_port "$JOB_ADMIN_PORT" "broker admin" "$JOB_BROKER_PID"
}

job_kbs() {
    "$JOB_BIN/cloister" kbs --url "$JOB_ADMIN_URL" --cert "$JOB/broker/state/tls.crt" --admin-key "$JOB/broker/state/admin.key" "$@"
}

# The expected launch digest, from files alone.
job_measure() { # CPUS
    "$JOB_BIN/cloister" measure snp --firmware "$JOB_GUEST/stage0.bin" --kernel "$JOB_GUEST/vmlinuz" --initrd "$JOB_GUEST/initrd.img" \
        --cmdline "$(cat "$JOB_GUEST/guest.cmdline")" --cpus "$1" --vcpu-sig 00a00f11 --vmm cloister
}

# A real registry over $JOB/host/registry, on loopback without TLS.
job_registry_start() {
    mkdir -p "$JOB/host/registry"
    printf 'version: 0.1\nlog: {level: error, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s"}\n' \
        "$JOB/host/registry" "$JOB_REGISTRY_PORT" >"$JOB/host/registry.yml"
    docker-registry serve "$JOB/host/registry.yml" >"$JOB/host/registry.log" 2>&1 &
    JOB_REGISTRY_PID=$!
    job_wait_port "$JOB_REGISTRY_PORT" registry "$JOB_REGISTRY_PID"
}

# Pushes $JOB/tenant/$1-encrypted to that registry as it is.
job_push() {
    "${JOB_SKOPEO:-skopeo}" copy --quiet --preserve-digests --dest-tls-verify=false \
        "oci:$JOB/tenant/$1-encrypted:$1" "docker://127.0.0.1:$JOB_REGISTRY_PORT/$1:$1"
}

# A host folder of programs in which the security processor is the tap $1 (tests/lab/psp_tap.c).
job_evil_bin() {
    mkdir -p "$JOB/host/evil-bin"
    cp "$JOB_BIN/cloister" "$JOB_BIN/cloister-vmm" "$JOB/host/evil-bin/" && cp "$1" "$JOB/host/evil-bin/cloister-sim-psp"
}

# initdata for the image $1 into file $2; more arguments go to `initdata make`.
job_initdata() {
    local image=$1 out=$2
    shift 2
    "$JOB_BIN/cloister" initdata make --kbs "$JOB_KBS_URL" --kbs-cert "$JOB/broker/state/tls.crt" "$@" "$image" >"$out"
}

# Tells the broker what to trust: image key, launch digests (of 1 and 2 CPUs), and the initdata files given.
job_provision() {
    local cpus digest files=("$@") digests
    job_kbs set-resource default/image-kek/demo "$JOB/tenant/image.key" || return
    for cpus in 1 2; do
        digest=$(job_measure "$cpus") || return
        jq -n --arg m "$digest" --arg e "$(date -u -d '+1 year' +%Y-%m-%dT%H:%M:%SZ)" --arg n "$cpus CPUs" \
            '{schema:"cloister.reference/1",class:"sim-snp",measurement:$m,expires:$e,note:$n}' >"$JOB/tenant/reference-$cpus.json"
        job_kbs set-reference --class sim-snp "$JOB/tenant/reference-$cpus.json" || return
    done
    digests=$(sha256sum "${files[@]}" | cut -d' ' -f1 | jq -R . | jq -cs .)
    jq -n --argjson i "$digests" '{schema:"cloister.resource-policy/1",
        rules:[{resource:"default/image-kek/*",classes:["sim-snp"],initdata:$i}]}' >"$JOB/tenant/policy.json"
    job_kbs set-policy "$JOB/tenant/policy.json"
}

# cloister run with everything of this job; arguments as of cloister run.
job_run() {
    "${JOB_RUN_BIN:-$JOB_BIN}/cloister" run --tee sim --guest "$JOB_GUEST" --psp-state "$JOB/host/psp" \
        --kbs "$JOB_KBS_URL" --kbs-cert "${JOB_KBS_CERT:-$JOB/broker/state/tls.crt}" "$@"
}
