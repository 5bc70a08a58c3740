/* SPDX-License-Identifier: Apache-2.0
 * fuzz_node_config.c - containerd's configuration as hostile text: scanned, edited, and the edits
 * taken out again, byte for byte.
 */
#undef NDEBUG
#include "config.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PATH "/etc/containerd/conf.d/cloister.toml"
#define TABLES "[plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.cloister-sim]\n  a = 1\n"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What the edit adds and strip takes out leaves the text as it was. */
static void there_and_back(const char *text, size_t len, const struct node_config *c)
{
    struct cl_buf edited = {0};
    struct cl_buf back = {0};
    struct cl_err err = {0};
    if (c->block.end == 0 && !node_config_imports(text, c, "/", PATH) &&
        node_config_add_block(text, len, TABLES, &edited, &err) == CL_OK &&
        node_config_strip((char *)edited.data, edited.len, PATH, &back, &err) == CL_OK) {
        assert(back.len == len && (len == 0 || memcmp(back.data, text, len) == 0));
    }
    cl_buf_done(&edited);
    cl_buf_done(&back);
    if (!node_config_imports(text, c, "/", PATH) &&
        node_config_add_import(text, len, PATH, &edited, &err) == CL_OK) {
        struct node_config again;
        assert(edited.len > len);
        if (node_config_scan((char *)edited.data, edited.len, &again, &err) == CL_OK) {
            assert(again.import_count == c->import_count + 1);
        }
    }
    cl_buf_done(&edited);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct node_config c;
    struct cl_err err = {0};
    json_t *flat = NULL;
    char *text = malloc(len + 1); /* its own end, for the sanitizer */
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, len);
    if (node_config_scan(text, len, &c, &err) == CL_OK) {
        assert(c.array.end <= len && c.block.end <= len && c.after_version <= len);
        there_and_back(text, len, &c);
    }
    if (node_config_flatten(text, len, &flat, &err) == CL_OK) {
        struct cl_buf runtimes = {0};
        char value[64];
        (void)node_config_cri(flat, "containerd\nruntimes\nrunc\n", "runtime_type", value,
                              sizeof(value));
        (void)!node_config_runtimes(flat, &runtimes, &err);
        cl_buf_done(&runtimes);
        json_decref(flat);
    }
    free(text);
    return 0;
}
