/* SPDX-License-Identifier: Apache-2.0
 * cmd_policy_test.c - `cloister policy test`.
 * Trust: policy and manifest may be anybody's, and the images that the manifest names are hostile.
 * Threads: one. Memory: both, and each image's manifest and configuration.
 */
#include "cmd_policy.h"

#include "frompod.h"
#include "images.h"
#include "policy_load.h"
#include "policy_test.h"
#include "yaml_tree.h"

#include "base/cmd.h"
#include "cloister/pod_policy.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define PROG "cloister policy test"
#define EXIT_NO 1

static const char help[] =
    "usage: cloister policy test POLICY --pod POD.yaml [OPTION]...\n"
    "\n"
    "What the policy says to each request that the pod leads to, and which member of it decides, "
    "by\n"
    "the checks of the guest. POLICY is the policy, or initdata that holds one.\n"
    "  --pod POD.yaml            the manifest; '-' is standard input\n"
    "  --pod-name [KIND/]NAME    which pod, when POD.yaml has several\n"
    "  --image NAME=REF          what an image, or a container's image, is: oci:DIR[:TAG] or\n"
    "                            docker://host[:port]/name[:tag][@digest]; may be given again\n"
    "  --registry-ca FILE        PEM of the CA of the registries\n"
    "  --env [CONTAINER:]K=V     the value of a variable that the manifest leaves open\n"
    "  --sysctl NAME=VALUE       a setting that the node adds to every pod\n"
    "  --json                    as one document\n"
    "Exit status 0: all is allowed, 1: something is denied.\n"
    "example: cloister policy test pod.toml --pod pod.yaml --image app=oci:app-enc:v1\n";

struct args {
    const char *policy;
    const char *pod;
    const char *registry_ca;
    bool json;
    struct cl_strv images;
    struct cl_strv env;
    struct cl_strv execs; /* none */
    struct cl_strv sysctls;
    struct policy_from_options from;
};

static void args_done(struct args *a)
{
    cl_strv_done(&a->images);
    cl_strv_done(&a->env);
    cl_strv_done(&a->sysctls);
}

/* -1: go on; else the exit status. */
static int take_list(struct cl_strv *list, const char *option, size_t max)
{
    struct cl_err err = {0};
    if (strchr(optarg, '=') == NULL || list->count == max) {
        return cl_usage_error(PROG, "%s: expected NAME=VALUE, at most %zu times, got '%s'", option,
                              max, optarg);
    }
    return cl_strv_add(list, optarg, &err) == CL_OK ? -1 : cl_fail(&err, NULL);
}

static int take_option(void *ctx, int c)
{
    struct args *a = ctx;
    switch (c) {
    case 'p':
        a->pod = optarg;
        return -1;
    case 'n':
        a->from.select = optarg;
        return -1;
    case 'r':
        a->registry_ca = optarg;
        return -1;
    case 'i':
        return take_list(&a->images, "--image", POLICY_MAX_IMAGES);
    case 'e':
        return take_list(&a->env, "--env", POLICY_MAX_GIVEN);
    case 's':
        return take_list(&a->sysctls, "--sysctl", POLICY_MAX_GIVEN);
    default:
        a->json = true;
        return -1;
    }
}

static int parse(int argc, char **argv, struct args *a)
{
    static const struct option options[] = {{"pod", required_argument, NULL, 'p'},
                                            {"pod-name", required_argument, NULL, 'n'},
                                            {"image", required_argument, NULL, 'i'},
                                            {"registry-ca", required_argument, NULL, 'r'},
                                            {"env", required_argument, NULL, 'e'},
                                            {"sysctl", required_argument, NULL, 's'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int rc = cli_policy_options(PROG, help, options, argc, argv, take_option, a);
    if (rc >= 0) {
        return rc;
    }
    if (argc - optind != 1 || a->pod == NULL) {
        return cl_usage_error(PROG, "expected POLICY and --pod POD.yaml, got %d arguments%s",
                              argc - optind, a->pod == NULL ? " and no --pod" : "");
    }
    a->policy = argv[optind];
    return -1;
}

/* The policy that the manifest leads to. */
static enum cl_status read_pod(struct args *a, struct cl_pod_policy **ret, const char **ret_hint,
                               struct cl_err *err)
{
    CL_CLEANUP(cl_json_decrefp) json_t *documents = NULL;
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    struct policy_images images = {.given = &a->images, .registry_ca = a->registry_ca};
    CL_TRY(cli_policy_documents(a->pod, &documents, err));
    a->from.image = policy_images_find;
    a->from.image_ctx = &images;
    a->from.env = &a->env;
    a->from.execs = &a->execs;
    a->from.sysctls = &a->sysctls;
    a->from.allow_logs = true;
    enum cl_status st = policy_from_pod(documents, &a->from, &text, ret_hint, err);
    st = st == CL_OK ? policy_images_check_used(&images, err) : st;
    *ret_hint = *ret_hint != NULL ? *ret_hint : images.hint;
    policy_images_done(&images);
    return st == CL_OK ? cl_pod_policy_parse(text.data, text.len, ret, err) : st;
}

static void print_lines(const json_t *lines)
{
    size_t i = 0;
    json_t *line = NULL;
    json_array_foreach((json_t *)(uintptr_t)lines, i, line)
    {
        bool good = json_is_true(json_object_get(line, "allowed"));
        const char *reason = json_string_value(json_object_get(line, "reason"));
        const char *decides = json_string_value(json_object_get(line, "decides"));
        (void)printf("%-8s %-8s %s: %s%s%s\n", good ? "allowed" : "denied",
                     json_string_value(json_object_get(line, "request")),
                     json_string_value(json_object_get(line, "object")), good ? decides : reason,
                     good && reason[0] != '\0' ? ", " : "", good ? reason : "");
    }
}

static enum cl_status test(struct args *a, bool *ret_allowed, const char **ret_hint,
                           struct cl_err *err)
{
    CL_CLEANUP(policy_file_done) struct policy_file f = {0};
    CL_CLEANUP(cl_pod_policy_freep) struct cl_pod_policy *pod = NULL;
    CL_CLEANUP(cl_json_decrefp) json_t *lines = NULL;
    CL_TRY(policy_file_load(a->policy, &f, err));
    CL_TRY(read_pod(a, &pod, ret_hint, err));
    CL_TRY(policy_test(f.policy, pod, &lines, ret_allowed, err));
    if (!a->json) {
        print_lines(lines);
        return CL_OK;
    }
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:s, s:b, s:O}", "schema", "cloister.policy-test/1", "allowed",
                          *ret_allowed, "requests", lines);
    return cli_policy_print(j, true, err);
}

int cli_policy_test(int argc, char **argv)
{
    struct args a = {0};
    struct cl_err err = {0};
    const char *hint = NULL;
    bool allowed = false;
    int rc = parse(argc, argv, &a);
    if (rc < 0) {
        enum cl_status st = test(&a, &allowed, &hint, &err);
        if (st != CL_OK && st != CL_ERR_SYS) {
            st = cl_err_wrap(&err, st, "policy test '%.200s'", a.policy);
        }
        rc = st != CL_OK ? cl_fail(&err, hint) : allowed ? 0 : EXIT_NO;
    }
    args_done(&a);
    return rc;
}
