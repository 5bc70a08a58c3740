# shellcheck shell=bash disable=SC2154
# SPDX-License-Identifier: Apache-2.0
# job_lib.sh - what tests/lab/job and job_canary share: an image of three layers, runs side by side, refusals with their exact place, the taps. Sourced after scripts/job.sh.
# Expects $here (tests/lab), $marker (what a good run prints), $JOB (a folder of this test), $JOB_BIN, $JOB_GUEST.

fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
say() { printf 'ok: %s\n' "$*"; }

# An image of three layers, tag "test": busybox, /data/secret.txt with MARKER, /data2/more.txt. The last two are of one size.
three_layers() { # OUT MARKER [CONFIG]
    local work=$JOB/layers config=${3:-'{"Env":["PATH=/bin","FROM_IMAGE=yes"],"WorkingDir":"/data","Cmd":["/bin/cat","/data/secret.txt"]}'}
    rm -rf "$work"
    mkdir -p "$work/more/data2"
    "$here/../../scripts/make-test-image" "$work/two" "$2" >/dev/null
    # shellcheck source=scripts/oci.sh
    . "$here/../../scripts/oci.sh"
    blob() { cat "$work/two/blobs/sha256/$(skopeo inspect --raw "oci:$work/two:test" | jq -r ".layers[$1].digest | ltrimstr(\"sha256:\")")"; }
    blob 0 >"$work/base.tar.gz"
    blob 1 >"$work/data.tar"
    printf 'more\n' >"$work/more/data2/more.txt"
    oci_tar "$work/more" "$work/more.tar"
    oci_image "$1" test "$config" "$work/base.tar.gz" "$work/data.tar" "$work/more.tar" >/dev/null
    rm -rf "$work"
}

# --- runs, two at a time; each has a folder of its own -----------------------------------------------------------------------------------------
runs=0
starts=0   # of VMs: some runs end before
failures=0 # of runs in the background: each said why, and the rest is tried all the same
running=()
parallel=${CLOISTER_JOB_PARALLEL:-2}

run_in() { # DIR NAME IMAGE ARGS...
    local dir=$1 name=$2 image=$3
    shift 3
    mkdir -p "$dir"
    job_run --result "$dir/result.json" --initdata "$JOB/$name.toml" "$@" "oci:$JOB/$image:test" >"$dir/out" 2>"$dir/err" </dev/null
}
# Waits until at most N of ours run.
drain() { # N
    local over
    while [ "${#running[@]}" -gt "$1" ]; do
        wait -n -p over "${running[@]}" || failures=$((failures + 1))
        local left=() pid
        for pid in "${running[@]}"; do [ "$pid" = "$over" ] || left+=("$pid"); done
        running=("${left[@]}")
    done
}
go() { # FUNCTION ARGS...: in the background
    drain $((parallel - 1))
    runs=$((runs + 1))
    local dir=$JOB/run-$runs
    ("$1" "$dir" "${@:2}") &
    running+=($!)
}

passes_in() { # DIR WHAT NAME IMAGE ARGS...
    local dir=$1 what=$2
    shift 2
    run_in "$dir" "$@" || fail "$what: $(cat "$dir/err")"
    [ "$(cat "$dir/out")" = "$marker" ] || fail "$what: expected the marker, got $(cat "$dir/out")"
    [ "$(jq -r .launch_digest "$dir/result.json")" = "$(job_measure 1)" ] || fail "$what: launch digest differs from the computed one"
    say "$what passes"
}
# A refusal: exit 125, not one byte from the container, and WHO at STEP with CODE and FIELD ('-': none), and words that match PATTERN.
refused_in() { # DIR WHAT WHO STEP CODE FIELD PATTERN NAME IMAGE ARGS...
    local dir=$1 what=$2 place="$3 $4 $5 $6" pattern=$7 got=0
    shift 7
    run_in "$dir" "$@" || got=$?
    [ "$got" = 125 ] || fail "$what: exit status: expected 125, got $got: $(cat "$dir/err")"
    [ ! -s "$dir/out" ] || fail "$what: the container wrote: $(cat "$dir/out")"
    [ "$(jq -r '[.who, .step, .code, .field // "-"] | join(" ")' "$dir/result.json")" = "$place" ] ||
        fail "$what: expected $place, got $(cat "$dir/result.json")"
    jq -r .why "$dir/result.json" | grep -qE -- "$pattern" || fail "$what: expected '$pattern', got $(jq -r .why "$dir/result.json")"
    say "$what: $(jq -r '.who + " at " + .step + ": " + .why' "$dir/result.json")"
}
control() { # WHAT NAME IMAGE ARGS...: alone, when all before it is done
    drain 0
    starts=$((starts + 1))
    go passes_in "$@"
    drain 0
}
refused() { # WHAT WHO STEP CODE FIELD PATTERN NAME IMAGE ARGS...
    [ "$2" = host ] || starts=$((starts + 1))
    go refused_in "$@"
}

# --- what the broker wrote down ----------------------------------------------------------------------------------------------------------------
denials() { job_kbs audit --json | jq -sc '[.. | objects | select(.verdict? == "denied")]'; }
# Denials name each CHECK, and what was expected and what was there.
audited() { # CHECK...
    local check
    drain 0
    denials >"$JOB/audit.json"
    for check in "$@"; do
        jq -e --arg c "$check" '[.[] | select(.check == $c and (.expected // "") != "" and (.actual // "") != "")] | length > 0' "$JOB/audit.json" >/dev/null ||
            fail "audit: expected a denial by $check with expected and actual, got $(tail -c 600 "$JOB/audit.json")"
        say "audit: $check: $(jq -r --arg c "$check" '[.[] | select(.check == $c)][-1] | "expected \(.expected), got \(.actual)"' "$JOB/audit.json" | cut -c1-160)"
    done
}

# --- tampering ---------------------------------------------------------------------------------------------------------------------------------
flip() { # FILE OFFSET: one bit
    local byte
    byte=$(od -An -j "$2" -N1 -tu1 "$1" | tr -d ' ')
    printf "\\x$(printf '%02x' $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
changed_guest() { # NAME: a copy of the guest to change, in $JOB/NAME
    cp -r "$JOB_GUEST" "$JOB/$1"
}
# A host folder of programs in which security processor and VMM are the taps; both pass everything on unless told otherwise.
evil_host() {
    job_evil_bin "$JOB_BIN/psp_tap"
    cp "$JOB_BIN/vmm_tap" "$JOB/host/evil-bin/cloister-vmm"
    export PSP_TAP_REAL=$JOB_BIN/cloister-sim-psp PSP_TAP_MODE=pass VMM_TAP_REAL=$JOB_BIN/cloister-vmm JOB_RUN_BIN=$JOB/host/evil-bin
}
# A relay that ends the guest's TLS with the key of other.crt, on PORT; keeps what passes, in the clear, in $JOB/host/NAME.
relay_start() { # NAME PORT
    mkdir -p "$JOB/host/$1"
    "$JOB_BIN/kbs_tap" "$2" "$JOB_KBS_PORT" "$JOB/other.crt" "$JOB/other.key" "$JOB/host/$1" >"$JOB/host/$1.log" 2>&1 &
    job_wait_port "$2" "relay $1" $!
}
other_key() { # x|y of the public key of other.key, base64url
    openssl ec -in "$JOB/other.key" -pubout -outform DER 2>/dev/null | tail -c 64 |
        if [ "$1" = x ]; then head -c 32; else tail -c 32; fi | base64 -w0 | tr '+/' '-_' | tr -d =
}
