# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# policy_lib.sh - an encrypted image as a pod under a measured policy, with a broker of the test's own that attests the guest. Sourced after pods_lib.sh; the
# test sets image and app, its command.
export JOB=$PODS/own/job JOB_BIN=$bin JOB_GUEST=$guest
# shellcheck source=scripts/job.sh
. "$here/../../../scripts/job.sh"

# What the kubelet would ask for, and what of it the tenant wants: the policy is written from the pod, not from what the host sent.
policy() { # MANIFEST
    jq -nc --arg m "$1" '{schema: "cloister.pod-policy/1", sandbox: {hostname: "host-p", network: true},
        volumes: [{name: "shared", kind: "scratch"}, {name: "dev_shm", kind: "shm"},
            ("etc_hosts", "etc_hostname", "etc_resolv.conf" | {name: ., kind: "files"})],
        containers: [{name: "app", image: {manifest: $m, encryption: "required"}, args: $ARGS.positional,
            env: ["PATH=/bin", "FROM_IMAGE=yes"], env_host: ["HOSTNAME"], cwd: "/data", user: {uid: 0, gid: 0},
            capabilities: ("CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE"
                | split(" ") | map("CAP_" + .)), streams: {stdout: true, stderr: true},
            mounts: [{destination: "/shared", volume: "shared"}, {destination: "/dev/shm", volume: "dev_shm"},
                ({destination: "/etc/hosts", volume: "etc_hosts", path: "hosts"}, {destination: "/etc/hostname", volume: "etc_hostname", path: "hostname"},
                 {destination: "/etc/resolv.conf", volume: "etc_resolv.conf", path: "resolv.conf"} | .optional = true)],
            exec: [{args: ["/bin/cat", "/data/secret.txt"], streams: {stdout: true, stderr: true}}]}]}' --args -- "${app[@]}"
}
initdata() { # POLICY OUT
    printf 'version = "0.1.0"\nalgorithm = "sha256"\n[data]\n' >"$2"
    printf "\"aa.toml\" = '''\n[token_configs.kbs]\nurl = \"%s\"\ncert = \"\"\"\n%s\n\"\"\"\n'''\n" "$JOB_KBS_URL" "$(cat "$JOB/broker/state/tls.crt")" >>"$2"
    printf "\"pod-policy.json\" = '''\n%s\n'''\n" "$1" >>"$2"
}
annotated() { printf '.annotations = {"dev.cloister.initdata": "%s"}' "$(base64 -w0 "$JOB/$1.toml")"; } # NAME of initdata
mounted() { printf '.image.image = "%s" | .mounts = [{container_path: "/shared", host_path: "%s"}]' "$image" "$(pod_volume p shared)"; }
# The guest may ask the broker, and nobody else.
policy_settings() { printf '[relay]\nallow = ["127.0.0.1:%s"]\n' "$JOB_KBS_PORT" >>"$PODS/cloister.toml"; }
