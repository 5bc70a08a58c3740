/* SPDX-License-Identifier: Apache-2.0
 * cmd_signatures.c - `cloister image signatures`.
 * Trust: registry and folders are hostile (image/signatures.h).
 */
#include "image/signatures.h"

#include "base/cmd.h"

#include <getopt.h>
#include <stdio.h>

#define PROG "cloister image signatures"

static const char help[] =
    "usage: cloister image signatures IMAGE --to DIR [OPTION]...\n"
    "\n"
    "Fetches the signatures of an image into a folder, from which the node gives them to guests\n"
    "(image.signatures of cloister.toml). Guests verify them; here nothing is.\n"
    "  --to DIR             the folder, made when it is not there\n"
    "  --lookaside DIR      folder of simple signatures: NAME@sha256=HEX/signature-N\n"
    "  --registry-ca FILE   PEM of the CA of the registry\n"
    "Exit status 0: there are some, 1: there is none.\n"
    "example: cloister image signatures docker://registry.example/app:1 --to /var/lib/signatures\n";

int cl_cmd_image_signatures(int argc, char **argv)
{
    static const struct option options[] = {{"to", required_argument, NULL, 't'},
                                            {"lookaside", required_argument, NULL, 'l'},
                                            {"registry-ca", required_argument, NULL, 'r'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct cl_image_options how = {0};
    const char *dir = NULL;
    const char *lookaside = NULL;
    struct cl_signature_count count = {0};
    struct cl_err err = {0};
    optind = 0;
    opterr = 0;
    for (int c; (c = getopt_long(argc, argv, ":", options, NULL)) != -1;) {
        switch (c) {
        case 't':
            dir = optarg;
            break;
        case 'l':
            lookaside = optarg;
            break;
        case 'r':
            how.registry_ca = optarg;
            break;
        case 'h':
            (void)fputs(help, stdout);
            return 0;
        case ':':
            return cl_usage_error(PROG, "%s: expected a value, got none", argv[optind - 1]);
        default:
            return cl_usage_error(PROG, "unknown option '%s'", argv[optind - 1]);
        }
    }
    if (argc - optind != 1 || dir == NULL) {
        return cl_usage_error(PROG, "expected IMAGE and --to DIR, got %d arguments%s",
                              argc - optind, dir == NULL ? " and no --to" : "");
    }
    if (cl_signatures_fetch(argv[optind], &how, lookaside, dir, &count, &err) != CL_OK) {
        return cl_fail(&err, NULL);
    }
    (void)printf("cosign %zu\nsimple %zu\n", count.cosign, count.simple);
    return count.cosign + count.simple > 0 ? 0 : 1;
}
