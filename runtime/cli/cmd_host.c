/* SPDX-License-Identifier: Apache-2.0
 * cmd_host.c - `cloister host check`: what runtime/hostcheck found, for people and as JSON.
 * Trust: texts of a recorded tree were made printable ASCII by the library.
 */
#include "cli.h"

#include "cloister/hostcheck.h"

#include "base/cmd.h"
#include "base/json.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define EXIT_NO 1
#define EXIT_CANNOT_TELL 3

static const char help[] =
    "usage: cloister host check [--class sim|snp|tdx|pods] [--root DIR] [--record DIR] [--json]\n"
    "\n"
    "What this host can run, each check with what was expected, what came and how to mend it.\n"
    "  --class C      the exit status is about this class; without: about snp and tdx, any of "
    "them\n"
    "  --root DIR     judge a recorded tree instead of this machine\n"
    "  --record DIR   make DIR and write what was read into it, for --root elsewhere\n"
    "Exit status 0: can run; 1: cannot; 3: cannot tell.\n"
    "example: cloister host check --class snp\n";

struct arguments {
    bool json;
    bool has_class;
    enum hc_class class;
    const char *root;
    const char *record;
};

static int parse(int argc, char **argv, struct arguments *a)
{
    static const char prog[] = "cloister host check";
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'},         {"help", no_argument, NULL, 'h'},
        {"class", required_argument, NULL, 'c'},  {"root", required_argument, NULL, 'r'},
        {"record", required_argument, NULL, 'w'}, {0}};
    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        switch (c) {
        case 'h':
            (void)fputs(help, stdout);
            return 0;
        case 'j':
            a->json = true;
            break;
        case 'r':
            a->root = optarg;
            break;
        case 'w':
            a->record = optarg;
            break;
        case 'c':
            if (!hc_class_parse(optarg, &a->class)) {
                return cl_usage_error(prog, "--class: expected sim, snp, tdx or pods, got '%s'",
                                      optarg);
            }
            a->has_class = true;
            break;
        default:
            return cl_usage_error(prog, "%s '%s'", c == ':' ? "no value for" : "unknown option",
                                  argv[optind - 1]);
        }
    }
    return optind == argc ? -1 : cl_usage_error(prog, "unexpected argument '%s'", argv[optind]);
}

static enum hc_verdict asked(const struct hc_report *r, const struct arguments *a)
{
    enum hc_verdict snp = r->verdict[HC_SNP];
    enum hc_verdict tdx = r->verdict[HC_TDX];
    if (a->has_class) {
        return r->verdict[a->class];
    }
    return snp == HC_YES || tdx == HC_YES ? HC_YES
           : snp == HC_NO && tdx == HC_NO ? HC_NO
                                          : HC_MAYBE;
}

/* --- JSON
 * --------------------------------------------------------------------------------------------- */

static json_t *check_json(const struct hc_check *c)
{
    json_t *classes = json_array();
    for (unsigned i = 0; i < HC_CLASS_COUNT; i++) {
        if ((c->classes & 1u << i) != 0) {
            (void)json_array_append_new(classes, json_string(hc_class_name((enum hc_class)i)));
        }
    }
    return json_pack("{s:s, s:s, s:o, s:s, s:s, s:s?}", "id", c->id, "status",
                     hc_status_name(c->status), "classes", classes, "expected", c->expected,
                     "actual", c->actual, "mend", c->mend);
}

/* runnable: by this build. */
static json_t *class_json(const struct hc_report *r, enum hc_class class)
{
    bool yes = r->verdict[class] == HC_YES;
    const struct hc_check *o = hc_obstacle(r, class);
    return json_pack("{s:s, s:b, s:b, s:s?}", "verdict", hc_verdict_name(r->verdict[class]),
                     "host_supports", yes, "runnable", yes && (class == HC_SIM || class == HC_PODS),
                     "obstacle", o != NULL ? o->id : NULL);
}

static json_t *firmware_json(const struct hc_firmware *fw)
{
    char current[17];
    char reported[17];
    if (!fw->known) {
        return json_null();
    }
    (void)snprintf(current, sizeof(current), "%016" PRIx64, fw->current_tcb);
    (void)snprintf(reported, sizeof(reported), "%016" PRIx64, fw->reported_tcb);
    return json_pack("{s:i, s:i, s:I, s:i, s:b, s:b, s:s, s:s}", "api_major", fw->api_major,
                     "api_minor", fw->api_minor, "build", (json_int_t)fw->build, "state", fw->state,
                     "rmp_initialized", fw->rmp_initialized, "alias_check_complete",
                     fw->alias_check_complete, "current_tcb", current, "reported_tcb", reported);
}

static json_t *report_json(const struct hc_facts *f, const struct hc_report *r)
{
    json_t *checks = json_array();
    bool backed = f->kvm_amd == HC_PRESENT || f->kvm_intel == HC_PRESENT;
    for (size_t i = 0; i < r->count; i++) {
        (void)json_array_append_new(checks, check_json(&r->check[i]));
    }
    return json_pack("{s:s, s:s, s:{s:b, s:I, s:b}, s:o, s:o, s:o, s:o, s:o, s:o}", "schema",
                     "cloister.host/1", "kernel",
                     f->kernel.seen == HC_PRESENT ? f->kernel.text : "?", "kvm", "open",
                     strcmp(f->dev_kvm.text, "ok") == 0, "api_version",
                     f->kvm_api.known ? (json_int_t)f->kvm_api.value : (json_int_t)-1,
                     "hardware_backed", backed, "firmware", firmware_json(&f->firmware), "sim-snp",
                     class_json(r, HC_SIM), "snp", class_json(r, HC_SNP), "tdx",
                     class_json(r, HC_TDX), "pods", class_json(r, HC_PODS), "checks", checks);
}

/* --- for people
 * --------------------------------------------------------------------------------------- */

static void print_text(const struct hc_report *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct hc_check *c = &r->check[i];
        (void)printf("%-8s%-32s %s\n", hc_status_name(c->status), c->id, c->actual);
        if (c->status != HC_PASS) {
            (void)printf("%8sexpected: %s\n%8smend: %s\n", "", c->expected, "", c->mend);
        }
    }
    for (unsigned i = 0; i < HC_CLASS_COUNT; i++) {
        const struct hc_check *o = hc_obstacle(r, (enum hc_class)i);
        (void)printf("%s: %s", hc_class_name((enum hc_class)i), hc_verdict_name(r->verdict[i]));
        if (o != NULL) {
            (void)printf(" (%s: %s)", o->id, o->actual);
        }
        (void)printf("\n");
    }
}

static int cmd_check(int argc, char **argv)
{
    struct arguments a = {0};
    struct hc_facts facts;
    struct hc_report report;
    struct cl_err err = {0};
    int rc = parse(argc, argv, &a);
    if (rc >= 0) {
        return rc;
    }
    if (hc_read(a.root, a.record, &facts, &err) != CL_OK) {
        (void)cl_err_wrap(&err, err.status, "host check");
        return cl_fail(&err, NULL);
    }
    hc_judge(&facts, &report);
    if (a.json) {
        rc = cli_print_json(report_json(&facts, &report), true);
        if (rc != 0) {
            return rc;
        }
    } else {
        print_text(&report);
    }
    enum hc_verdict verdict = asked(&report, &a);
    return verdict == HC_YES ? 0 : verdict == HC_NO ? EXIT_NO : EXIT_CANNOT_TELL;
}

int cl_cmd_host(int argc, char **argv)
{
    static const struct cl_cmd table[] = {{"check", cmd_check, "what this host can run"}, {0}};
    return cl_cmd_dispatch(table, "cloister host", "cloister host check", argc, argv);
}
