/* SPDX-License-Identifier: Apache-2.0
 * cmd_rig.c - see cmd_rig.h.
 */
#include "cmd_rig.h"

#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "check_main.h"
#include "cloister/attestation_cmd.h"
#include "cloister/corim.h"
#include "snp_image.h"
#include "snp_world.h"
#include "tdx_image.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64]; /* report.bin, ek.der, ask.der, ark.der, fw.bin, kernel, empty */

void outcome_done(struct outcome *o)
{
    cl_buf_done(&o->out);
    cl_buf_done(&o->err);
}

void slurp(const char *name, struct cl_buf *out)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    ck_assert_int_eq(cl_buf_read_file(out, path, 1u << 22, NULL), CL_OK);
}

/* Runs a command line in a child; words are separated by single spaces, @ stands for the folder. */
struct outcome run(const char *line)
{
    char text[2048], *argv[40], *save = NULL;
    size_t n = 0, argc = 0;
    for (const char *p = line; *p != '\0'; p++) {
        int k = *p == '@' ? snprintf(text + n, sizeof(text) - n, "%s", dir)
                          : snprintf(text + n, sizeof(text) - n, "%c", *p);
        n += (size_t)k;
        ck_assert_uint_lt(n, sizeof(text));
    }
    for (char *w = strtok_r(text, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save)) {
        argv[argc++] = w;
        ck_assert_uint_lt(argc, CL_ARRAY_LEN(argv));
    }
    ck_assert_uint_gt(argc, 0);
    argv[argc] = NULL;
    (void)fflush(NULL);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/stdout", dir);
        if (freopen(path, "w", stdout) == NULL) {
            _exit(99);
        }
        (void)snprintf(path, sizeof(path), "%s/stderr", dir);
        if (freopen(path, "w", stderr) == NULL) {
            _exit(99);
        }
        cl_log_init("cloister", false);
        int rc = strcmp(argv[0], "measure") == 0   ? cl_cmd_measure((int)argc, argv)
                 : strcmp(argv[0], "idblock") == 0 ? cl_cmd_idblock((int)argc, argv)
                                                   : cl_cmd_verify((int)argc, argv);
        (void)fflush(NULL);
        _exit(rc);
    }
    struct outcome o = {0};
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert(WIFEXITED(status));
    o.status = WEXITSTATUS(status);
    slurp("stdout", &o.out);
    slurp("stderr", &o.err);
    return o;
}

void expect(const char *line, int status, const char *in_stderr)
{
    CL_CLEANUP(outcome_done) struct outcome o = run(line);
    const char *err = o.err.data != NULL ? (const char *)o.err.data : "";
    ck_assert_msg(o.status == status, "%s: %d: %s", line, o.status, err);
    ck_assert_msg(strstr(err, in_stderr) != NULL, "%s: %s", line, err);
}

void put(const char *name, const void *data, size_t len)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (cl_write_file(path, data, len, 0600, NULL) != CL_OK) {
        abort();
    }
}

static void put_cert(const char *name, const struct world_cert *c)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    world_cert_der(c, &der);
    put(name, der.data, der.len);
}

void put_reference(const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/reference.json", dir);
    ck_assert_int_eq(cl_write_file(path, text, strlen(text), 0600, NULL), CL_OK);
}

/* NAME.key and NAME.pub; not .pem, which --certs would take out of a folder. */
static void put_key(const char *name, EVP_PKEY *key)
{
    char file[64];
    char *text = NULL;
    BIO *secret = BIO_new(BIO_s_mem()), *public = BIO_new(BIO_s_mem());
    if (key == NULL || PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL) != 1 ||
        PEM_write_bio_PUBKEY(public, key) != 1) {
        abort();
    }
    long len = BIO_get_mem_data(secret, &text);
    (void)snprintf(file, sizeof(file), "%s.key", name);
    put(file, text, (size_t)len);
    len = BIO_get_mem_data(public, &text);
    (void)snprintf(file, sizeof(file), "%s.pub", name);
    put(file, text, (size_t)len);
    BIO_free(secret);
    BIO_free(public);
}

/* Of class sim-snp and the report's measurement, valid around the time of the tests. */
static void put_corim(EVP_PKEY *key)
{
    struct cl_corim c = {.id = "id",
                         .signer = "tests",
                         .not_before = WORLD_TIME - 1000,
                         .not_after = WORLD_TIME + 1000,
                         .count = 1};
    CL_CLEANUP(cl_buf_done) struct cl_buf out = {0};
    c.references[0].tee_class = CL_TEE_CLASS_SIM_SNP;
    memset(c.references[0].measurement, 0x3e, sizeof(c.references[0].measurement));
    if (cl_corim_write(&c, key, &out, NULL) != CL_OK) {
        abort();
    }
    put("ref.cbor", out.data, out.len);
}

static void put_crl(const char *name, const struct world_crl *c)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf der = {0};
    world_crl_der(c, &der);
    put(name, der.data, der.len);
}

/* Both halves of a new key, in PEM. */
static void make_files(void)
{
    static struct image im;
    static struct tdx_image tdx;
    struct cl_snp_report r;
    uint8_t raw[CL_SNP_REPORT_SIZE];
    struct world_cert ek = world_vcek(), ask = world_ask(), ark = world_ark();
    world_report(&r);
    world_sign(&r, raw);
    make_image(&im);
    put("report.bin", raw, sizeof(raw));
    put_cert("ek.der", &ek);
    put_cert("ask.der", &ask);
    put_cert("ark.der", &ark);
    put("fw.bin", im.data, im.size);
    put("stage0.bin", im.data, im.size);
    put("kernel", "kernel", 6);
    put("vmlinuz", "kernel", 6);
    put("initrd.img", "kernel", 6);
    put("empty", "", 0);
    struct world_crl crl = world_crl();
    put_crl("root.list", &crl);
    crl.serials[0] = 0; /* every certificate of this world has that serial */
    crl.serials[1] = -1;
    put_crl("revoked.list", &crl);
    static uint8_t big[(1u << 20) + 1];
    put("big", big, sizeof(big));
    EVP_PKEY *p256 = EVP_EC_gen("P-256"), *p384 = EVP_EC_gen("P-384"),
             *ed25519 = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    put_key("p256", p256);
    put_key("id", p384);
    put_key("ed25519", ed25519);
    put_corim(ed25519);
    EVP_PKEY_free(p256);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(ed25519);
    tdx_image_make(&tdx, 'B');
    put("tdx.bin", tdx.data, tdx.size);
}

bool rig_init(void)
{
    (void)snprintf(dir, sizeof(dir), "/tmp/cl-cmd-XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return false;
    }
    world_init();
    make_files();
    return true;
}

void rig_path(const char *name, char ret[static 128])
{
    (void)snprintf(ret, 128, "%s/%s", dir, name);
}

void rig_done(void)
{
    static const char *const names[] = {
        "report.bin",     "ek.der",        "ask.der",         "ark.der",
        "fw.bin",         "stage0.bin",    "kernel",          "vmlinuz",
        "initrd.img",     "empty",         "stdout",          "stderr",
        "reference.json", "evidence.json", "policy.json",     "root.list",
        "revoked.list",   "big",           "distrust.key",    "distrust.jws",
        "p256.key",       "p256.pub",      "ed25519.key",     "ed25519.pub",
        "ref.cbor",       "out.cbor",      "out.html",        "out.jwt",
        "quote.bin",      "tdx-root.pem",  "collateral.json", "tdx.bin",
        "id.key",         "id.pub",        "id.block",        "id.auth"};
    for (size_t i = 0; i < CL_ARRAY_LEN(names); i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(dir);
}
