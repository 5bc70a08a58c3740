/* SPDX-License-Identifier: Apache-2.0
 * test_cli_args.c - the flags of `cloister run`, initdata out of them, and each flag that disagrees
 * with a given initdata.
 */
#include "run_args.h"

#include "image_fixture.h"

#include <errno.h>
#include <fcntl.h>

#define OCI_TAR "application/vnd.oci.image.layer.v1.tar"
/* P-256, self-signed, made for this test. */
#define CERT                                                                                       \
    "-----BEGIN CERTIFICATE-----\n"                                                                \
    "MIIBbzCCARWgAwIBAgIUTWYy58CRy2x4LHKoq0oS63TBznYwCgYIKoZIzj0EAwIw\n"                           \
    "DDEKMAgGA1UEAwwBeDAgFw0yNjExMjQwMDEwNDhaGA8yMTI2MTAzMTAwMTA0OFow\n"                           \
    "DDEKMAgGA1UEAwwBeDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNohQxeT26gk\n"                           \
    "H17V8JT/8J94c5xaA3Y8zu0wic+VISlQgQDHDUZwVbAKC/RmeJj/vFnNOPvlLiEk\n"                           \
    "toB5R0L9G92jUzBRMB0GA1UdDgQWBBQcNyKa9NGTRv7NwpcliJXBkqKTwzAfBgNV\n"                           \
    "HSMEGDAWgBQcNyKa9NGTRv7NwpcliJXBkqKTwzAPBgNVHRMBAf8EBTADAQH/MAoG\n"                           \
    "CCqGSM49BAMCA0gAMEUCIQDsEjvdQHWYxG12kcCAsotUofngvaW3U2CeM/g5dw2j\n"                           \
    "NwIgHDhnFJkkEUuKVT1ub34uLmCyYUdUAJcEalXqPkXwl+M=\n"                                           \
    "-----END CERTIFICATE-----\n"
#define MAX_ARGV 64

/* Splits at single spaces. */
static int parse(const char *line, struct cli_run_args *a, char *keep, size_t size)
{
    char *argv[MAX_ARGV] = {0};
    char *rest = keep;
    int argc = 0;
    (void)snprintf(keep, size, "%s", line);
    for (char *word = strsep(&rest, " "); word != NULL && argc < MAX_ARGV - 1;
         word = strsep(&rest, " ")) {
        argv[argc++] = word;
    }
    return cli_run_args_parse(argc, argv, false, 125, a);
}

/* What stderr got while fn ran is in `ret`. */
static int parse_with_stderr(const char *line, char *ret, size_t size)
{
    struct cli_run_args a;
    char keep[1024];
    int saved = dup(2);
    int fd = open("stderr", O_RDWR | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(dup2(fd, 2), 0);
    int rc = parse(line, &a, keep, sizeof(keep));
    (void)fflush(stderr);
    ck_assert_int_ge(dup2(saved, 2), 0);
    ssize_t n = pread(fd, ret, size - 1, 0);
    ret[n > 0 ? n : 0] = '\0';
    (void)close(saved);
    (void)close(fd);
    cli_run_args_done(&a);
    return rc;
}

START_TEST(test_flags)
{
    struct cli_run_args a;
    char keep[1024];
    ck_assert_int_eq(parse("run --tee sim --cpus 2 --memory 1G --env A=b --env C=d --workdir /w "
                           "--user 1:2 --kbs https://h:1 --kbs-cert f --relay-allow x:2 --tty "
                           "--stdio in,out --timing t --result r --insecure-no-jail oci:img -- "
                           "/bin/ls --tee",
                           &a, keep, sizeof(keep)),
                     -1);
    ck_assert_int_eq(a.tee, CLI_TEE_SIM);
    ck_assert_uint_eq(a.cpus, 2);
    ck_assert_uint_eq(a.memory, UINT64_C(1) << 30);
    ck_assert_uint_eq(a.env.count, 2);
    ck_assert_str_eq(a.env.v[1], "C=d");
    ck_assert_str_eq(a.image, "oci:img");
    ck_assert_uint_eq(a.command.count, 2);
    ck_assert_str_eq(a.command.v[1], "--tee");
    ck_assert(a.tty && a.insecure_no_jail);
    ck_assert_uint_eq(a.relay_allow_count, 1);
    cli_run_args_done(&a);
    ck_assert_int_eq(parse("run oci:img", &a, keep, sizeof(keep)), -1);
    ck_assert_int_eq(a.tee, CLI_TEE_AUTO); /* and auto never means sim: run_prepare.c refuses */
    ck_assert_uint_eq(a.command.count, 0);
    cli_run_args_done(&a);
}
END_TEST

START_TEST(test_usage_errors_name_the_argument)
{
    static const struct {
        const char *line, *msg;
    } t[] = {
        {"run", "IMAGE: expected one, got none"},
        {"run --nope img", "unknown option '--nope'"},
        {"run --tee", "--tee: expected a value, got none"},
        {"run --tee sgx img", "--tee: expected auto, snp, tdx or sim, got 'sgx'"},
        {"run --tee sim --id-block a --id-auth b img", "--certs: expected --tee snp"},
        {"run --tee tdx --certs a img", "--certs: expected --tee snp"},
        {"run --tee snp --qgs vsock img", "--qgs: expected --tee tdx"},
        {"run --id-auth b img", "--id-block: expected together with --id-auth"},
        {"run --tee snp --id-author img", "--id-block: expected together with --id-auth"},
        {"run --cpus 0 img", "--cpus"},
        {"run --cpus 17 img", "--cpus"},
        {"run --cpus x img", "--cpus"},
        {"run --memory 127M img", "--memory: expected 128M to 512G in steps of 2M, got '127M'"},
        {"run --memory 129M img", "in steps of 2M, got '129M'"},
        {"run --memory 1T img", "--memory"},
        {"run --env AB img", "--env: expected NAME=value, got 'AB'"},
        {"run --env =b img", "--env: expected NAME=value, got '=b'"},
        {"run --stdio in,x img", "--stdio: expected none, or some of in,out,err, got 'in,x'"},
        {"run --stdio in, img", "--stdio: expected none, or some of in,out,err, got 'in,'"},
        {"run --relay-allow h img", "--relay-allow: expected host:port, got 'h'"},
        {"run --encryption no img", "--encryption: expected required or optional, got 'no'"},
        {"run --kbs https://h:1 img", "--kbs-cert: expected the broker's certificate beside --kbs"},
        {"run --kbs-cert f img", "--kbs: expected the broker's URL beside --kbs-cert"},
        {"run --scratch 1G img", "--scratch: expected none, for scratch disks are not built yet"},
        {"run img /bin/ls", "expected '--' before the command, got '/bin/ls'"},
        {"run --out f img", "unknown option '--out'"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(t); i++) {
        char got[1024];
        ck_assert_msg(parse_with_stderr(t[i].line, got, sizeof(got)) == 125, "%s", t[i].line);
        ck_assert_msg(strstr(got, t[i].msg) != NULL, "%s: %s", t[i].line, got);
        ck_assert_msg(strncmp(got, "cloister run: ", 14) == 0, "%s", got);
        ck_assert_ptr_nonnull(strstr(got, "\nhint: see 'cloister run --help'\n"));
    }
}
END_TEST

/* --- initdata
 * ------------------------------------------------------------------------------------- */

static void make_image(struct cl_image **ret)
{
    if (access("img", F_OK) != 0) {
        fixture_layout("img", OCI_TAR);
        fixture_write("cert", CERT, strlen(CERT));
    }
    ck_assert_int_eq(cl_image_open("oci:img", NULL, ret, NULL), CL_OK);
}

START_TEST(test_initdata_from_flags)
{
    CL_CLEANUP(cl_image_freep) struct cl_image *image = NULL;
    CL_CLEANUP(cl_initdata_done) struct cl_initdata i = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    struct cli_run_args a;
    struct cl_err err = {0};
    char keep[1024];
    make_image(&image);
    ck_assert_int_eq(parse("run --kbs https://h:1 --kbs-cert cert --env A=b --workdir /w --user u "
                           "oci:img -- /bin/x y",
                           &a, keep, sizeof(keep)),
                     -1);
    ck_assert_int_eq(cli_initdata_from_args(&a, image, "in,out,err", &i, NULL), CL_OK);
    ck_assert(i.encryption_required && i.has_command);
    ck_assert(i.stdin_allowed && i.stdout_allowed && i.stderr_allowed && !i.terminal);
    ck_assert_mem_eq(i.manifest, cl_image_manifest_digest(image), 32);
    ck_assert_str_eq(i.kbs_cert, CERT);
    ck_assert_int_eq(cl_initdata_make(&i, &text, NULL), CL_OK);
    ck_assert_int_eq(cli_initdata_agrees(&a, cl_image_manifest_digest(image), &i, NULL), CL_OK);
    /* The image is not encrypted, and that is found out before anything starts. */
    ck_assert_int_eq(cli_image_fits(image, &i, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "image: layers: expected all encrypted, got none encrypted");
    cli_run_args_done(&a);
    cl_initdata_done(&i);
    ck_assert_int_eq(parse("run --tty --encryption optional oci:img", &a, keep, sizeof(keep)), -1);
    ck_assert_int_eq(cli_initdata_from_args(&a, image, "in,out,err", &i, NULL), CL_OK);
    ck_assert(i.terminal && !i.stderr_allowed && !i.has_command);
    ck_assert_int_eq(cli_image_fits(image, &i, &err), CL_OK);
    cl_initdata_done(&i);
    ck_assert_int_eq(cli_initdata_from_args(&a, image, "none", &i, NULL), CL_OK);
    ck_assert(!i.stdin_allowed && !i.stdout_allowed);
    cli_run_args_done(&a);
    cl_initdata_done(&i);
    ck_assert_int_eq(parse("run oci:img", &a, keep, sizeof(keep)), -1);
    ck_assert_int_eq(cli_initdata_from_args(&a, image, "none", &i, &err), CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "--kbs: expected a broker, as encryption is required, got none");
    cli_run_args_done(&a);
}
END_TEST

START_TEST(test_each_flag_that_disagrees_is_named)
{
    static const struct {
        const char *flags, *msg;
    } t[] = {
        {"", NULL},
        {"--kbs https://h:1 --kbs-cert cert --encryption required --env A=b --workdir /w --user u "
         "--stdio in,out",
         NULL},
        {"--kbs https://h:2", "initdata: aa.toml: url: expected https://h:1, got https://h:2"},
        {"--kbs-cert other", "initdata: aa.toml: cert: expected the certificate in initdata, got "
                             "other"},
        {"--encryption optional", "initdata: image.encryption: expected required, got optional"},
        {"--env A=c", "initdata: container.env: item 0: expected 'A=b', got 'A=c'"},
        {"--env A=b --env C=d", "initdata: container.env: item 1: expected 'none', got 'C=d'"},
        {"--workdir /x", "initdata: container.workdir: expected /w, got /x"},
        {"--user v", "initdata: container.user: expected u, got v"},
        {"--tty", "initdata: container.terminal: expected false, got true"},
        {"--stdio out", "initdata: container.stdin: expected true, got false"},
        {"--stdio in", "initdata: container.stdout: expected true, got false"},
        {"--stdio in,out,err", "initdata: container.stderr: expected false, got true"},
    };
    CL_CLEANUP(cl_image_freep) struct cl_image *image = NULL;
    CL_CLEANUP(cl_initdata_done) struct cl_initdata i = {0};
    struct cli_run_args a;
    struct cl_err err = {0};
    char keep[1024];
    make_image(&image);
    fixture_write("other", "other\n" CERT,
                  strlen("other\n" CERT)); /* the same, with a text before */
    ck_assert_int_eq(parse("run --kbs https://h:1 --kbs-cert cert --env A=b --workdir /w --user u "
                           "--stdio in,out oci:img -- /bin/x y",
                           &a, keep, sizeof(keep)),
                     -1);
    ck_assert_int_eq(cli_initdata_from_args(&a, image, "none", &i, NULL), CL_OK);
    cli_run_args_done(&a);
    for (size_t n = 0; n < CL_ARRAY_LEN(t); n++) {
        char line[512];
        (void)snprintf(line, sizeof(line), "run --initdata f%s%s oci:img", t[n].flags[0] ? " " : "",
                       t[n].flags);
        ck_assert_int_eq(parse(line, &a, keep, sizeof(keep)), -1);
        enum cl_status st = cli_initdata_agrees(&a, cl_image_manifest_digest(image), &i, &err);
        ck_assert_msg(st == (t[n].msg == NULL ? CL_OK : CL_ERR_REJECTED), "%s: %s", line, err.msg);
        if (t[n].msg != NULL) {
            ck_assert_str_eq(err.msg, t[n].msg);
        }
        cli_run_args_done(&a);
    }
    /* Command and image. */
    ck_assert_int_eq(parse("run --initdata f oci:img -- /bin/x z", &a, keep, sizeof(keep)), -1);
    ck_assert_int_eq(cli_initdata_agrees(&a, cl_image_manifest_digest(image), &i, &err),
                     CL_ERR_REJECTED);
    ck_assert_str_eq(err.msg, "initdata: container.command: item 1: expected 'y', got 'z'");
    cli_run_args_done(&a);
    ck_assert_int_eq(parse("run --initdata f oci:img", &a, keep, sizeof(keep)), -1);
    uint8_t digest[32] = {0};
    ck_assert_int_eq(cli_initdata_agrees(&a, digest, &i, &err), CL_ERR_REJECTED);
    ck_assert_ptr_nonnull(strstr(err.msg, "initdata: image.manifest: expected sha256:"));
    ck_assert_ptr_nonnull(strstr(
        err.msg, ", got sha256:0000000000000000000000000000000000000000000000000000000000000000"));
    cli_run_args_done(&a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("cli_args");
    TCase *t = tcase_create("all");
    tcase_add_checked_fixture(t, fixture_up, fixture_down);
    tcase_add_test(t, test_flags);
    tcase_add_test(t, test_usage_errors_name_the_argument);
    tcase_add_test(t, test_initdata_from_flags);
    tcase_add_test(t, test_each_flag_that_disagrees_is_named);
    suite_add_tcase(s, t);
    return run_suite(s);
}
