/* SPDX-License-Identifier: Apache-2.0
 * cmd_node.c - `cloister node install | verify | upgrade | rollback | uninstall`.
 * Trust: the operator, who is root. Threads, memory: runtime/node.
 */
#include "cmd_node.h"
#include "cli.h"

#include "node/node.h"

#include "base/cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_NO 1

typedef enum cl_status node_function(const struct node_options *o, json_t **ret,
                                     const char **ret_hint, struct cl_err *err);

struct node_command { /* one subcommand */
    const char *prog;
    const char *help;
    const char *letters; /* of the options below that it takes */
    node_function *run;
};

#define COMMON_HELP                                                                                \
    "  --root DIR                  a tree instead of this machine: tests, image builders\n"        \
    "  --containerd-config FILE    /etc/containerd/config.toml\n"                                  \
    "  --containerd PROGRAM        containerd on PATH\n"                                           \
    "  --address SOCKET            /run/containerd/containerd.sock\n"                              \
    "  --json                      one JSON document, schema cloister.node/1\n"
#define CHANGE_HELP                                                                                \
    "  --dry-run                   say what would be changed, and change nothing\n"                \
    "  --containerd-version V      do not ask the program for its version\n"                       \
    "  --restart COMMAND           how containerd is restarted, where systemd does not\n"          \
    "  --no-restart                leave that to the operator\n"

#define SNAPSHOTTER_HELP                                                                           \
    "  --snapshotter[=WHERE]       set cloister-snapshotter up, for WHERE: class (containerd "     \
    "1.7\n"                                                                                        \
    "                              and later), node (1.6: for all that it runs); none takes it "   \
    "away\n"

static const char install_help[] =
    "usage: cloister node install [--class snp|tdx|sim]... [--payload DIR] [OPTION]...\n"
    "\n"
    "Puts programs and guest into /usr/lib/cloister/VERSION, settings into /etc/cloister, "
    "runtimes\n"
    "into containerd's configuration, and restarts containerd. Finishes or undoes what was cut "
    "off.\n"
    "  --class CLASS               a RuntimeClass to offer; may be given several times\n"
    "  --payload DIR               folder with bin/ and guest/; else that of this "
    "program\n" SNAPSHOTTER_HELP CHANGE_HELP COMMON_HELP
    "example: cloister node install --class sim --dry-run\n";
static const char upgrade_help[] =
    "usage: cloister node upgrade [--plan [--vcpu-type T]] [--payload DIR] [OPTION]...\n"
    "\n"
    "Puts another version beside the one that is there; new pods take it, and the old one goes "
    "when\n"
    "its last pod has ended and it is not the one before. With --plan only prints the launch "
    "digests\n"
    "of its guests, to be registered with the broker first.\n"
    "  --plan                      print digests, change nothing\n"
    "  --vcpu-type T               model for digests of snp (EPYC-Milan)\n"
    "  --class CLASS               a RuntimeClass to offer besides\n"
    "  --payload DIR               folder with bin/ and guest/; else that of this "
    "program\n" SNAPSHOTTER_HELP CHANGE_HELP COMMON_HELP
    "example: cloister node upgrade --plan --payload ./cloister-0.2\n";
static const char rollback_help[] =
    "usage: cloister node rollback [OPTION]...\n"
    "\n"
    "Back to the version before; again: forward.\n" CHANGE_HELP COMMON_HELP
    "example: cloister node rollback\n";
static const char uninstall_help[] =
    "usage: cloister node uninstall [--force] [OPTION]...\n"
    "\n"
    "Every file is as it was before the installation. Refuses while pods of our classes run.\n"
    "  --force                     all the same: those pods will fail\n" CHANGE_HELP COMMON_HELP
    "example: cloister node uninstall\n";
static const char verify_help[] =
    "usage: cloister node verify [--image NAME] [OPTION]...\n"
    "\n"
    "Looks at everything that the classes need, and runs a container of each through containerd.\n"
    "Exit status 0: all items pass; 1: one fails.\n"
    "  --image NAME                of containerd's namespace 'default'; its own command must end\n"
    "                              with status 0. Without it no container is run\n" COMMON_HELP
    "example: cloister node verify --image docker.io/library/hello-world:latest\n";

static const struct node_command table[] = {
    {"cloister node install", install_help, "rCdajnvRNcpS", node_install},
    {"cloister node upgrade", upgrade_help, "rCdajnvRNcpPtS", node_upgrade},
    {"cloister node rollback", rollback_help, "rCdajnvRN", node_rollback},
    {"cloister node uninstall", uninstall_help, "rCdajnvRNf", node_uninstall},
    {"cloister node verify", verify_help, "rCdjia", node_verify},
};

static const struct option options[] = {{"root", required_argument, NULL, 'r'},
                                        {"containerd-config", required_argument, NULL, 'C'},
                                        {"containerd", required_argument, NULL, 'd'},
                                        {"containerd-version", required_argument, NULL, 'v'},
                                        {"restart", required_argument, NULL, 'R'},
                                        {"no-restart", no_argument, NULL, 'N'},
                                        {"class", required_argument, NULL, 'c'},
                                        {"payload", required_argument, NULL, 'p'},
                                        {"snapshotter", optional_argument, NULL, 'S'},
                                        {"vcpu-type", required_argument, NULL, 't'},
                                        {"image", required_argument, NULL, 'i'},
                                        {"address", required_argument, NULL, 'a'},
                                        {"plan", no_argument, NULL, 'P'},
                                        {"force", no_argument, NULL, 'f'},
                                        {"dry-run", no_argument, NULL, 'n'},
                                        {"json", no_argument, NULL, 'j'},
                                        {"help", no_argument, NULL, 'h'},
                                        {0}};

struct parsed {
    struct node_options o;
    bool json;
    bool plan;
};

static bool take_class(const char *name, unsigned *classes)
{
    for (unsigned one = NODE_CLASS_SNP; one <= NODE_CLASS_SIM; one <<= 1) {
        if (strcmp(name, node_class_name(one) + strlen("cloister-")) == 0) {
            *classes |= one;
            return true;
        }
    }
    return false;
}

static bool take_snapshotter(const char *where, enum node_snapshotter *ret)
{
    static const char *const words[] = {[NODE_SNAPSHOTTER_NONE] = "none",
                                        [NODE_SNAPSHOTTER_CLASS] = "class",
                                        [NODE_SNAPSHOTTER_NODE] = "node"};
    for (size_t i = NODE_SNAPSHOTTER_NONE; i < CL_ARRAY_LEN(words); i++) {
        if (strcmp(where != NULL ? where : "class", words[i]) == 0) {
            *ret = (enum node_snapshotter)i;
            return true;
        }
    }
    return false;
}

static void take_option(int c, const char *value, struct parsed *p)
{
    const char **text[128] = {['r'] = &p->o.root,       ['C'] = &p->o.containerd_config,
                              ['d'] = &p->o.containerd, ['v'] = &p->o.containerd_version,
                              ['R'] = &p->o.restart,    ['p'] = &p->o.payload,
                              ['t'] = &p->o.vcpu_type,  ['i'] = &p->o.image,
                              ['a'] = &p->o.address};
    bool *flag[128] = {['N'] = &p->o.no_restart,
                       ['f'] = &p->o.force,
                       ['n'] = &p->o.dry_run,
                       ['P'] = &p->plan,
                       ['j'] = &p->json};
    if (text[c] != NULL) {
        *text[c] = value;
    } else if (flag[c] != NULL) {
        *flag[c] = true;
    }
}

/* -1: go on; else the exit status. */
static int parse(const struct node_command *cmd, int argc, char **argv, struct parsed *p)
{
    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        if (c == 'h') {
            (void)fputs(cmd->help, stdout);
            return 0;
        }
        if (c == '?' || c == ':' || strchr(cmd->letters, c) == NULL) {
            return cl_usage_error(cmd->prog, "%s '%s'",
                                  c == ':' ? "no value for" : "unknown option", argv[optind - 1]);
        }
        if (c == 'c' && !take_class(optarg, &p->o.classes)) {
            return cl_usage_error(cmd->prog, "--class: expected snp, tdx or sim, got '%s'", optarg);
        }
        if (c == 'S' && !take_snapshotter(optarg, &p->o.snapshotter)) {
            return cl_usage_error(cmd->prog,
                                  "--snapshotter: expected class, node or none, got '%s'", optarg);
        }
        take_option(c, optarg, p);
    }
    return optind == argc ? -1
                          : cl_usage_error(cmd->prog, "unexpected argument '%s'", argv[optind]);
}

static int print_json(const json_t *doc)
{
    char *words = json_dumps(doc, JSON_ENSURE_ASCII | JSON_COMPACT);
    if (words == NULL) {
        struct cl_err err = {0};
        (void)cl_err_nomem(&err, "output");
        return cl_fail(&err, NULL);
    }
    (void)printf("%s\n", words);
    free(words);
    return 0;
}

static int run(const struct node_command *cmd, int argc, char **argv)
{
    struct parsed p = {0};
    CL_CLEANUP(cl_json_decrefp) json_t *doc = NULL;
    struct cl_err err = {0};
    const char *hint = NULL;
    int rc = parse(cmd, argc, argv, &p);
    if (rc >= 0) {
        return rc;
    }
    enum cl_status st = (p.plan ? node_plan : cmd->run)(&p.o, &doc, &hint, &err);
    if (st != CL_OK) {
        (void)cl_err_wrap(&err, st, "%s", cmd->prog + strlen("cloister "));
        return cl_fail(&err, hint);
    }
    if (p.json) {
        rc = print_json(doc);
    } else {
        cl_node_report(doc);
        rc = 0;
    }
    const char *verdict = json_string_value(json_object_get(doc, "verdict"));
    return rc == 0 && verdict != NULL && strcmp(verdict, "fail") == 0 ? EXIT_NO : rc;
}

static int cmd_install(int argc, char **argv)
{
    return run(&table[0], argc, argv);
}

static int cmd_upgrade(int argc, char **argv)
{
    return run(&table[1], argc, argv);
}

static int cmd_rollback(int argc, char **argv)
{
    return run(&table[2], argc, argv);
}

static int cmd_uninstall(int argc, char **argv)
{
    return run(&table[3], argc, argv);
}

static int cmd_verify(int argc, char **argv)
{
    return run(&table[4], argc, argv);
}

int cl_cmd_node(int argc, char **argv)
{
    static const struct cl_cmd commands[] = {
        {"install", cmd_install, "files, settings, containerd's configuration"},
        {"verify", cmd_verify, "whether this node does what it was set up for"},
        {"upgrade", cmd_upgrade, "another version beside the one that is there"},
        {"rollback", cmd_rollback, "back to the version before"},
        {"uninstall", cmd_uninstall, "everything as it was"},
        {0}};
    return cl_cmd_dispatch(commands, "cloister node", "cloister node install --class sim", argc,
                           argv);
}
