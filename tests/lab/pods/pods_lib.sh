# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# pods_lib.sh - containerd for one test: a root on a tmpfs of its own, our configuration, images without network, and a checker that nothing is
# left. Sourced as the first thing by a test with the arguments BIN GUEST SETUP RUNTIME [...]: folder of the build's programs, of the guest
# image, of pods_setup; runc (the control) or cloister-sim.
# A test runs in namespaces of its own, in which it sees its own processes, sockets, mounts, links and files, and nobody else's. When it ends,
# whatever it started ends with it.
if [ -z "${PODS_INSIDE:-}" ]; then
    [ "$(id -u)" = 0 ] || { echo "SKIP: expected root, for namespaces of its own, got user $(id -u)"; exit 77; }
    export PODS_INSIDE=1
    exec unshare --mount --pid --net --ipc --fork --kill-child --mount-proc "$0" "$@"
fi
# shellcheck disable=SC2034 # guest: for tests
bin=$(cd "$1" && pwd -P) guest=$2 setup=$(cd "$3" && pwd -P) runtime=$4
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
# Another containerd than Debian 12's, of containerd_setup: the folder of its programs.
if [ -n "${PODS_NEWER:-}" ]; then
    [ -x "$PODS_NEWER/containerd" ] || { echo "SKIP: no containerd in '$PODS_NEWER' (containerd_setup says why)"; exit 77; }
    PATH=$(cd "$PODS_NEWER" && pwd -P):$PATH
fi

fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}
say() { printf 'ok: %s (%s s)\n' "$*" "$SECONDS"; }
# wait_for WHAT COMMAND...: until it succeeds
wait_for() {
    local what=$1 until=$((SECONDS + ${WAIT_LIMIT:-60}))
    shift
    while [ $SECONDS -le $until ]; do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.1
    done
    fail "waited in vain for: $what"
}

case "$runtime" in
runc) PODS_CTR_RUNTIME=(--runtime io.containerd.runc.v2) ;;
cloister-sim)
    [ -x "$bin/containerd-shim-cloister-v2" ] || { echo "SKIP: no containerd-shim-cloister-v2 in '$bin'"; exit 77; }
    [ -s "$guest/guest.json" ] || { echo "SKIP: no guest in '$guest' (cmake --build --preset dev --target guest)"; exit 77; }
    PODS_CTR_RUNTIME=(--runtime io.containerd.cloister.v2 --runtime-config-path /tmp/pods/cloister.toml)
    ;;
*) fail "runtime: expected runc or cloister-sim, got '$runtime'" ;;
esac

# --- a place of its own --------------------------------------------------------------------------------------------------------------------------
# Names that containerd, its CNI library and our programs do not let us choose; an empty one of each. /run/containerd/s has the shims' sockets.
PODS_PLACES="/dev/shm /run/containerd /run/netns /run/runc /run/cloister /var/lib/cni /var/lib/cloister"
busybox ip link set lo up
own=/run/cloister
mkdir -p "$own"
mount -t tmpfs -o mode=1777 tmp "$own"
for given in "$here/../../.." "$bin" "$guest" "$setup"; do # stay in sight
    given=$(cd "$given" 2>/dev/null && pwd -P) || continue
    case "$given" in
    /tmp/*) mkdir -p "$own/${given#/tmp/}" && mount --rbind "$given" "$own/${given#/tmp/}" ;;
    esac
done
mount --move "$own" /tmp
for place in $PODS_PLACES; do
    mkdir -p "$place"
    mount -t tmpfs -o mode="$([[ "$place" == */cloister ]] && echo 0700 || echo 0711)" pods "$place"
done
mkdir -p /var/lib/kubelet # the kubelet's own files: what a test puts there it knows
mount -t tmpfs kubelet /var/lib/kubelet
PODS=/tmp/pods
mkdir -p "$PODS/lib" "$PODS/state" "$PODS/logs" "$PODS/own" /run/containerd/fifo
mount -t tmpfs lib "$PODS/lib" # overlayfs cannot take an overlay as its upper layer
cd "$PODS/own"
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd

# --- containerd ----------------------------------------------------------------------------------------------------------------------------------
export CONTAINERD_ADDRESS=$PODS/containerd.sock
PODS_PAUSE=localhost/cloister/pause:test
PODS_IMAGE=localhost/cloister/test:test # of pods_setup, in both containerd namespaces

PODS_CONFIG="" # what a test adds to it
pods_config() {
    cat <<EOF
version = 2
root = "$PODS/lib"
state = "$PODS/state"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.zfs", "io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp"]
[debug]
  level = "debug"
[grpc]
  address = "$CONTAINERD_ADDRESS"
[ttrpc]
  address = "$CONTAINERD_ADDRESS.ttrpc"
# Collect at once what a removal left, so that it can be seen that nothing is left.
[plugins."io.containerd.gc.v1.scheduler"]
  deletion_threshold = 1
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PODS_PAUSE"
  disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "$PODS/cni"
  max_conf_num = 2 # interfaces, where a test has two files there
[plugins."io.containerd.grpc.v1.cri".containerd]
  default_runtime_name = "runc"
  disable_snapshot_annotations = false
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.cloister-sim]
  runtime_type = "io.containerd.cloister.v2"
  runtime_path = "$bin/containerd-shim-cloister-v2"
  privileged_without_host_devices = true
  pod_annotations = ["dev.cloister.*", "io.katacontainers.config.hypervisor.cc_init_data"]
  container_annotations = ["dev.cloister.*", "io.kubernetes.container.terminationMessage*"]
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.cloister-sim.options]
  ConfigPath = "$PODS/cloister.toml"
${PODS_CONFIG:-}
EOF
}

# A pair of links a pod, addresses by count; loopback is containerd's own doing.
pods_network() {
    cat <<EOF
{"cniVersion": "0.4.0", "name": "pods", "plugins": [{"type": "ptp", "mtu": 1450, "ipam": {"type": "host-local", "dataDir": "$PODS/state/cni",
 "ranges": [[{"subnet": "10.88.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
EOF
}

pods_starts=0 # of containerd; each writes a log of its own
pods_booted() {
    kill -0 "$PODS_CONTAINERD" 2>/dev/null || fail "containerd ended: $(tail -n 5 "$PODS_LOG")"
    grep -q 'containerd successfully booted' "$PODS_LOG"
}
pods_start() {
    pods_starts=$((pods_starts + 1))
    PODS_LOG=$PODS/logs/containerd.$pods_starts
    # PATH: where ctr's runtime names are looked up. Its own process group: what is sent to a test's does not reach it.
    PATH="$bin:$PATH" setsid containerd --config "$PODS/config.toml" >"$PODS_LOG" 2>&1 </dev/null &
    PODS_CONTAINERD=$!
    wait_for containerd pods_booted
}
pods_end() { # SIGNAL
    kill "-$1" "$PODS_CONTAINERD"
    wait "$PODS_CONTAINERD" 2>/dev/null || true
}
pods_restart() { # [SIGNAL]: TERM as systemd does, KILL as the OOM killer
    pods_end "${1:-TERM}"
    pods_start
}
pods_import() { # NAMESPACE ARCHIVE NAME (without tag)
    ctr -n "$1" images import --base-name "$3" "$2" >"$PODS/logs/import" 2>&1 || fail "import of $2: $(cat "$PODS/logs/import")"
}

# --- what is left --------------------------------------------------------------------------------------------------------------------------------
# Everything that a container or pod could leave. Left out: what the test itself writes (logs, own), the content store (a cache), databases.
pods_residue() {
    echo "processes:" && ps -e -o pid=,comm= | awk -v c="$PODS_CONTAINERD" '$1 != c && $2 !~ /^(ps|awk|sort|bash|unshare|docker-registry)$/ {print $2}' | sort
    echo "mounts:" && awk '{print $5, $9, $10}' /proc/self/mountinfo | sort
    echo "namespaces:" && { find /proc/[0-9]*/ns/net /proc/[0-9]*/ns/mnt /proc/[0-9]*/ns/pid -printf '%l\n' 2>/dev/null || true; } | sort -u
    echo "links:" && busybox ip -o link | awk '{print $2}' | sort
    busybox ip route
    echo "cgroups:" && { find /sys/fs/cgroup -mindepth 1 -type d 2>/dev/null | grep -vE '^/sys/fs/cgroup/lab-[0-9]+$' || true; } | sort # the lab's own
    echo "sockets:" && awk 'NR > 1 && $8 != "" {print $8}' /proc/net/unix | sort
    echo "devices:" && { find /sys/block /sys/class/macvtap -mindepth 1 -maxdepth 1 \( -name 'dm-*' -o -name 'tap*' \) 2>/dev/null || true; } | sort
    cat /sys/block/loop*/loop/backing_file 2>/dev/null || true
    echo "files:"
    # shellcheck disable=SC2086 # a list of places
    { find /tmp $PODS_PLACES "$PODS/lib" /var/tmp -xdev \( -path "$PODS/logs" -o -path "$PODS/own" -o -path '*/io.containerd.content.v1.content' \
        -o -path '*/snapshots/*/fs/*' \) -prune -o -print 2>/dev/null || true; } | sort
    echo "end"
}
pods_collect() { ctr leases create --id pods >/dev/null && ctr leases delete --sync pods >/dev/null; }
# pods_clean WHAT: everything is as it was at pods_remember; what ends has 10 s to go.
pods_remember() {
    pods_residue >"$PODS/logs/residue"
}
pods_clean() {
    local until=$((SECONDS + 10))
    while [ $SECONDS -le $until ]; do
        pods_residue >"$PODS/logs/residue.now"
        cmp -s "$PODS/logs/residue" "$PODS/logs/residue.now" && return 0
        # What is removed while containerd collects is collected the next time, whenever that is: now.
        ! grep -q "^$PODS/lib/.*/snapshots/" <(diff "$PODS/logs/residue" "$PODS/logs/residue.now" | cut -c3-) || pods_collect
        sleep 0.2
    done
    fail "left after $1: $(diff "$PODS/logs/residue" "$PODS/logs/residue.now")"
}

# A registry of this test's own at PODS_REGISTRY, without TLS as localhost may; it has cloister/pulled:test, or what STORAGE has. Stays until the test ends.
PODS_REGISTRY=127.0.0.1:5000
pods_registry() { # [STORAGE]
    [ $# = 1 ] || cp -r "$setup/registry" "$PODS/own/registry"
    printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: %s}\n' "${1:-$PODS/own/registry}" "$PODS_REGISTRY" >"$PODS/own/registry.yml"
    docker-registry serve "$PODS/own/registry.yml" >"$PODS/logs/registry" 2>&1 &
    wait_for "the registry" busybox wget -qO /dev/null "http://$PODS_REGISTRY/v2/"
}

# --- the kubelet's side --------------------------------------------------------------------------------------------------------------------------
cri() { "$bin/cri_client" "$@"; }
# pod_config NAME [JQ]: a pod's config for `cri runp`; JQ changes it.
pod_config() {
    jq -n --arg n "$1" --arg logs "$PODS/own/logs/$1" --arg cgroup "/kubepods/pod-$1" '{metadata: {name: $n, uid: ("uid-" + $n), namespace: "default"},
        hostname: ("host-" + $n), log_directory: $logs, dns_config: {servers: ["10.88.0.53"], searches: ["pods.test"]}, labels: {app: $n},
        linux: {cgroup_parent: $cgroup, security_context: {namespace_options: {pid: "CONTAINER"}}}}'" | ${2:-.}"
}
# container_config NAME JQ COMMAND...: a container's config for `cri create`.
container_config() {
    local name=$1 change=$2
    shift 2
    jq -n --arg n "$name" --arg i "$PODS_IMAGE" '{metadata: {name: $n}, image: {image: $i}, command: $ARGS.positional, log_path: ($n + ".log"),
        linux: {security_context: {namespace_options: {pid: "CONTAINER"}}}}'" | $change" --args -- "$@"
}
# pod_run NAME [JQ]: starts a pod; its config stays in NAME.pod. Prints the id.
pod_run() {
    pod_config "$@" >"$1.pod"
    mkdir -p "$PODS/own/logs/$1"
    cri runp --runtime "$runtime" "$1.pod"
}
# container_run POD-NAME POD-ID NAME JQ COMMAND...: creates and starts. Prints the id.
container_run() {
    local pod=$1 pod_id=$2 id
    shift 2
    container_config "$@" >"$1.container"
    id=$(cri create "$pod_id" "$1.container" "$pod.pod")
    cri start "$id"
    printf '%s\n' "$id"
}
# pod_volume POD-NAME VOLUME: an emptyDir, made as the kubelet makes it. Prints its path.
pod_volume() {
    local path="/var/lib/kubelet/pods/uid-$1/volumes/kubernetes.io~empty-dir/$2"
    install -d -m 777 "$path"
    printf '%s\n' "$path"
}
container_state() { cri inspect "$1" | jq -r '.status.state + " " + (.status.exit_code | tostring)'; } # ID: "CONTAINER_EXITED 7"
exited() { [[ "$(container_state "$1")" = "CONTAINER_EXITED "* ]]; }                                # ID
pod_ready() { [ "$(cri inspectp "$1" | jq -r .status.state)" = SANDBOX_READY ]; }                    # ID

# pods_steps STEP...: runs these functions, of which PODS_ONLY (words) may select some while one works on them. "a:b" is a with the argument b.
pods_steps() {
    local step
    for step in "$@"; do
        case " ${PODS_ONLY:-$step} " in
        *" $step "*) ${step/:/ } ;;
        esac
    done
}

# --- from start to end ---------------------------------------------------------------------------------------------------------------------------
# cgroups that runc and the shim make under a parent and do not remove; the parent is ours.
pods_cgroup() {
    local path=/sys/fs/cgroup/$1 dir=/sys/fs/cgroup part
    [ ! -d "$path" ] || find "$path" -depth -type d -exec rmdir {} + || fail "cgroup '$path': left by another test, and in use"
    mkdir -p "$path"
    PODS_CGROUPS+=("$path")
    # Controllers come down level by level.
    for part in ${1//\// }; do
        dir=$dir/$part
        for c in cpu memory pids io; do echo "+$c" >"$dir/cgroup.subtree_control" 2>/dev/null || true; done
    done
}
PODS_CGROUPS=()

pods_finish() { # exit status of the test
    local status=$? dir
    trap - EXIT
    if [ "$status" != 0 ] && [ "$status" != 77 ]; then
        printf -- '--- the end of containerd'\''s log:\n' >&2
        tail -n "${PODS_LOG_LINES:-40}" "${PODS_LOG:-/dev/null}" | cut -c1-400 >&2
        ps -e -o pid,ppid,stat,args >"$PODS/logs/processes" || true
        cp /proc/self/mountinfo "$PODS/logs/mounts" || true
    fi
    [ -z "${LAB_RESULTS:-}" ] || cp -r "$PODS/logs/." "$PODS/own" "$LAB_RESULTS/" 2>/dev/null || true
    # No process may stay in a cgroup that has to go. This shell is process 1 here and cannot be reached by its own signal to all.
    exec 2>/dev/null
    kill -KILL -1 || true
    for dir in "${PODS_CGROUPS[@]}"; do
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            find "$dir" -depth -type d -exec rmdir {} + || true
            [ -d "$dir" ] || break
            sleep 0.2
        done
    done
    exit "$status"
}

# Starts containerd with both images in the given containerd namespaces.
pods_begin() { # NAMESPACE...
    local ns
    trap pods_finish EXIT
    pods_config >"$PODS/config.toml"
    printf '[vm]\ntee = "sim"\nguest = "%s"\npsp-state = "%s"\nboot-timeout-s = 240\n' "$(cd "$guest" && pwd -P)" "$PODS/state/psp" >"$PODS/cloister.toml"
    cp -a "$setup/psp" "$PODS/state/psp"
    touch "$PODS/state/psp/lock" /run/cloister/lock # kept between runs
    mkdir -p "$PODS/cni"
    pods_network >"$PODS/cni/10-pods.conflist"
    pods_start
    for ns in "$@"; do
        pods_import "$ns" "$setup/test.tar" "${PODS_IMAGE%:*}"
        [ "$ns" != k8s.io ] || pods_import "$ns" "$setup/pause.tar" "${PODS_PAUSE%:*}"
        # Folders that containerd and runc make for the first one and keep.
        mkdir -p "$PODS"/{lib,state}/io.containerd.runtime.v2.task/"$ns" /run/containerd/{s,runc/"$ns"}
    done
    mkdir -p "$PODS"/{lib,state}/io.containerd.grpc.v1.cri/{sandboxes,containers} /var/lib/cni/results "$PODS/state/cni/pods"
    touch "$PODS/state/cni/pods/"{lock,last_reserved_ip.0}
}
