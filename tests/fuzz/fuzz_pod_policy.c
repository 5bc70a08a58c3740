/* SPDX-License-Identifier: Apache-2.0
 * fuzz_pod_policy.c - policies, and what a hostile host asks for under one. The input is a policy,
 * a zero byte, and a specification or (beginning with 'p') the process of an Exec. An empty policy
 * stands for one of ours. What is allowed must equal what was measured.
 */
#include "agent/podspec.h"
#include "cloister/pod_policy.h"

#include "../unit/podpolicy_text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
    if (!good) {
        abort();
    }
}

static bool has_args(const struct cl_strv *expected, const json_t *process)
{
    const json_t *args = json_object_get(process, "args");
    bool same = json_array_size(args) == expected->count;
    for (size_t i = 0; same && i < expected->count; i++) {
        same = strcmp(json_string_value(json_array_get(args, i)), expected->v[i]) == 0;
    }
    return same;
}

static void create(const struct cl_pod_policy_container *c, const uint8_t *data, size_t size)
{
    static struct agent_podspec s;
    if (agent_podspec_measured(data, size, "/pod/c", c, c->manifest, &s, NULL) != CL_OK) {
        expect(s.config == NULL);
        return;
    }
    const json_t *process = json_object_get(s.config, "process");
    const json_t *linux_ = json_object_get(s.config, "linux");
    expect(has_args(&c->args, process));
    expect(strcmp(json_string_value(json_object_get(process, "cwd")), c->cwd) == 0);
    expect(s.privileged == c->privileged && s.own_pid == c->own_pid);
    expect(s.terminal == c->streams.terminal && s.read_only == c->read_only_root);
    expect(s.bind_count <= c->mount_count);
    expect(c->privileged || json_object_get(linux_, "seccomp") != NULL);
    expect((json_object_get(linux_, "maskedPaths") == NULL) == (c->privileged || c->unmasked));
    agent_podspec_done(&s);
}

static void exec(const struct cl_pod_policy_container *c, const uint8_t *data, size_t size)
{
    const struct cl_pod_exec *x = NULL;
    json_t *user = json_object();
    json_t *process = NULL;
    bool terminal = false;
    if (agent_podspec_measured_process(data, size, c, user, &process, &terminal, &x, NULL) ==
        CL_OK) {
        expect(has_args(&x->args, process) && terminal == x->streams.terminal);
        json_decref(process);
    }
    json_decref(user);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = memchr(data, '\0', size);
    size_t len = zero != NULL ? (size_t)(zero - data) : size;
    CL_CLEANUP(cl_pod_policy_freep) struct cl_pod_policy *p = NULL;
    const void *text = len > 0 ? (const void *)data : POLICY;
    if (size == 0 || cl_pod_policy_parse(text, len > 0 ? len : strlen(POLICY), &p, NULL) != CL_OK) {
        return 0;
    }
    const struct cl_pod_policy_container *c = &p->containers[0];
    const uint8_t *rest = data + len + (zero != NULL);
    size_t rest_len = size - len - (zero != NULL);
    if (rest_len > 0 && rest[0] == 'p') {
        exec(c, rest + 1, rest_len - 1);
    } else if (rest_len > 0) {
        create(c, rest, rest_len);
    }
    return 0;
}
