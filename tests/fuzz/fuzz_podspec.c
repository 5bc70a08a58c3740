/* SPDX-License-Identifier: Apache-2.0
 * fuzz_podspec.c - specifications, processes and resources from a hostile host. What is accepted
 * must never carry what only the agent may say: hooks, annotations, foreign paths.
 */
#include "agent/podspec.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool good)
{
    if (!good) {
        abort();
    }
}

static void spec(const uint8_t *data, size_t size)
{
    static struct agent_podspec s;
    if (agent_podspec_parse(data, size, "/pod/c", &s, NULL) != CL_OK) {
        expect(s.config == NULL);
        return;
    }
    for (size_t i = 0; i < s.bind_count; i++) {
        expect(s.bind[i].path[0] != '/');
        expect(agent_podspec_set_source(&s, i, "/source", (i & 1) != 0, NULL) == CL_OK);
    }
    const json_t *linux_ = json_object_get(s.config, "linux");
    expect(json_object_get(s.config, "hooks") == NULL);
    expect(json_object_get(s.config, "annotations") == NULL);
    expect(strcmp(json_string_value(json_object_get(linux_, "cgroupsPath")), "/pod/c") == 0);
    expect(s.privileged || json_object_get(linux_, "seccomp") != NULL);
    agent_podspec_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *j = NULL;
    bool terminal = false;
    if (size == 0) {
        return 0;
    }
    if (data[0] == 'p' && agent_podspec_process(data + 1, size - 1, &j, &terminal, NULL) != CL_OK) {
        return 0;
    }
    if (data[0] == 'r' && agent_podspec_resources(data + 1, size - 1, &j, NULL) != CL_OK) {
        return 0;
    }
    json_decref(j);
    if (data[0] != 'p' && data[0] != 'r') {
        spec(data, size);
    }
    return 0;
}
