/* SPDX-License-Identifier: Apache-2.0
 * tables.c - what we write into containerd's configuration and for the shim. Trust, threads,
 * memory: plan.h.
 */
#include "plan.h"

#include <stdio.h>
#include <string.h>

void node_settings_path(unsigned one, char ret[static NODE_PATH_SIZE])
{
    (void)snprintf(ret, NODE_PATH_SIZE, NODE_ETC "/%s.toml", node_class_name(one));
}

void node_drop_in_path(const struct node_options *o, char ret[static NODE_PATH_SIZE])
{
    const char *config = node_containerd_config(o);
    const char *slash = strrchr(config, '/');
    (void)snprintf(ret, NODE_PATH_SIZE, "%.*s/conf.d/cloister.toml",
                   (int)(slash != NULL ? slash - config : 0), config);
}

const char *node_shim_key(const struct node_version *containerd)
{
    return containerd->major == 1 && containerd->minor == 6 ? "runtime_type" : "runtime_path";
}

static enum cl_status table(unsigned one, const char *version,
                            const struct node_version *containerd, int config_version,
                            struct cl_buf *ret, struct cl_err *err)
{
    const char *plugin =
        config_version < 3 ? "io.containerd.grpc.v1.cri" : "io.containerd.cri.v1.runtime";
    const char *name = node_class_name(one);
    const char *key = node_shim_key(containerd);
    char settings[NODE_PATH_SIZE];
    node_settings_path(one, settings);
    CL_TRY(cl_buf_printf(ret, err, "[plugins.\"%s\".containerd.runtimes.%s]\n%s", plugin, name,
                         strcmp(key, "runtime_type") == 0
                             ? ""
                             : "  runtime_type = \"io.containerd.cloister.v2\"\n"));
    return cl_buf_printf(ret, err,
                         "  %s = \"" NODE_PREFIX "/%s/bin/containerd-shim-cloister-v2\"\n"
                         "  privileged_without_host_devices = true\n"
                         "  pod_annotations = [\"dev.cloister.*\", "
                         "\"io.katacontainers.config.hypervisor.cc_init_data\"]\n"
                         "  container_annotations = [\"dev.cloister.*\", "
                         "\"io.kubernetes.container.terminationMessage*\"]\n"
                         "[plugins.\"%s\".containerd.runtimes.%s.options]\n"
                         "  ConfigPath = \"%s\"\n",
                         key, version, plugin, name, settings);
}

enum cl_status node_tables(unsigned classes, const char *version,
                           const struct node_version *containerd, int config_version,
                           struct cl_buf *ret, struct cl_err *err)
{
    for (unsigned one = NODE_CLASS_SNP; one <= NODE_CLASS_SIM; one <<= 1) {
        if ((classes & one) != 0) {
            CL_TRY(table(one, version, containerd, config_version, ret, err));
        }
    }
    return CL_OK;
}
