/* SPDX-License-Identifier: Apache-2.0
 * tables.c - what we write into containerd's configuration and for the shim. Trust, threads,
 * memory: plan.h.
 */
#include "snapshotter.h"

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

/* What containerd's plugin for images must know. snapshot.ref, by which layers are claimed, comes
 * in any case; containerd 2.1 and later pull by the transfer service, which knows no snapshotter
 * for a runtime, unless they are told not to. */
static enum cl_status images(const struct node_plan *p, int config_version,
                             const struct node_config *base, struct cl_buf *ret, struct cl_err *err)
{
    const struct node_version *v = &p->containerd;
    if (config_version < 3) {
        return !p->snapshot_node || base->has_containerd
                   ? CL_OK
                   : cl_buf_printf(ret, err,
                                   "[plugins.\"io.containerd.grpc.v1.cri\".containerd]\n"
                                   "  snapshotter = \"cloister\"\n"
                                   "  disable_snapshot_annotations = false\n");
    }
    bool transfers = v->major > 2 || v->minor >= 1;
    CL_TRY(cl_buf_printf(ret, err,
                         "[plugins.\"io.containerd.cri.v1.images\"]\n"
                         "  disable_snapshot_annotations = false\n%s",
                         transfers ? "  use_local_image_pull = true\n" : ""));
    for (unsigned one = NODE_CLASS_SNP; one <= NODE_CLASS_SIM; one <<= 1) {
        if ((p->snapshot_classes & one) != 0) {
            CL_TRY(cl_buf_printf(ret, err,
                                 "[plugins.\"io.containerd.cri.v1.images\".runtime_platforms.%s]\n"
                                 "  snapshotter = \"cloister\"\n",
                                 node_class_name(one)));
        }
    }
    return CL_OK;
}

static enum cl_status table(const struct node_plan *p, unsigned one, int config_version,
                            struct cl_buf *ret, struct cl_err *err)
{
    const char *plugin =
        config_version < 3 ? "io.containerd.grpc.v1.cri" : "io.containerd.cri.v1.runtime";
    const char *name = node_class_name(one);
    const char *key = node_shim_key(&p->containerd);
    char settings[NODE_PATH_SIZE];
    node_settings_path(one, settings);
    CL_TRY(cl_buf_printf(ret, err, "[plugins.\"%s\".containerd.runtimes.%s]\n%s", plugin, name,
                         strcmp(key, "runtime_type") == 0
                             ? ""
                             : "  runtime_type = \"io.containerd.cloister.v2\"\n"));
    return cl_buf_printf(ret, err,
                         "  %s = \"" NODE_PREFIX "/%s/bin/containerd-shim-cloister-v2\"\n%s"
                         "  privileged_without_host_devices = true\n"
                         "  pod_annotations = [\"dev.cloister.*\", "
                         "\"io.katacontainers.config.hypervisor.cc_init_data\"]\n"
                         "  container_annotations = [\"dev.cloister.*\", "
                         "\"io.kubernetes.container.terminationMessage*\"]\n"
                         "[plugins.\"%s\".containerd.runtimes.%s.options]\n"
                         "  ConfigPath = \"%s\"\n",
                         key, p->version,
                         (p->snapshot_classes & one) != 0 ? "  snapshotter = \"cloister\"\n" : "",
                         plugin, name, settings);
}

enum cl_status node_tables(const struct node_plan *p, int config_version,
                           const struct node_config *base, struct cl_buf *ret, struct cl_err *err)
{
    if (p->snapshot_classes != 0 || p->snapshot_node) {
        CL_TRY(cl_buf_append_str(ret,
                                 "[proxy_plugins.cloister]\n  type = \"snapshot\"\n"
                                 "  address = \"" NODE_SNAPSHOTTER_SOCKET "\"\n",
                                 err));
        CL_TRY(images(p, config_version, base, ret, err));
    }
    for (unsigned one = NODE_CLASS_SNP; one <= NODE_CLASS_SIM; one <<= 1) {
        if ((p->classes & one) != 0) {
            CL_TRY(table(p, one, config_version, ret, err));
        }
    }
    return CL_OK;
}
