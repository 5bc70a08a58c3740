/* SPDX-License-Identifier: Apache-2.0
 * keyprovider_main.c - `cloister-keyprovider`: ocicrypt's `cmd` provider. Reads one request from
 * stdin, writes one answer to stdout.
 * Trust: see keyprovider.h. Threads: one. Memory: not dumpable, and gone after one request.
 */
#include "image/keyprovider.h"

#include "base/cmd.h"
#include "base/io.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const char help[] =
    "usage: cloister-keyprovider [--key FILE] < request > answer\n"
    "\n"
    "Wraps and unwraps layer keys for skopeo, containerd and nerdctl (ocicrypt's `cmd` provider).\n"
    "  --key FILE   the key-encryption key (32 bytes) when the parameters name no keypath\n"
    "  --version    print the version\n"
    "\n"
    "OCICRYPT_KEYPROVIDER_CONFIG names a file with\n"
    "  {\"key-providers\":{\"attestation-agent\":{\"cmd\":{\"path\":\"cloister-keyprovider\"}}}}\n"
    "Example:\n"
    "  skopeo copy --encryption-key \\\n"
    "    provider:attestation-agent:keypath=kek.bin::keyid=kbs:///default/image-kek/1 \\\n"
    "    oci:plain oci:encrypted\n"
    "Parameters: keyid=kbs:///repository/type/tag, keypath=FILE (32 bytes), algorithm=A256GCM,\n"
    "generate=true (make the key file when it is not there).\n";

int main(int argc, char **argv)
{
    struct cl_keyprovider k = {.load_key = cl_keyprovider_load_key};
    struct cl_err err = {0};
    cl_log_init("cloister-keyprovider", false);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            (void)fputs(help, stdout);
            return cl_finish_stdout(0, 5);
        }
        if (strcmp(argv[i], "--version") == 0) {
            (void)puts("cloister-keyprovider " CL_VERSION);
            return cl_finish_stdout(0, 5);
        }
        if (strcmp(argv[i], "--key") == 0 && i + 1 < argc) {
            k.key_path = argv[++i];
            continue;
        }
        return cl_usage_error("cloister-keyprovider", "unknown argument '%s'", argv[i]);
    }
    (void)prctl(PR_SET_DUMPABLE, 0);
    CL_CLEANUP(cl_buf_done) struct cl_buf in = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    enum cl_status st = cl_buf_read_fd(&in, STDIN_FILENO, CL_KEYPROVIDER_MAX, &err);
    if (st == CL_OK) {
        st = cl_keyprovider_handle(&k, in.data, in.len, &out, &err);
    }
    if (st == CL_OK) {
        st = cl_write_all(STDOUT_FILENO, out.data, out.len, "answer", &err);
    }
    return st == CL_OK ? 0 : cl_fail(&err, NULL);
}
