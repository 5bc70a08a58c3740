/* SPDX-License-Identifier: Apache-2.0
 * policy.c - calls of the host against the measured policy (docs/interfaces.md I-11). The rules are
 * cloister/pod_policy.h's; here is what they need to know of the pod. A guest without a policy
 * (class sim, no initdata) allows everything.
 */
#include "engine.h"

#include "agent/user.h"
#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MAX_SETTINGS 64u

enum cl_status pod_policy_sandbox(const struct agent_pod *p,
                                  const Cloister__Pod__V1__SandboxRequest *r, struct cl_err *err)
{
    struct cl_pod_setting settings[MAX_SETTINGS];
    if (p->measured.policy == NULL) {
        return CL_OK;
    }
    if (r->n_sysctls > MAX_SETTINGS) {
        return cl_err_set(err, CL_ERR_MALFORMED, "sysctls: expected at most %u, got %zu",
                          MAX_SETTINGS, r->n_sysctls);
    }
    for (size_t i = 0; i < r->n_sysctls; i++) {
        settings[i] = (struct cl_pod_setting){r->sysctls[i]->name, r->sysctls[i]->value};
    }
    const struct cl_pod_sandbox asked = {
        .hostname = r->hostname,
        .sysctls = settings,
        .sysctl_count = r->n_sysctls,
        .share_processes = r->share_processes,
        .network = r->n_interfaces + r->n_routes + r->n_neighbours,
    };
    return cl_pod_policy_sandbox(p->measured.policy, &asked, err);
}

enum cl_status pod_policy_volume(const struct agent_pod *p, const char *name, int kind,
                                 struct cl_err *err)
{
    return p->measured.policy == NULL ? CL_OK
                                      : cl_pod_policy_volume(p->measured.policy, name, kind, err);
}

enum cl_status pod_policy_put(const struct agent_pod *p, const char *volume, struct cl_err *err)
{
    return p->measured.policy == NULL ? CL_OK : cl_pod_policy_put(p->measured.policy, volume, err);
}

enum cl_status pod_policy_get(const struct agent_pod *p, const char *volume, struct cl_err *err)
{
    return p->measured.policy == NULL ? CL_OK : cl_pod_policy_get(p->measured.policy, volume, err);
}

enum cl_status pod_policy_forward(const struct agent_pod *p, uint16_t port, struct cl_err *err)
{
    return p->measured.policy == NULL ? CL_OK
                                      : cl_pod_policy_forward(p->measured.policy, port, err);
}

bool pod_policy_encrypted(const struct agent_pod *p, const struct cl_pod_policy_container *c,
                          const uint8_t manifest[static CL_SHA256_SIZE])
{
    const struct cl_pod_policy *policy = p->measured.policy;
    bool wanted = c != NULL && c->encryption_required;
    for (size_t i = 0; policy != NULL && i < policy->container_count; i++) {
        const struct cl_pod_policy_container *other = &policy->containers[i];
        wanted = wanted || (other->encryption_required && other->rule == NULL &&
                            memcmp(other->manifest, manifest, CL_SHA256_SIZE) == 0); /* public */
    }
    return wanted;
}

/* --- whose turn it is ------------------------------------------------------------------------- */

static size_t index_of(const struct agent_pod *p, const struct cl_pod_policy_container *c)
{
    return (size_t)(c - p->measured.policy->containers);
}

/* One that has ended and was not deleted yet may have its successor. */
static const struct pod_container *living(const struct agent_pod *p,
                                          const struct cl_pod_policy_container *c)
{
    const struct pod_container *at = p->containers;
    while (at != NULL &&
           !(at->policy == c && at->init.state != POD_DRAINING && at->init.state != POD_DONE)) {
        at = at->next;
    }
    return at;
}

enum cl_status pod_policy_turn(const struct agent_pod *p, const struct cl_pod_policy_container *c,
                               struct cl_err *err)
{
    if (c == NULL) {
        return CL_OK;
    }
    if (living(p, c) != NULL) {
        return cl_err_set(err, CL_ERR_REJECTED,
                          "policy: containers[%s]: expected one at a time, got another", c->name);
    }
    for (size_t i = 0; i < index_of(p, c); i++) {
        const struct cl_pod_policy_container *before = &p->measured.policy->containers[i];
        if (before->init && !p->ended_well[i]) {
            return cl_err_set(err, CL_ERR_REJECTED,
                              "policy: containers[%s]: expected after init container '%s' has "
                              "ended with status 0, got before",
                              c->name, before->name);
        }
    }
    return CL_OK;
}

void pod_policy_ended(const struct pod_process *x)
{
    const struct pod_container *c = x->container;
    if (c->policy != NULL && x == &c->init && x->status == 0) {
        c->pod->ended_well[index_of(c->pod, c->policy)] = true;
    }
}

/* --- users ------------------------------------------------------------------------------------ */

static enum cl_status add_group(json_t *list, uint32_t gid, struct cl_err *err)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (json_integer_value(json_array_get(list, i)) == (json_int_t)gid) {
            return CL_OK;
        }
    }
    return json_array_append_new(list, json_integer((json_int_t)gid)) == 0
               ? CL_OK
               : cl_err_nomem(err, "groups");
}

/* The image was verified: what its etc/passwd and etc/group say is the tenant's. */
static enum cl_status look_up(const char *image, const char *name, struct agent_user *ret,
                              struct cl_err *err)
{
    CL_CLEANUP(cl_close_fdp) int root = open(image, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) {
        return cl_err_sys(err, errno, "open '%s'", image);
    }
    return agent_user_resolve(root, name, ret, err);
}

/* Numbers of the policy stay what they are; only the groups are the image's to add. */
static enum cl_status measured_user(const struct cl_pod_user *user, const char *image,
                                    json_t **ret_user, struct cl_err *err)
{
    char number[16];
    struct agent_user u;
    CL_CLEANUP(cl_json_decrefp) json_t *groups = json_array();
    (void)snprintf(number, sizeof(number), "%u", (unsigned)user->uid);
    CL_TRY(look_up(image, user->name != NULL ? user->name : number, &u, err));
    if (user->name == NULL) {
        u.uid = user->uid;
        u.gid = user->gid;
    }
    for (size_t i = 0; i < user->group_count; i++) {
        CL_TRY(add_group(groups, user->groups[i], err));
    }
    for (size_t i = 0; i < u.group_count && json_array_size(groups) < AGENT_MAX_GROUPS; i++) {
        CL_TRY(add_group(groups, u.groups[i], err));
    }
    *ret_user = json_pack("{s:I, s:I, s:O}", "uid", (json_int_t)u.uid, "gid", (json_int_t)u.gid,
                          "additionalGids", groups);
    return *ret_user != NULL ? CL_OK : cl_err_nomem(err, "user");
}

/* Without a policy the host says who it is, by number, or by a name of the image. */
static enum cl_status named_user(const char *image, json_t *user, struct cl_err *err)
{
    struct agent_user u;
    const char *name = json_string_value(json_object_get(user, "username"));
    if (name == NULL) {
        return CL_OK;
    }
    CL_CLEANUP(cl_json_decrefp) json_t *groups = json_array();
    CL_TRY(look_up(image, name, &u, err));
    if (json_object_get(user, "additionalGids") != NULL &&
        json_array_extend(groups, json_object_get(user, "additionalGids")) != 0) {
        return cl_err_nomem(err, "groups");
    }
    for (size_t i = 0; i < u.group_count && json_array_size(groups) < AGENT_MAX_GROUPS; i++) {
        CL_TRY(add_group(groups, u.groups[i], err));
    }
    (void)json_object_del(user, "username");
    return json_object_set_new(user, "uid", json_integer((json_int_t)u.uid)) == 0 &&
                   json_object_set_new(user, "gid", json_integer((json_int_t)u.gid)) == 0 &&
                   json_object_set(user, "additionalGids", groups) == 0
               ? CL_OK
               : cl_err_nomem(err, "user");
}

enum cl_status pod_policy_user(struct pod_container *c, const char *image,
                               struct agent_podspec *spec, struct cl_err *err)
{
    json_t *process = json_object_get(spec->config, "process");
    if (c->policy == NULL) {
        return named_user(image, json_object_get(process, "user"), err);
    }
    CL_CLEANUP(cl_json_decrefp) json_t *user = NULL;
    enum cl_status st = measured_user(&c->policy->user, image, &user, err);
    if (st != CL_OK) {
        return cl_err_wrap(err, st, "policy: containers[%s]", c->policy->name);
    }
    if (json_object_set(process, "user", user) != 0) {
        return cl_err_nomem(err, "user");
    }
    (void)pthread_mutex_lock(&c->pod->lock);
    c->user = CL_TAKE(user);
    (void)pthread_mutex_unlock(&c->pod->lock);
    return CL_OK;
}
