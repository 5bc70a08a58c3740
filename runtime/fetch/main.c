/* SPDX-License-Identifier: Apache-2.0
 * main.c - cloister-fetch: brings the blobs of an image into the node's cache.
 */
#include "fetch.h"

#include "base/cmd.h"
#include "base/io.h"
#include "base/log.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define PROG "cloister-fetch"
#define DEFAULT_CACHE "/var/cache/cloister/blobs"
#define DEFAULT_CERTS "/etc/containerd/certs.d"
#define DEFAULT_MIB 20480u
#define MAX_MIB 1073741824u

static const char *arg_image;
static const char *arg_digest;
static const char *arg_cache = DEFAULT_CACHE;
static const char *arg_store;
static uint64_t arg_mib = DEFAULT_MIB;
static uint64_t arg_stall;
static bool arg_report; /* descriptor 3 gets the reason of a failure */
static struct fetch_options arg_options = {.certs = DEFAULT_CERTS};

static void help(void)
{
    printf("usage: %s --image NAME --digest DIGEST [OPTION]...\n\n"
           "Brings an image's blobs from its registry into the node's cache, each once. The shim\n"
           "runs it for layers that containerd's content store does not have.\n\n"
           "  --image NAME       host[:port]/name[:tag][@digest], as containerd has it\n"
           "  --digest DIGEST    of its manifest or index, sha256:...\n"
           "  --store DIR        blobs that need not be brought: containerd's content store\n"
           "  --cache DIR        the node's cache; default %s\n"
           "  --cache-mib N      its size; what was used longest ago goes first; default %u\n"
           "  --certs DIR        hosts.toml files; default %s\n"
           "  --auth-file FILE   credentials, in the form of docker's config.json\n"
           "  --registry-ca FILE the only CA to believe of the registry itself\n"
           "  --stall-s N        seconds without a byte until a server counts as gone; default %u\n"
           "  --report           the reason of a failure goes to descriptor 3, too\n\n"
           "example: %s --image registry.example/app:1 \\\n"
           "             --digest sha256:$(sha256sum manifest.json | cut -d' ' -f1)\n",
           PROG, DEFAULT_CACHE, DEFAULT_MIB, DEFAULT_CERTS, CL_HTTP_STALL_S, PROG);
}

static int number(const char *text, const char *what, uint64_t max, uint64_t *ret)
{
    struct cl_err err = {0};
    return cl_uint_parse(text, what, 1, max, ret, &err) == CL_OK
               ? 0
               : 1 + cl_usage_error(PROG, "%s", err.msg);
}

static int take(int c, const char *given)
{
    switch (c) {
    case 'i':
        arg_image = optarg;
        return 0;
    case 'd':
        arg_digest = optarg;
        return 0;
    case 's':
        arg_store = optarg;
        return 0;
    case 'c':
        arg_cache = optarg;
        return 0;
    case 'm':
        return number(optarg, "option '--cache-mib'", MAX_MIB, &arg_mib);
    case 't':
        arg_options.certs = optarg;
        return 0;
    case 'a':
        arg_options.auth = optarg;
        return 0;
    case 'r':
        arg_options.only_ca = optarg;
        return 0;
    case 'l':
        return number(optarg, "option '--stall-s'", 3600, &arg_stall);
    case 'R':
        arg_report = true;
        return 0;
    case 'h':
        help();
        return 1;
    case 'v':
        printf("%s %s\n", PROG, CL_VERSION);
        return 1;
    default:
        return 1 + cl_usage_error(PROG, "option '%s': expected a known one with its value", given);
    }
}

/* 0 to go on, else the exit status plus one. */
static int parse(int argc, char **argv)
{
    static const struct option options[] = {
        {"image", required_argument, NULL, 'i'},
        {"digest", required_argument, NULL, 'd'},
        {"store", required_argument, NULL, 's'},
        {"cache", required_argument, NULL, 'c'},
        {"cache-mib", required_argument, NULL, 'm'},
        {"certs", required_argument, NULL, 't'},
        {"auth-file", required_argument, NULL, 'a'},
        {"registry-ca", required_argument, NULL, 'r'},
        {"stall-s", required_argument, NULL, 'l'},
        {"report", no_argument, NULL, 'R'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {NULL, 0, NULL, 0},
    };
    opterr = 0;
    for (int c = 0; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        int done = take(c, argv[optind - 1]);
        if (done != 0) {
            return done;
        }
    }
    if (optind != argc) {
        return 1 + cl_usage_error(PROG, "argument: expected none, got '%s'", argv[optind]);
    }
    if (arg_image == NULL || arg_digest == NULL) {
        return 1 + cl_usage_error(PROG, "option '%s': expected one, got none",
                                  arg_image == NULL ? "--image" : "--digest");
    }
    return 0;
}

static enum cl_status run(struct cl_err *err)
{
    struct fetch_cache cache;
    struct fetch_held held = {.count = 0};
    struct fetch_totals totals = {0};
    struct fetch_image_request image = {.name = arg_image, .store = arg_store};
    CL_TRY(cl_oci_digest_parse(arg_digest, image.target, err));
    CL_TRY(fetch_cache_open(arg_cache, arg_mib << 20, &cache, err));
    arg_options.stall_s = (unsigned)arg_stall;
    enum cl_status st = fetch_image(&cache, &arg_options, &image, &held, &totals, err);
    if (st == CL_OK) {
        cl_log(CL_LOG_INFO, "fetch", "image '%s': %u blobs, %llu bytes moved, %llu from the cache",
               arg_image, totals.blobs, (unsigned long long)totals.moved,
               (unsigned long long)totals.cached);
    }
    fetch_held_done(&held);
    return st;
}

int main(int argc, char **argv)
{
    struct cl_err err = {0};
    const struct rlimit none = {0, 0};
    (void)setenv("CLOISTER_LOG", "info", /* overwrite= */ 0); /* progress is what it tells */
    cl_log_init(PROG, /* json= */ false);
    int usage = parse(argc, argv);
    if (usage != 0) {
        return cl_finish_stdout(usage - 1, 5);
    }
    /* it reads credentials */
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGPIPE, SIG_IGN);
    if (run(&err) == CL_OK) {
        return 0;
    }
    if (arg_report && write(3, err.msg, strlen(err.msg)) < 0) {
        cl_log(CL_LOG_DEBUG, "fetch", "nobody wants the reason");
    }
    return cl_fail(&err, NULL);
}
