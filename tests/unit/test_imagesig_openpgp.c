/* SPDX-License-Identifier: Apache-2.0
 * test_imagesig_openpgp.c - simple signing: OpenPGP messages of our own making, whole and wrong in
 * each place, and those of GnuPG where it is installed.
 */
#include "cloister/image_signature.h"

#include "base/encode.h"
#include "base/io.h"
#include "check_main.h"
#include "imagesig_world.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXACT "{\"type\":\"matchRepoDigestOrExact\"}"
#define NOW (SIG_TIME + 1000)
#define VECTORS CL_TEST_SOURCE_DIR "/tests/vectors/imagesig"
#define VECTOR_TIME 1796000000

static struct cl_err err;
static EVP_PKEY *keys[3];
static EVP_PKEY *other;
static char *payload;

static void setup(void)
{
    static const char *const kinds[] = {"P-256", "RSA", "Ed25519"};
    for (size_t i = 0; i < CL_ARRAY_LEN(kinds); i++) {
        keys[i] = sig_key(kinds[i]);
    }
    other = sig_key("P-256");
    payload = sig_payload(SIG_SIMPLE, SIG_REFERENCE, SIG_DIGEST);
}

static void teardown(void)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(keys); i++) {
        EVP_PKEY_free(keys[i]);
    }
    EVP_PKEY_free(other);
    free(payload);
}

static enum cl_status rule_of(const struct cl_buf *ring, struct cl_image_rule **ret)
{
    CL_CLEANUP(cl_json_decrefp) json_t *j = sig_simple_rule(ring, SIG_REFERENCE, EXACT);
    return cl_image_rule_parse(j, "rule", ret, &err);
}

static enum cl_status verify(const struct cl_buf *ring, const void *data, size_t len, int64_t now,
                             struct cl_image_signed *ret)
{
    CL_CLEANUP(cl_image_rule_freep) struct cl_image_rule *rule = NULL;
    CL_TRY(rule_of(ring, &rule));
    return cl_image_rule_simple(rule, data, len, now, ret, &err);
}

static enum cl_status run(const struct sig_pgp *p, const char *text, struct cl_image_signed *ret)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf ring = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf message = {0};
    sig_pgp_ring(p, &ring);
    sig_pgp_message(p, text, &message);
    return verify(&ring, message.data, message.len, NOW, ret);
}

static void ck_line(enum cl_status got, enum cl_status st, const char *line)
{
    ck_assert_msg(got == st && strncmp(err.msg, line, strlen(line)) == 0,
                  "expected %d '%s', got %d '%s'", (int)st, line, (int)got, err.msg);
}

START_TEST(test_each_algorithm_and_hash)
{
    static const uint8_t hashes[] = {8, 9, 10};
    struct cl_image_signed s = {0};
    uint8_t digest[CL_SHA256_SIZE];
    const struct sig_pgp p = {.key = keys[_i / 3], .hash = hashes[_i % 3]};
    ck_assert_msg(run(&p, payload, &s) == CL_OK, "%s", err.msg);
    ck_assert(s.verified);
    ck_assert_int_eq(cl_oci_digest_parse(SIG_DIGEST, digest, &err), CL_OK);
    ck_assert_mem_eq(s.digest, digest, sizeof(digest));
}
END_TEST

START_TEST(test_forms_that_gnupg_writes)
{
    struct cl_image_signed s = {0};
    static char text[700]; /* so large that it is written in pieces */
    const struct sig_pgp forms[] = {
        {.key = keys[0], .compress = 1},
        {.key = keys[0], .compress = 2},
        {.key = keys[0], .no_self_signature = true},
        {.key = keys[0], .expires = 2000, .key_expires = 2000},
        {.key = keys[0], .partial = true},
        {.key = keys[0], .partial = true, .compress = 1},
    };
    (void)snprintf(text, sizeof(text), "%-550s", payload);
    for (size_t i = 0; i < CL_ARRAY_LEN(forms); i++) {
        ck_assert_msg(run(&forms[i], forms[i].partial ? text : payload, &s) == CL_OK, "%zu: %s", i,
                      err.msg);
    }
}
END_TEST

START_TEST(test_what_is_wrong_is_named)
{
    struct cl_image_signed s = {0};
    EVP_PKEY *k = keys[0];
    const struct {
        struct sig_pgp p;
        enum cl_status st;
        const char *line;
    } cases[] = {
        {{.key = k, .signer = other}, CL_ERR_REJECTED, "signature.key: expected a signature of"},
        {{.key = k, .revoked = true},
         CL_ERR_REJECTED,
         "signature.key: expected one that may sign, got one that is revoked"},
        {{.key = k, .key_expires = 10, .created = SIG_TIME + 10},
         CL_ERR_REJECTED,
         "signature.key.expired: expected a time before 1700000010, got 1700000010"},
        {{.key = k, .key_expires = 10},
         CL_ERR_REJECTED,
         "signature.key.expired: expected a time before 1700000010, got 1700001000"},
        {{.key = k, .expires = 1000},
         CL_ERR_REJECTED,
         "signature.expired: expected a time before 1700001000, got 1700001000"},
        {{.key = k, .created = SIG_TIME - 1},
         CL_ERR_REJECTED,
         "signature.created: expected after the key's making at 1700000000, got 1699999999"},
        {{.key = k, .hash = 2},
         CL_ERR_UNSUPPORTED,
         "signature.hash: expected SHA-256, SHA-384 or SHA-512, got 2"},
        {{.key = k, .version = 3},
         CL_ERR_UNSUPPORTED,
         "openpgp: signature: version: expected 4, got 3"},
        {{.key = k, .type = 1},
         CL_ERR_UNSUPPORTED,
         "signature.format: expected one signature of version 3 of a binary document"},
        {{.key = k, .format = 't'},
         CL_ERR_UNSUPPORTED,
         "signature.format: expected binary literal data, got format 0x74"},
        {{.key = k, .nested = true},
         CL_ERR_UNSUPPORTED,
         "signature.format: expected one signature of version 3"},
        {{.key = k, .critical = 20},
         CL_ERR_UNSUPPORTED,
         "openpgp: signature: expected no critical subpacket 20, got it"},
        {{.key = k, .flags = 1},
         CL_ERR_MALFORMED,
         "rule: keyring: openpgp: expected a key that signs, got none"},
        {{.key = k, .key_version = 5},
         CL_ERR_UNSUPPORTED,
         "rule: keyring: openpgp: key: version: expected 4, got 5"},
    };
    ck_line(run(&cases[_i].p, payload, &s), cases[_i].st, cases[_i].line);
}
END_TEST
#define WRONG_CASES 14

START_TEST(test_subkeys)
{
    struct cl_image_signed s = {0};
    EVP_PKEY *k = keys[2];
    const struct {
        struct sig_pgp p;
        const char *line; /* NULL: good */
    } cases[] = {
        {{.key = k, .primary = other}, NULL},
        {{.key = k, .primary = other, .subkey_revoked = true},
         "signature.key: expected one that may sign, got one that is revoked"},
        {{.key = k, .primary = other, .revoked = true},
         "signature.key: expected one that may sign, got one that is revoked"},
        {{.key = k, .primary = other, .key_expires = 10},
         "signature.key.expired: expected a time before 1700000010, got 1700001000"},
        {{.key = k, .primary = other, .flags = 0x0c},
         "rule: keyring: openpgp: expected a key that signs, got none"},
        {{.key = k, .primary = other, .subkey_unbound = true},
         "rule: keyring: openpgp: expected a key that signs, got none"},
    };
    for (size_t i = 0; i < CL_ARRAY_LEN(cases); i++) {
        enum cl_status st = run(&cases[i].p, payload, &s);
        ck_assert_msg((st == CL_OK) == (cases[i].line == NULL), "%zu: %s", i, err.msg);
        ck_assert_msg(st == CL_OK || strcmp(err.msg, cases[i].line) == 0, "%zu: %s", i, err.msg);
    }
}
END_TEST

START_TEST(test_key_of_nobody)
{
    struct cl_image_signed s = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf ring = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf message = {0};
    sig_pgp_ring(&(struct sig_pgp){.key = other}, &ring);
    sig_pgp_message(&(struct sig_pgp){.key = keys[0]}, payload, &message);
    ck_line(verify(&ring, message.data, message.len, NOW, &s), CL_ERR_REJECTED,
            "signature.key: expected one of the key ring, got ");
    sig_pgp_ring(&(struct sig_pgp){.key = keys[0]}, &ring); /* the second key of a ring */
    ck_assert_int_eq(verify(&ring, message.data, message.len, NOW, &s), CL_OK);
}
END_TEST

START_TEST(test_what_it_says_counts)
{
    struct cl_image_signed s = {0};
    char *wrong = sig_payload(SIG_COSIGN, SIG_REFERENCE, SIG_DIGEST);
    ck_line(run(&(struct sig_pgp){.key = keys[0]}, wrong, &s), CL_ERR_REJECTED, "signature.type: ");
    ck_assert(s.verified);
    free(wrong);
    wrong = sig_payload(SIG_SIMPLE, "registry.example/team/other:1.0", SIG_DIGEST);
    ck_line(run(&(struct sig_pgp){.key = keys[0]}, wrong, &s), CL_ERR_REJECTED,
            "signature.identity: expected matchRepoDigestOrExact of " SIG_REFERENCE ", got");
    free(wrong);
}
END_TEST

/* Every byte counts, and each that is missing. */
START_TEST(test_message_needs_every_byte)
{
    struct cl_image_signed s = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf ring = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf m = {0};
    CL_CLEANUP(cl_image_rule_freep) struct cl_image_rule *rule = NULL;
    const struct sig_pgp p = {.key = keys[_i], .compress = _i == 0};
    sig_pgp_ring(&p, &ring);
    sig_pgp_message(&p, payload, &m);
    ck_assert_int_eq(rule_of(&ring, &rule), CL_OK);
    ck_assert_int_eq(cl_image_rule_simple(rule, m.data, m.len, NOW, &s, &err), CL_OK);
    for (size_t n = 0; n < m.len; n++) {
        ck_assert_int_ne(cl_image_rule_simple(rule, m.data, n, NOW, &s, NULL), CL_OK);
        ck_assert(!s.verified);
    }
    ck_assert_int_eq(cl_buf_append(&m, "\0", 1, &err), CL_OK);
    ck_assert_int_ne(cl_image_rule_simple(rule, m.data, m.len, NOW, &s, NULL), CL_OK);
    m.len--;
    size_t taken = 0; /* only the literal's date and what is not hashed may change */
    for (size_t i = 0; i < m.len; i++) {
        m.data[i] ^= 0x10;
        taken += cl_image_rule_simple(rule, m.data, m.len, NOW, &s, NULL) == CL_OK;
        m.data[i] ^= 0x10;
    }
    ck_assert_uint_le(taken, 6);
}
END_TEST

START_TEST(test_ring_is_read_strictly)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf ring = {0};
    struct cl_image_rule *rule = NULL;
    size_t good = 0;
    sig_pgp_ring(&(struct sig_pgp){.key = keys[2]}, &ring);
    for (size_t n = 0; n < ring.len; n++) {
        const struct cl_buf cut = {ring.data, n, n};
        enum cl_status st = rule_of(&cut, &rule);
        good += st == CL_OK; /* at the ends of packets, behind the key */
        if (st == CL_OK) {
            cl_image_rule_free(rule);
        }
    }
    ck_assert_uint_eq(good, 2);
    uint8_t armor[] = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
    const struct cl_buf text = {armor, sizeof(armor) - 1, 0};
    ck_line(rule_of(&text, &rule), CL_ERR_MALFORMED,
            "rule: keyring: openpgp: expected a packet in binary, got a byte 0x2d");
    uint8_t name[] = {0xcd, 1, 'x'};
    const struct cl_buf user = {name, sizeof(name), 0};
    ck_line(rule_of(&user, &rule), CL_ERR_MALFORMED,
            "rule: keyring: openpgp: expected a public key first, got packet 13");
    ck_assert_int_eq(cl_buf_append(&ring, "\xc5\x01x", 3, &err), CL_OK); /* a secret key */
    ck_line(rule_of(&ring, &rule), CL_ERR_UNSUPPORTED,
            "rule: keyring: openpgp: expected public keys and what belongs to them, got packet 5");
}
END_TEST

START_TEST(test_bomb_is_bounded)
{
    struct cl_image_signed s = {0};
    static char big[300 << 10];
    memset(big, ' ', sizeof(big) - 1);
    ck_line(run(&(struct sig_pgp){.key = keys[0], .compress = 1}, big, &s), CL_ERR_MALFORMED,
            "signature.format: expected at most 262144 bytes inflated");
}
END_TEST

/* --- GnuPG ------------------------------------------------------------------------------------ */

static int shell(const char *home, const char *script)
{
    pid_t pid = fork();
    if (pid == 0) {
        (void)setenv("GNUPGHOME", home, 1);
        (void)execl("/bin/sh", "sh", "-ec", script, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *const algorithms[] = {"rsa2048", "ed25519", "nistp256"};

START_TEST(test_gnupg)
{
    char home[] = "/tmp/cl-gpg-XXXXXX";
    char script[1024];
    char path[64];
    CL_CLEANUP(cl_buf_done) struct cl_buf ring = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf message = {0};
    struct cl_image_signed s = {0};
    ck_assert_ptr_nonnull(mkdtemp(home));
    (void)snprintf(path, sizeof(path), "%s/payload", home);
    ck_assert_int_eq(cl_write_file(path, payload, strlen(payload), 0600, &err), CL_OK);
    (void)snprintf(script, sizeof(script),
                   "cd %s; command -v gpg >/dev/null || exit 77\n"
                   "gpg -q --batch --passphrase '' --quick-gen-key t@example.org %s sign 0\n"
                   "gpg -q --batch --export >ring\n"
                   "cat payload | gpg -q --batch --sign >m1\n"
                   "gpg -q --batch --sign --compress-algo none -o m2 payload\n"
                   "gpg -q --batch --sign --digest-algo SHA512 --compress-algo zlib -o m3 payload\n"
                   "gpgconf --kill gpg-agent",
                   home, algorithms[_i]);
    int rc = shell(home, script);
    if (rc == 77) {
        (void)printf("SKIPPED: GnuPG is not installed\n");
        (void)rmdir(home);
        return;
    }
    ck_assert_int_eq(rc, 0);
    (void)snprintf(path, sizeof(path), "%s/ring", home);
    ck_assert_int_eq(cl_buf_read_file(&ring, path, 1 << 20, &err), CL_OK);
    for (int i = 1; i <= 3; i++) {
        cl_buf_reset(&message);
        (void)snprintf(path, sizeof(path), "%s/m%d", home, i);
        ck_assert_int_eq(cl_buf_read_file(&message, path, 1 << 20, &err), CL_OK);
        ck_assert_msg(verify(&ring, message.data, message.len, time(NULL), &s) == CL_OK, "m%d: %s",
                      i, err.msg);
        message.data[message.len - 20] ^= 1;
        ck_assert_int_ne(verify(&ring, message.data, message.len, time(NULL), &s), CL_OK);
    }
    (void)snprintf(script, sizeof(script), "rm -rf %s", home);
    ck_assert_int_eq(shell(home, script), 0);
}
END_TEST

/* tests/vectors/imagesig: what GnuPG 2.2.40 wrote, for machines without it. */
START_TEST(test_stored_signature)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf ring = {0};
    CL_CLEANUP(cl_buf_done) struct cl_buf message = {0};
    struct cl_image_signed s = {0};
    ck_assert_int_eq(cl_buf_read_file(&ring, VECTORS "/keyring.gpg", 4096, &err), CL_OK);
    ck_assert_int_eq(cl_buf_read_file(&message, VECTORS "/signature-1", 4096, &err), CL_OK);
    ck_assert_uint_eq(message.data[0], 0xa3); /* compressed, without a length */
    enum cl_status st = verify(&ring, message.data, message.len, VECTOR_TIME, &s);
    ck_assert_msg(st == CL_OK, "%s", err.msg);
    ck_assert_uint_eq(s.digest[0], 0xaa);
    message.data[message.len / 2] ^= 1;
    ck_assert_int_ne(verify(&ring, message.data, message.len, VECTOR_TIME, &s), CL_OK);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("imagesig_openpgp");
    TCase *t = tcase_create("openpgp");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_each_algorithm_and_hash, 0, 9);
    tcase_add_test(t, test_forms_that_gnupg_writes);
    tcase_add_loop_test(t, test_what_is_wrong_is_named, 0, WRONG_CASES);
    tcase_add_test(t, test_subkeys);
    tcase_add_test(t, test_key_of_nobody);
    tcase_add_test(t, test_what_it_says_counts);
    tcase_add_loop_test(t, test_message_needs_every_byte, 0, 3);
    tcase_add_test(t, test_ring_is_read_strictly);
    tcase_add_test(t, test_bomb_is_bounded);
    tcase_add_test(t, test_stored_signature);
    tcase_add_loop_test(t, test_gnupg, 0, CL_ARRAY_LEN(algorithms));
    suite_add_tcase(s, t);
    return run_suite(s);
}
