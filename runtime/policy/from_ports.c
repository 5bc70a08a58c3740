/* SPDX-License-Identifier: Apache-2.0
 * from_ports.c - the ports that the host may connect to (I-10.5): those that containers name, when
 * an option says so. Trust, memory: frompod.h.
 */
#include "from_internal.h"

#include "cloister/pod_policy.h"

#include <string.h>

/* One of the list, once, in the order of the manifest. */
static enum cl_status add_port(json_t *list, int64_t port, struct cl_err *err)
{
    size_t i = 0;
    const json_t *p;
    json_array_foreach(list, i, p)
    {
        if (json_integer_value(p) == port) {
            return CL_OK;
        }
    }
    return policy_append(list, json_integer(port), err);
}

static enum cl_status add_container(const json_t *container, json_t *list, struct cl_err *err)
{
    const char *what = "container: ports";
    json_t *ports = NULL;
    size_t i = 0;
    json_t *p = NULL;
    CL_TRY(policy_array(container, "container", "ports", CL_POD_POLICY_MAX_PORTS, &ports, err));
    json_array_foreach(ports, i, p)
    {
        const char *protocol = NULL;
        int64_t port = 0;
        CL_TRY(policy_text(p, what, "protocol", &protocol, err));
        if (protocol != NULL && strcmp(protocol, "TCP") != 0) {
            continue; /* port-forward is of TCP */
        }
        CL_TRY(cl_json_get_int(p, what, "containerPort", 1, UINT16_MAX, &port, err));
        CL_TRY(add_port(list, port, err));
    }
    return CL_OK;
}

enum cl_status policy_ports_build(struct policy_from *f, json_t *sandbox, struct cl_err *err)
{
    static const char *const lists[] = {"initContainers", "containers"};
    json_t *to = json_array();
    CL_TRY(policy_put(sandbox, "forward_ports", to, err));
    for (size_t n = 0; n < CL_ARRAY_LEN(lists) && f->options->allow_forward; n++) {
        json_t *list = NULL;
        size_t i = 0;
        json_t *c = NULL;
        CL_TRY(
            policy_array(f->pod.spec, "spec", lists[n], CL_POD_POLICY_MAX_CONTAINERS, &list, err));
        json_array_foreach(list, i, c)
        {
            CL_TRY(add_container(c, to, err));
        }
    }
    if (json_array_size(to) > CL_POD_POLICY_MAX_PORTS) {
        return cl_err_set(err, CL_ERR_REJECTED, "spec: ports: expected at most %u, got %zu",
                          CL_POD_POLICY_MAX_PORTS, json_array_size(to));
    }
    return CL_OK;
}
