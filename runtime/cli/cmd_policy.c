/* SPDX-License-Identifier: Apache-2.0
 * cmd_policy.c - `cloister policy explain` and `policy diff`.
 * Trust: a policy that is shown may be anybody's; what is printed of it is escaped.
 */
#include "cmd_policy.h"

#include "cli.h"

#include "policy_load.h"

#include "base/cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_NO 1

static const char explain_help[] =
    "usage: cloister policy explain FILE [--json]\n"
    "\n"
    "What a pod's policy says, in words. FILE is the policy, or initdata that holds one.\n"
    "example: cloister policy explain pod.toml\n";

static const char diff_help[] =
    "usage: cloister policy diff A B [--json]\n"
    "\n"
    "What differs between two policies, member by member; between two initdata the broker, too.\n"
    "Exit status 0: nothing, 1: something.\n"
    "example: cloister policy diff old.toml new.toml\n";

enum cl_status cli_policy_print(const json_t *j, bool compact, struct cl_err *err)
{
    size_t flags = JSON_ENSURE_ASCII | (compact ? JSON_COMPACT : JSON_INDENT(2));
    char *text = j != NULL ? json_dumps(j, flags) : NULL;
    if (text == NULL) {
        return cl_err_nomem(err, "output");
    }
    (void)printf("%s\n", text);
    free(text);
    return CL_OK;
}

/* -1: go on, with `count` files in ret_files; else the exit status. */
static int parse(const char *prog, const char *help, int argc, char **argv, int count, bool *json,
                 const char *ret_files[static 2])
{
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 'h') {
            (void)fputs(help, stdout);
            return 0;
        }
        if (c != 'j') {
            return cl_usage_error(prog, "unknown option '%s'", argv[optind - 1]);
        }
        *json = true;
    }
    if (argc - optind != count) {
        return cl_usage_error(prog, "expected %d files, got %d", count, argc - optind);
    }
    for (int i = 0; i < count; i++) {
        ret_files[i] = argv[optind + i];
    }
    return -1;
}

static enum cl_status load(const char *command, const char *path, struct policy_file *ret,
                           struct cl_err *err)
{
    enum cl_status st = policy_file_load(path, ret, err);
    return st == CL_OK || st == CL_ERR_SYS ? st
                                           : cl_err_wrap(err, st, "%s '%.200s'", command, path);
}

/* --- explain ---------------------------------------------------------------------------------- */

static enum cl_status explain(const char *path, bool json, struct cl_err *err)
{
    CL_CLEANUP(policy_file_done) struct policy_file f = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *lines = NULL;
    size_t i = 0;
    json_t *line = NULL;
    CL_TRY(load("policy explain", path, &f, err));
    CL_TRY(policy_explain(&f, &lines, err));
    if (json) {
        CL_CLEANUP(cl_json_decrefp)
        json_t *j = json_pack("{s:s, s:O, s:O}", "schema", "cloister.policy-explain/1", "policy",
                              f.document, "lines", lines);
        return cli_policy_print(j, true, err);
    }
    json_array_foreach(lines, i, line)
    {
        (void)printf("%s\n", json_string_value(line));
    }
    return CL_OK;
}

static int cmd_explain(int argc, char **argv)
{
    bool json = false;
    const char *files[2] = {"", ""};
    struct cl_err err = {0};
    int rc = parse("cloister policy explain", explain_help, argc, argv, 1, &json, files);
    if (rc >= 0) {
        return rc;
    }
    return explain(files[0], json, &err) == CL_OK ? 0 : cl_fail(&err, NULL);
}

/* --- diff ------------------------------------------------------------------------------------- */

static enum cl_status print_differences(const json_t *differences, struct cl_err *err)
{
    size_t i = 0;
    json_t *d = NULL;
    json_array_foreach((json_t *)(uintptr_t)differences, i, d)
    {
        CL_CLEANUP(cl_buf_done) struct cl_buf line = {0};
        CL_TRY(policy_difference_line(d, &line, err));
        (void)printf("%s\n", (const char *)line.data);
    }
    return CL_OK;
}

static enum cl_status diff(const char *files[static 2], bool json, bool *ret_equal,
                           struct cl_err *err)
{
    CL_CLEANUP(policy_file_done) struct policy_file a = {0};
    CL_CLEANUP(policy_file_done) struct policy_file b = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *differences = NULL;
    CL_TRY(load("policy diff", files[0], &a, err));
    CL_TRY(load("policy diff", files[1], &b, err));
    CL_TRY(policy_diff(&a, &b, &differences, err));
    *ret_equal = json_array_size(differences) == 0;
    if (!json) {
        return print_differences(differences, err);
    }
    CL_CLEANUP(cl_json_decrefp)
    json_t *j = json_pack("{s:s, s:b, s:O}", "schema", "cloister.policy-diff/1", "equal",
                          *ret_equal, "differences", differences);
    return cli_policy_print(j, true, err);
}

static int cmd_diff(int argc, char **argv)
{
    bool json = false;
    bool equal = false;
    const char *files[2] = {"", ""};
    struct cl_err err = {0};
    int rc = parse("cloister policy diff", diff_help, argc, argv, 2, &json, files);
    if (rc >= 0) {
        return rc;
    }
    if (diff(files, json, &equal, &err) != CL_OK) {
        return cl_fail(&err, NULL);
    }
    return equal ? 0 : EXIT_NO;
}

int cl_cmd_policy(int argc, char **argv)
{
    static const struct cl_cmd table[] = {
        {"from-pod", cli_policy_from_pod, "write a pod's policy and initdata from its manifest"},
        {"explain", cmd_explain, "what a policy says, in words"},
        {"diff", cmd_diff, "what differs between two policies"},
        {"test", cli_policy_test, "what a policy says to each request of a pod"},
        {0}};
    return cl_cmd_dispatch(table, "cloister policy", "cloister policy explain pod.toml", argc,
                           argv);
}
