/* SPDX-License-Identifier: Apache-2.0
 * run_args.c - parses the flags of `cloister run` and `cloister initdata make`. Trust: run_args.h.
 */
#include "run_args.h"

#include "base/cmd.h"
#include "base/io.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

enum option_id {
    OPT_HELP = 1000,
    OPT_TEE,
    OPT_INITDATA,
    OPT_KBS,
    OPT_KBS_CERT,
    OPT_RELAY_ALLOW,
    OPT_CPUS,
    OPT_MEMORY,
    OPT_SCRATCH,
    OPT_ENV,
    OPT_WORKDIR,
    OPT_USER,
    OPT_TTY,
    OPT_STDIO,
    OPT_ENCRYPTION,
    OPT_TIMING,
    OPT_RESULT,
    OPT_GUEST,
    OPT_PSP_STATE,
    OPT_ID_BLOCK,
    OPT_ID_AUTH,
    OPT_ID_AUTHOR,
    OPT_CERTS,
    OPT_QGS,
    OPT_CONSOLE,
    OPT_REGISTRY_CA,
    OPT_NO_JAIL,
    OPT_OUT,
};

static const struct option run_options[] = {
    {"help", no_argument, NULL, OPT_HELP},
    {"tee", required_argument, NULL, OPT_TEE},
    {"initdata", required_argument, NULL, OPT_INITDATA},
    {"kbs", required_argument, NULL, OPT_KBS},
    {"kbs-cert", required_argument, NULL, OPT_KBS_CERT},
    {"relay-allow", required_argument, NULL, OPT_RELAY_ALLOW},
    {"cpus", required_argument, NULL, OPT_CPUS},
    {"vcpus", required_argument, NULL, OPT_CPUS},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"scratch", required_argument, NULL, OPT_SCRATCH},
    {"env", required_argument, NULL, OPT_ENV},
    {"workdir", required_argument, NULL, OPT_WORKDIR},
    {"user", required_argument, NULL, OPT_USER},
    {"tty", no_argument, NULL, OPT_TTY},
    {"stdio", required_argument, NULL, OPT_STDIO},
    {"encryption", required_argument, NULL, OPT_ENCRYPTION},
    {"timing", required_argument, NULL, OPT_TIMING},
    {"result", required_argument, NULL, OPT_RESULT},
    {"guest", required_argument, NULL, OPT_GUEST},
    {"psp-state", required_argument, NULL, OPT_PSP_STATE},
    {"id-block", required_argument, NULL, OPT_ID_BLOCK},
    {"id-auth", required_argument, NULL, OPT_ID_AUTH},
    {"id-author", no_argument, NULL, OPT_ID_AUTHOR},
    {"certs", required_argument, NULL, OPT_CERTS},
    {"qgs", required_argument, NULL, OPT_QGS},
    {"console", required_argument, NULL, OPT_CONSOLE},
    {"registry-ca", required_argument, NULL, OPT_REGISTRY_CA},
    {"insecure-no-jail", no_argument, NULL, OPT_NO_JAIL},
    {0}};

static const struct option make_options[] = {
    {"help", no_argument, NULL, OPT_HELP},
    {"kbs", required_argument, NULL, OPT_KBS},
    {"kbs-cert", required_argument, NULL, OPT_KBS_CERT},
    {"env", required_argument, NULL, OPT_ENV},
    {"workdir", required_argument, NULL, OPT_WORKDIR},
    {"user", required_argument, NULL, OPT_USER},
    {"tty", no_argument, NULL, OPT_TTY},
    {"stdio", required_argument, NULL, OPT_STDIO},
    {"encryption", required_argument, NULL, OPT_ENCRYPTION},
    {"registry-ca", required_argument, NULL, OPT_REGISTRY_CA},
    {"out", required_argument, NULL, OPT_OUT},
    {0}};

#define WORKLOAD_HELP                                                                              \
    "  --kbs URL              the broker: https://host:port\n"                                     \
    "  --kbs-cert FILE        the one certificate (PEM) that it must present\n"                    \
    "  --encryption WORD      required (default): every layer must be encrypted; or optional\n"    \
    "  --env K=V              added to the image's environment; may be given again\n"              \
    "  --workdir DIR, --user U[:G]   instead of the image's\n"                                     \
    "  --tty                  give the container a terminal\n"

static const char run_help[] =
    "usage: cloister run [OPTION]... IMAGE [-- COMMAND...]\n"
    "\n"
    "Runs a container in a measured virtual machine. IMAGE: oci:DIR[:TAG] or\n"
    "docker://host:port/name:tag[@digest].\n"
    "\n"
    "  --tee CLASS            auto (default: snp or tdx, or refuse), snp, tdx, sim. sim protects "
    "nothing\n"
    "  --initdata FILE        what to run and whom to trust; a flag that disagrees is "
    "refused\n" WORKLOAD_HELP
    "  --stdio LIST           which streams the host carries: none, or some of in,out,err\n"
    "                         (default: all with --tee sim, else none)\n"
    "  --relay-allow HOST:PORT  a broker the guest may reach besides --kbs; may be given again\n"
    "  --cpus N, --memory SIZE  1 and 512M unless given (--vcpus N: the same as --cpus)\n"
    "  --scratch SIZE         refused: scratch disks are not built yet\n"
    "  --guest DIR            the installed guest (see cloister guest info)\n"
    "  --psp-state DIR        sim: keys of the simulated security processor\n"
    "  --id-block FILE --id-auth FILE [--id-author]\n"
    "                         snp: who vouches for this guest (cloister idblock makes them)\n"
    "  --certs FILE           snp: the certificate table that goes with the guest's reports\n"
    "  --qgs PATH|vsock       tdx: the quoting service; default: its usual socket, else vsock\n"
    "  --registry-ca FILE     PEM of the CA of the image's registry\n"
    "  --console FILE|-       the guest's debug console, which the host can read\n"
    "  --timing FILE, --result FILE   phases, and who failed where and why, as JSON\n"
    "  --insecure-no-jail     run the VMM without its jail (debugging only)\n"
    "\n"
    "Signals are passed on; the third SIGTERM, SIGINT, SIGHUP or SIGQUIT becomes SIGKILL.\n"
    "Exit status: the container's (128+n for a signal); 125 Cloister failed or refused, 126 "
    "cannot\n"
    "execute, 127 no such program.\n"
    "example: cloister run --tee sim --kbs https://127.0.0.1:8443 --kbs-cert broker.pem "
    "oci:app:v1\n";

static const char make_help[] =
    "usage: cloister initdata make [OPTION]... IMAGE [-- COMMAND...]\n"
    "\n"
    "Writes initdata: what a guest will run and whom it will trust.\n"
    "\n" WORKLOAD_HELP
    "  --stdio LIST           which streams the host may carry: none (default), or some of "
    "in,out,err\n"
    "  --registry-ca FILE     PEM of the CA of the image's registry\n"
    "  --out FILE             instead of stdout\n"
    "example: cloister initdata make --kbs https://broker:8443 --kbs-cert broker.pem --out i.toml "
    "oci:app:v1\n";

struct parser {
    const char *prog;
    int usage_status;
    struct cli_run_args *a;
};

/* The usage error is told as everywhere; its status is the caller's (125 for run). */
#define USAGE(p, ...) ((void)cl_usage_error((p)->prog, __VA_ARGS__), (p)->usage_status)

void cli_run_args_done(struct cli_run_args *a)
{
    cl_strv_done(&a->env);
    cl_strv_done(&a->command);
}

static int take_tee(const struct parser *p, const char *value)
{
    static const char *const names[] = {[CLI_TEE_AUTO] = "auto",
                                        [CLI_TEE_SNP] = "snp",
                                        [CLI_TEE_TDX] = "tdx",
                                        [CLI_TEE_SIM] = "sim"};
    if (strcmp(value, "sim-snp") == 0) {
        value = "sim";
    }
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        if (strcmp(value, names[i]) == 0) {
            p->a->tee = (enum cli_tee)i;
            return -1;
        }
    }
    return USAGE(p, "--tee: expected auto, snp, tdx or sim, got '%s'", value);
}

static int take_stdio(const struct parser *p, const char *value)
{
    bool good = value[0] != '\0';
    for (const char *s = value; good && strcmp(value, "none") != 0 && s != NULL;) {
        size_t n = strcspn(s, ",");
        good = (n == 2 && memcmp(s, "in", 2) == 0) || (n == 3 && memcmp(s, "out", 3) == 0) ||
               (n == 3 && memcmp(s, "err", 3) == 0);
        s = s[n] == ',' ? s + n + 1 : NULL;
    }
    p->a->stdio = value;
    return good ? -1 : USAGE(p, "--stdio: expected none, or some of in,out,err, got '%s'", value);
}

static int take_checked(const struct parser *p, int id, const char *value)
{
    struct cl_err err = {0};
    struct cli_run_args *a = p->a;
    enum cl_status st = CL_OK;
    switch (id) {
    case OPT_CPUS:
        st = cl_uint_parse(value, "--cpus", 1, 16, &a->cpus, &err);
        break;
    case OPT_MEMORY:
        st = cl_size_parse(value, "--memory", &a->memory, &err);
        if (st == CL_OK && (a->memory < (UINT64_C(128) << 20) ||
                            a->memory > (UINT64_C(512) << 30) || a->memory % (2u << 20) != 0)) {
            return USAGE(p, "--memory: expected 128M to 512G in steps of 2M, got '%s'", value);
        }
        break;
    case OPT_ENV: {
        const char *eq = strchr(value, '=');
        if (eq == NULL || eq == value) {
            return USAGE(p, "--env: expected NAME=value, got '%s'", value);
        }
        st = cl_strv_add(&a->env, value, &err);
        break;
    }
    case OPT_RELAY_ALLOW:
        if (a->relay_allow_count + 1 >= HOST_MAX_ALLOW) { /* one place is --kbs's */
            return USAGE(p, "--relay-allow: expected at most %u", HOST_MAX_ALLOW - 1);
        }
        st = host_endpoint_parse(value, "--relay-allow", &a->relay_allow[a->relay_allow_count],
                                 &err);
        a->relay_allow_count += st == CL_OK ? 1 : 0;
        break;
    case OPT_ENCRYPTION:
        a->encryption = value;
        if (strcmp(value, "required") != 0 && strcmp(value, "optional") != 0) {
            return USAGE(p, "--encryption: expected required or optional, got '%s'", value);
        }
        break;
    default:
        return USAGE(p, "--scratch: expected none, for scratch disks are not built yet, got '%s'",
                     value);
    }
    return st == CL_OK ? -1 : USAGE(p, "%s", err.msg);
}

/* Options that are taken as they are; NULL for the others. */
static const char **plain_slot(struct cli_run_args *a, int id)
{
    switch (id) {
    case OPT_INITDATA:
        return &a->initdata;
    case OPT_KBS:
        return &a->kbs_url;
    case OPT_KBS_CERT:
        return &a->kbs_cert;
    case OPT_WORKDIR:
        return &a->workdir;
    case OPT_USER:
        return &a->user;
    case OPT_TIMING:
        return &a->timing;
    case OPT_RESULT:
        return &a->result;
    case OPT_GUEST:
        return &a->guest;
    case OPT_PSP_STATE:
        return &a->psp_state;
    case OPT_ID_BLOCK:
        return &a->id_block;
    case OPT_ID_AUTH:
        return &a->id_auth;
    case OPT_CERTS:
        return &a->certs;
    case OPT_QGS:
        return &a->qgs;
    case OPT_CONSOLE:
        return &a->console;
    case OPT_REGISTRY_CA:
        return &a->registry_ca;
    case OPT_OUT:
        return &a->out;
    default:
        return NULL;
    }
}

static int take_option(const struct parser *p, int id, const char *value)
{
    const char **slot = plain_slot(p->a, id);
    if (slot != NULL) {
        *slot = value;
        return -1;
    }
    switch (id) {
    case OPT_TEE:
        return take_tee(p, value);
    case OPT_STDIO:
        return take_stdio(p, value);
    case OPT_TTY:
        p->a->tty = true;
        return -1;
    case OPT_NO_JAIL:
        p->a->insecure_no_jail = true;
        return -1;
    case OPT_ID_AUTHOR:
        p->a->id_author = true;
        return -1;
    default:
        return take_checked(p, id, value);
    }
}

/* Options of one class belong to no other; auto may become either. */
static int check_class_options(const struct parser *p)
{
    const struct cli_run_args *a = p->a;
    bool for_snp = a->id_block != NULL || a->id_auth != NULL || a->certs != NULL || a->id_author;
    if (for_snp && a->tee != CLI_TEE_SNP && a->tee != CLI_TEE_AUTO) {
        return USAGE(p, "--id-block, --id-auth, --id-author, --certs: expected --tee snp");
    }
    if (a->qgs != NULL && a->tee != CLI_TEE_TDX && a->tee != CLI_TEE_AUTO) {
        return USAGE(p, "--qgs: expected --tee tdx");
    }
    if ((a->id_block == NULL) != (a->id_auth == NULL) || (a->id_author && a->id_auth == NULL)) {
        return USAGE(p, "--id-block: expected together with --id-auth");
    }
    return -1;
}

static int take_rest(const struct parser *p, int argc, char **argv)
{
    struct cl_err err = {0};
    if (optind >= argc) {
        return USAGE(p, "IMAGE: expected one, got none");
    }
    p->a->image = argv[optind++];
    if (optind < argc && strcmp(argv[optind], "--") != 0) {
        return USAGE(p, "expected '--' before the command, got '%s'", argv[optind]);
    }
    for (int i = optind + 1; i < argc; i++) {
        if (cl_strv_add(&p->a->command, argv[i], &err) != CL_OK) {
            return USAGE(p, "%s", err.msg);
        }
    }
    if (p->a->kbs_url != NULL && p->a->kbs_cert == NULL && p->a->initdata == NULL) {
        return USAGE(p, "--kbs-cert: expected the broker's certificate beside --kbs, got none");
    }
    if (p->a->kbs_cert != NULL && p->a->kbs_url == NULL && p->a->initdata == NULL) {
        return USAGE(p, "--kbs: expected the broker's URL beside --kbs-cert, got none");
    }
    return check_class_options(p);
}

int cli_run_args_parse(int argc, char **argv, bool make, int usage_status, struct cli_run_args *ret)
{
    struct parser p = {.prog = make ? "cloister initdata make" : "cloister run",
                       .usage_status = usage_status,
                       .a = ret};
    *ret = (struct cli_run_args){.cpus = 1, .memory = UINT64_C(512) << 20};
    optind = 0;
    opterr = 0;
    /* "+": options end at IMAGE, so that those of the command are not ours. */
    for (int c;
         (c = getopt_long(argc, argv, "+:", make ? make_options : run_options, NULL)) != -1;) {
        if (c == OPT_HELP) {
            (void)fputs(make ? make_help : run_help, stdout);
            return 0;
        }
        if (c == ':') {
            return USAGE(&p, "%s: expected a value, got none", argv[optind - 1]);
        }
        if (c == '?') {
            return USAGE(&p, "unknown option '%s'", argv[optind - 1]);
        }
        int rc = take_option(&p, c, optarg);
        if (rc >= 0) {
            return rc;
        }
    }
    return take_rest(&p, argc, argv);
}
