/* SPDX-License-Identifier: Apache-2.0
 * frompod_world.h - manifests into policies, with one image that is as a test wants it.
 */
#ifndef CL_TEST_FROMPOD_WORLD_H
#define CL_TEST_FROMPOD_WORLD_H

#include "frompod.h"
#include "yaml_tree.h"

#include "cloister/pod_policy.h"

#include "check_main.h"

#include <string.h>

struct world {
    struct cl_oci_config config; /* of every image */
    bool encrypted;
    struct cl_strv env;
    struct cl_strv execs;
    struct cl_strv sysctls;
    struct cl_strv volumes;
    struct policy_from_options options;
    const char *hint;
    struct cl_err err;
};

static inline enum cl_status world_image(void *ctx, const char *container, const char *name,
                                         struct policy_image *ret, struct cl_err *err)
{
    struct world *w = ctx;
    (void)container;
    if (strcmp(name, "missing") == 0) {
        return cl_err_set(err, CL_ERR_UNAVAILABLE, "image 'missing': expected one, got none");
    }
    ret->config = &w->config;
    ret->all_encrypted = w->encrypted;
    memset(ret->manifest, 0x11, sizeof(ret->manifest));
    return CL_OK;
}

static inline void world_add(struct cl_strv *list, const char *text)
{
    ck_assert_int_eq(cl_strv_add(list, text, NULL), CL_OK);
}

static inline void world_init(struct world *w)
{
    *w = (struct world){.encrypted = true};
    w->options = (struct policy_from_options){.image = world_image,
                                              .image_ctx = w,
                                              .env = &w->env,
                                              .execs = &w->execs,
                                              .sysctls = &w->sysctls,
                                              .volumes = &w->volumes,
                                              .encryption_required = true};
    world_add(&w->config.entrypoint, "/bin/app");
    world_add(&w->config.cmd, "serve");
    world_add(&w->config.env, "PATH=/bin");
}

static inline void world_done(struct world *w)
{
    cl_oci_config_done(&w->config);
    cl_strv_done(&w->env);
    cl_strv_done(&w->execs);
    cl_strv_done(&w->sysctls);
    cl_strv_done(&w->volumes);
}

static inline enum cl_status world_make(struct world *w, const char *yaml, struct cl_buf *out)
{
    json_t *documents = NULL;
    ck_assert_msg(cl_yaml_parse(yaml, strlen(yaml), "test", &documents, &w->err) == CL_OK, "%s",
                  w->err.msg);
    w->err = (struct cl_err){0};
    enum cl_status st = policy_from_pod(documents, &w->options, out, &w->hint, &w->err);
    json_decref(documents);
    return st;
}

/* The policy as JSON, which parses. */
static inline json_t *world_policy(struct world *w, const char *yaml)
{
    struct cl_buf text = {0};
    json_t *j = NULL;
    ck_assert_msg(world_make(w, yaml, &text) == CL_OK, "%s: %s", yaml, w->err.msg);
    ck_assert_int_eq(cl_json_parse(text.data, text.len, "policy", &j, &w->err), CL_OK);
    cl_buf_done(&text);
    return j;
}

/* The pod's container "app" with some members, as one manifest. */
#define POD(spec, container)                                                                       \
    "kind: Pod\nmetadata: {name: web-0}\nspec: {" spec                                             \
    "containers: [{name: app, image: a, " container "}]}\n"

/* One member of the only container, as compact JSON; path NULL: of the policy itself. */
static inline void world_expect(struct world *w, const char *yaml, const char *member,
                                const char *json)
{
    json_t *policy = world_policy(w, yaml);
    json_t *c = json_array_get(json_object_get(policy, "containers"), 0);
    json_t *from = json_object_get(c, member) != NULL ? c : policy;
    char *text = json_dumps(json_object_get(from, member), JSON_COMPACT | JSON_ENCODE_ANY);
    ck_assert_msg(text != NULL && strcmp(text, json) == 0, "%s: %s: %s", yaml, member, text);
    free(text);
    json_decref(policy);
}

static inline void world_refused(struct world *w, const char *yaml, enum cl_status want,
                                 const char *message)
{
    struct cl_buf out = {0};
    enum cl_status st = world_make(w, yaml, &out);
    ck_assert_msg(st == want, "%s: %d %s", yaml, (int)st, w->err.msg);
    ck_assert_msg(strcmp(w->err.msg, message) == 0, "%s: %s", yaml, w->err.msg);
    ck_assert_uint_eq(out.len, 0);
    cl_buf_done(&out);
}

#endif
