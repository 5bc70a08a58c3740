# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# cli.sh - what cli_run and soak share. Sourced with bin, guest and from (the folder of cli_setup) set; puts a copy of it into $JOB, goes
# there and starts the broker.
# Inside of namespaces of its own a test sees its own processes, sockets, mounts and temporary files, and nobody else's: `residue` can then
# compare whole lists. CLI_INSIDE says that we are there already.
if [ -z "${CLI_INSIDE:-}" ]; then
    [ "$(id -u)" = 0 ] || { echo "SKIP: expected root, for namespaces of its own, got user $(id -u)"; exit 77; }
    export CLI_INSIDE=1
    exec unshare --mount --pid --net --ipc --fork --kill-child --mount-proc "$0" "$@"
fi
[ -s "$guest/guest.json" ] || { echo "SKIP: no guest in '$guest' (cmake --build --preset dev --target guest)"; exit 77; }
busybox ip link set lo up
install -d -m 700 /run/cloister # as `cloister run` wants it
# An empty /tmp and /run/cloister of our own, in which only what we were given stays in sight.
own=/run/cloister # until it is made
mount -t tmpfs -o mode=1777 tmp "$own"
for given in "$here/../.." "$bin" "$guest" "$from"; do
    given=$(cd "$given" && pwd -P)
    case "$given" in
    /tmp/*) mkdir -p "$own/${given#/tmp/}" && mount --rbind "$given" "$own/${given#/tmp/}" ;;
    esac
done
mount --move "$own" /tmp
mount -t tmpfs -o mode=0700 cloister /run/cloister
export JOB JOB_BIN=$bin JOB_GUEST=$guest XDG_RUNTIME_DIR=
JOB=$(mktemp -d)
# shellcheck source=scripts/job.sh
. "$here/../../scripts/job.sh"
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$JOB"' EXIT
cp -a "$from/." "$JOB/"
cd "$JOB"
[ -e /dev/fd ] || ln -s /proc/self/fd /dev/fd # a bare devtmpfs has none, and bash's <(...) wants it
fail() {
    printf 'FAILED: %s\n' "$*" >&2
    exit 1
}
image=oci:$JOB/enc:test

# run NAME [ARGS...]: with that initdata; stdin, stdout as the caller has them; stderr to $JOB/err.
run() {
    local name=$1
    shift
    echo . >>"$JOB/made"
    job_run --result "$JOB/result.json" --initdata "$JOB/$name.toml" "$@" "$image" 2>"$JOB/err"
}

# Everything that a run could leave. Files of the test's own folder that it writes itself are not in it.
residue() {
    echo "processes:" && ps -e -o comm= | awk '!/^(ps|awk|sort|bash|unshare|cli_run|soak|docker-registry|cloister-broker)$/' | sort
    echo "mounts:" && awk '{print $5, $9, $10}' /proc/self/mountinfo | sort
    echo "cgroups:" && { find /sys/fs/cgroup -mindepth 1 -type d 2>/dev/null | grep -vE '^/sys/fs/cgroup/lab-[0-9]+$' || true; } | sort # those are the lab's, one a command
    echo "sockets:" && awk 'NR > 1 {print $8}' /proc/net/unix | sort
    awk 'NR > 1 && $4 == "0A" {print $2}' /proc/net/tcp | sort
    echo "files:" && { find /tmp /run/cloister /var/tmp /dev/shm /var/lib/cloister -xdev -path "$JOB" -prune -o -print 2>/dev/null || true; } | sort
    find "$JOB/enc" "$JOB/host" "$JOB/tenant" | sort
    echo "end"
}
# expect_clean WHAT: as `residue` was before the first run; what ends has a moment to go.
expect_clean() {
    local i
    for i in $(seq 1 100); do
        residue >"$JOB/residue.now"
        if [ -n "${stale_folder:-}" ]; then # of a cloister that was killed: the next one removes it
            sed -i '\|^/run/cloister/run-|d' "$JOB/residue.now"
        fi
        cmp -s "$JOB/residue" "$JOB/residue.now" && return 0
        sleep 0.1
    done
    fail "left after $1: $(diff "$JOB/residue" "$JOB/residue.now")"
}
control() {
    run control </dev/null >"$JOB/out" && [ "$(cat "$JOB/out")" = cli-run-marker ] || fail "control: $(cat "$JOB/out" "$JOB/err")"
    expect_clean control
}
# wait_for WHAT COMMAND...: until it succeeds
wait_for() {
    local what=$1 until=$((SECONDS + 180))
    shift
    while [ $SECONDS -lt $until ]; do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.05
    done
    fail "waited in vain for: $what: $(cat "$JOB/err" "$JOB/out")"
}
says_ready() { grep -q ready "$JOB/out"; }

job_broker_start
: >"$JOB/out"
install -d -m 700 /run/cloister
: >/run/cloister/lock
chmod 600 /run/cloister/lock
residue >"$JOB/residue"
