/* SPDX-License-Identifier: Apache-2.0
 * cmd_kbs.c - `cloister kbs`: options and the table of its subcommands.
 * Trust: files and environment are the caller's; the broker's answers are hostile bytes until its
 *        certificate matched, and parsed strictly after that. Secrets come from files only.
 */
#include "cmd_kbs.h"

#include "base/cmd.h"
#include "base/io.h"
#include "cloister/kbs_cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int min_args, max_args;
    kbs_fn *run;
    const char *args, *summary;
} commands[] = {
    {"set-resource", 2, 2, kbs_set_resource, "PATH FILE", "store a secret ('-': stdin)"},
    {"get-resource", 1, 1, kbs_get_resource, "PATH", "read one back"},
    {"delete-resource", 1, 1, kbs_delete_resource, "PATH", "remove one"},
    {"list-resources", 0, 0, kbs_list_resources, "", "names, sizes, times"},
    {"set-policy", 1, 1, kbs_set_policy, "FILE",
     "replace the policy, or the rules of --resource GLOB"},
    {"get-policy", 0, 0, kbs_get_policy, "", "the policy in force; --history: all of them"},
    {"test-policy", 1, 1, kbs_test_policy, "FILE",
     "what it would decide on --evidence FILE [--tee NAME] --resource PATH"},
    {"set-verify-policy", 1, 1, kbs_set_verify_policy, "FILE",
     "what evidence must be (cloister.verify-policy/1)"},
    {"get-verify-policy", 0, 0, kbs_get_verify_policy, "", "the one in force; --history: all"},
    {"set-collateral", 1, 1, kbs_set_collateral, "FILE",
     "a bundle of `collateral bundle`: revocation lists, TCB info"},
    {"list-collateral", 0, 0, kbs_list_collateral, "", "what there is of it, and until when"},
    {"delete-collateral", 0, 0, kbs_delete_collateral, "", "use none"},
    {"set-distrust", 2, 2, kbs_set_distrust, "FILE KEY-FILE",
     "platforms that are broken, and who signed that"},
    {"delete-distrust", 0, 0, kbs_delete_distrust, "", "use none"},
    {"set-reference", 1, 1, kbs_set_reference, "FILE",
     "trust a measurement, or those of a CoRIM (--class C, --corim-key FILE)"},
    {"list-references", 0, 0, kbs_list_references, "", "trusted measurements"},
    {"delete-reference", 2, 2, kbs_delete_reference, "CLASS ID", "trust it no more"},
    {"from-measure", 1, 1, kbs_from_measure, "FILE",
     "trust what `measure --json` printed (--class C, --days N)"},
    {"set-sim-root", 1, 1, kbs_set_sim_root, "FILE",
     "accept a simulated processor's root as class sim-snp or sim-tdx"},
    {"list-sim-roots", 0, 0, kbs_list_sim_roots, "", "simulated roots accepted"},
    {"delete-sim-root", 1, 1, kbs_delete_sim_root, "HEX", "accept it no more"},
    {"revoke", 2, 2, kbs_revoke, "chip|measurement|token|platform|ak ID", "refuse it from now on"},
    {"unrevoke", 2, 2, kbs_unrevoke, "KIND ID", "take a revocation back"},
    {"list-revocations", 0, 0, kbs_list_revocations, "", "what is revoked"},
    {"audit", 0, 0, kbs_audit, "", "who asked for what, and the answer; --follow"},
    {"attest", 0, 0, kbs_attest, "",
     "what a guest does: --tee sim --psp-socket PATH [--initdata FILE] [--resource PATH]"},
};

static void print_help(void)
{
    printf("usage: " KBS_PROG
           " [--url URL] [--cert FILE] [--admin-key FILE] COMMAND [OPTION]...\n\n");
    for (size_t i = 0; i < CL_ARRAY_LEN(commands); i++) {
        printf("  %-17s %-26s %s\n", commands[i].name, commands[i].args, commands[i].summary);
    }
    printf(
        "\n  --url URL         the broker's admin listener (attest: its guest listener), "
        "https://host:port\n"
        "  --cert FILE       the certificate it must present\n"
        "  --admin-key FILE  Ed25519 private key of an admin\n"
        "  --json            the broker's document, on one line    --out FILE   instead of stdout\n"
        "  --note TEXT       kept with what is set\n\n"
        "CLOISTER_KBS_URL, CLOISTER_KBS_CERT and CLOISTER_KBS_ADMIN_KEY stand in for the first "
        "three.\n"
        "example: cloister kbs set-resource default/image-kek/app image.key\n");
}

enum {
    OPT_URL = 256,
    OPT_CERT,
    OPT_KEY,
    OPT_RESOURCE,
    OPT_CLASS,
    OPT_EVIDENCE,
    OPT_INITDATA,
    OPT_TEE,
    OPT_PSP,
    OPT_OUT,
    OPT_NOTE,
    OPT_CORIM_KEY,
    OPT_DAYS,
    OPT_JSON,
    OPT_FOLLOW,
    OPT_HISTORY,
    OPT_HELP
};

static const struct option long_options[] = {{"url", required_argument, NULL, OPT_URL},
                                             {"cert", required_argument, NULL, OPT_CERT},
                                             {"admin-key", required_argument, NULL, OPT_KEY},
                                             {"resource", required_argument, NULL, OPT_RESOURCE},
                                             {"class", required_argument, NULL, OPT_CLASS},
                                             {"evidence", required_argument, NULL, OPT_EVIDENCE},
                                             {"initdata", required_argument, NULL, OPT_INITDATA},
                                             {"tee", required_argument, NULL, OPT_TEE},
                                             {"psp-socket", required_argument, NULL, OPT_PSP},
                                             {"out", required_argument, NULL, OPT_OUT},
                                             {"note", required_argument, NULL, OPT_NOTE},
                                             {"corim-key", required_argument, NULL, OPT_CORIM_KEY},
                                             {"days", required_argument, NULL, OPT_DAYS},
                                             {"json", no_argument, NULL, OPT_JSON},
                                             {"follow", no_argument, NULL, OPT_FOLLOW},
                                             {"history", no_argument, NULL, OPT_HISTORY},
                                             {"help", no_argument, NULL, OPT_HELP},
                                             {NULL, 0, NULL, 0}};

/* Where the text of an option goes; NULL for those without text. */
static const char **text_option(struct kbs_options *o, int opt)
{
    const char **const places[] = {&o->url,        &o->cert,     &o->admin_key, &o->resource,
                                   &o->tee_class,  &o->evidence, &o->initdata,  &o->tee,
                                   &o->psp_socket, &o->out,      &o->note,      &o->corim_key};
    return opt >= OPT_URL && opt <= OPT_CORIM_KEY ? places[opt - OPT_URL] : NULL;
}

/* -1: go on; else the exit status. */
static int take_option(struct kbs_options *o, int opt, const char *arg)
{
    struct cl_err err = {0};
    const char **text = text_option(o, opt);
    if (text != NULL) {
        *text = optarg;
        return -1;
    }
    switch (opt) {
    case OPT_DAYS:
        return cl_uint_parse(optarg, "--days", 1, 3650, &o->days, &err) == CL_OK
                   ? -1
                   : cl_usage_error(KBS_PROG, "%s", err.msg);
    case OPT_JSON:
        o->json = true;
        return -1;
    case OPT_FOLLOW:
        o->follow = true;
        return -1;
    case OPT_HISTORY:
        o->history = true;
        return -1;
    case OPT_HELP:
        print_help();
        return 0;
    default:
        return cl_usage_error(KBS_PROG, "unknown or incomplete option '%s'", arg);
    }
}

static int parse(int argc, char **argv, struct kbs_options *o, const char **ret_name)
{
    opterr = 0;
    optind = 0; /* a fresh scan: the caller used getopt already */
    *ret_name = NULL;
    for (;;) {
        const char *at = optind > 0 && optind < argc ? argv[optind] : argv[argc > 1 ? 1 : 0];
        int opt = getopt_long(argc, argv, "-", long_options, NULL); /* arguments in order, as 1 */
        if (opt == -1) {
            break;
        }
        if (opt == 1 && *ret_name == NULL) {
            *ret_name = optarg;
        } else if (opt == 1) {
            if (o->arg_count >= KBS_MAX_ARGS) {
                return cl_usage_error(KBS_PROG, "unexpected argument '%s'", optarg);
            }
            o->args[o->arg_count++] = optarg;
        } else {
            int rc = take_option(o, opt, at);
            if (rc >= 0) {
                return rc;
            }
        }
    }
    for (; optind < argc && o->arg_count < KBS_MAX_ARGS; optind++) { /* behind "--" */
        o->args[o->arg_count++] = argv[optind];
    }
    return -1;
}

static void from_environment(struct kbs_options *o)
{
    const char *url = getenv("CLOISTER_KBS_URL");
    const char *cert = getenv("CLOISTER_KBS_CERT");
    const char *key = getenv("CLOISTER_KBS_ADMIN_KEY");
    o->url = o->url != NULL ? o->url : url;
    o->cert = o->cert != NULL ? o->cert : cert;
    o->admin_key = o->admin_key != NULL ? o->admin_key : key;
}

int cl_cmd_kbs(int argc, char **argv)
{
    struct kbs_options o = {.days = 365};
    struct cl_err err = {0};
    const char *name = NULL;
    int rc = parse(argc, argv, &o, &name);
    if (rc >= 0) {
        return rc;
    }
    if (name == NULL) {
        return cl_usage_error(KBS_PROG, "command: expected one, got none");
    }
    from_environment(&o);
    for (size_t i = 0; i < CL_ARRAY_LEN(commands); i++) {
        if (strcmp(name, commands[i].name) != 0) {
            continue;
        }
        if (o.arg_count < commands[i].min_args || o.arg_count > commands[i].max_args) {
            return cl_usage_error(KBS_PROG, "%s: expected %s, got %d arguments", name,
                                  commands[i].args[0] != '\0' ? commands[i].args : "no arguments",
                                  o.arg_count);
        }
        enum cl_status st = commands[i].run(&o, &err);
        if (st == CL_OK) {
            return 0;
        }
        (void)cl_err_wrap(&err, st, "kbs %s", name);
        return cl_fail(&err, NULL);
    }
    return cl_usage_error(KBS_PROG, "command: expected one of --help's list, got '%s'", name);
}
