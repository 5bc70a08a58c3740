/* SPDX-License-Identifier: Apache-2.0
 * fuzz_frompod.c - hostile manifests into policies: what comes out parses, and only it does.
 */
#include "frompod.h"
#include "yaml_tree.h"

#include "cloister/pod_policy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static enum cl_status find_image(void *ctx, const char *container, const char *name,
                                 struct policy_image *ret, struct cl_err *err)
{
    (void)container;
    (void)name;
    (void)err;
    *ret = (struct policy_image){.all_encrypted = true, .config = ctx};
    return CL_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static char program[] = "/bin/app";
    static char variable[] = "PATH=/bin";
    static char *programs[] = {program, NULL};
    static char *variables[] = {variable, NULL};
    struct cl_oci_config config = {.cmd = {programs, 1}, .env = {variables, 1}};
    const struct cl_strv none = {0};
    const struct policy_from_options options = {.image = find_image,
                                                .image_ctx = &config,
                                                .env = &none,
                                                .execs = &none,
                                                .sysctls = &none,
                                                .encryption_required = true};
    json_t *documents = NULL;
    struct cl_pod_policy *policy = NULL;
    struct cl_buf text = {0};
    struct cl_err err = {0};
    const char *hint = NULL;
    if (cl_yaml_parse(data, len, "fuzz", &documents, &err) != CL_OK) {
        return 0;
    }
    enum cl_status st = policy_from_pod(documents, &options, &text, &hint, &err);
    if (st == CL_OK ? cl_pod_policy_parse(text.data, text.len, &policy, &err) != CL_OK
                    : text.len > 0) {
        abort();
    }
    cl_pod_policy_free(policy);
    cl_buf_done(&text);
    json_decref(documents);
    return 0;
}
