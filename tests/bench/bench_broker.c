/* SPDX-License-Identifier: Apache-2.0
 * bench_broker.c - the real broker in a thread: handshakes (TLS, auth, attest with evidence of the
 * simulated processor, durable audit) beside the public-key operations that one of them needs; and
 * its memory with 100,000 challenges open at once. Rates are per second of CPU time, of the
 * broker's thread on one side, of this one on the other: waiting for a disk does not count.
 */
#include "bench.h"
#include "broker_fixture.h"

#include <malloc.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#define HANDSHAKES 100u
#define ROUNDS 3u
#define OPEN_CHALLENGES 100000u
#define OPERATIONS 100u

static double cpu_s(clockid_t clock)
{
    struct timespec t = {0};
    (void)clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- primitives: seconds of CPU for one */

struct signer {
    EVP_PKEY *key;
    const EVP_MD *md;
    uint8_t sig[1024];
    size_t sig_len;
    uint8_t text[1024];
};

static void sign(struct signer *s)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    s->sig_len = sizeof(s->sig);
    ck_assert_int_eq(EVP_DigestSignInit(c, NULL, s->md, NULL, s->key), 1);
    ck_assert_int_eq(EVP_DigestSign(c, s->sig, &s->sig_len, s->text, sizeof(s->text)), 1);
    EVP_MD_CTX_free(c);
}

static void verify(struct signer *s)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    ck_assert_int_eq(EVP_DigestVerifyInit(c, NULL, s->md, NULL, s->key), 1);
    ck_assert_int_eq(EVP_DigestVerify(c, s->sig, s->sig_len, s->text, sizeof(s->text)), 1);
    EVP_MD_CTX_free(c);
}

/* A fresh key and an agreement, as TLS makes. */
static void agree(struct signer *s)
{
    uint8_t out[32];
    size_t n = sizeof(out);
    EVP_PKEY *mine = EVP_EC_gen("P-256");
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(mine, NULL);
    ck_assert_int_eq(EVP_PKEY_derive_init(c), 1);
    ck_assert_int_eq(EVP_PKEY_derive_set_peer(c, s->key), 1);
    ck_assert_int_eq(EVP_PKEY_derive(c, out, &n), 1);
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(mine);
}

static double time_of(struct signer *s, void (*operation)(struct signer *))
{
    double t = cpu_s(CLOCK_THREAD_CPUTIME_ID);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        operation(s);
    }
    return (cpu_s(CLOCK_THREAD_CPUTIME_ID) - t) / OPERATIONS;
}

struct primitives {
    struct signer p256;
    struct signer p384;
    struct signer rsa;
    double p384_verify;
    double p256_sign;
    double all; /* what one handshake needs of the broker */
};

static void primitives_init(struct primitives *p)
{
    p->p256 = (struct signer){.key = EVP_EC_gen("P-256"), .md = EVP_sha256()};
    p->p384 = (struct signer){.key = EVP_EC_gen("P-384"), .md = EVP_sha384()};
    p->rsa = (struct signer){.key = EVP_RSA_gen(4096), .md = EVP_sha384()};
    sign(&p->p384);
    sign(&p->rsa);
}

static void primitives_done(struct primitives *p)
{
    EVP_PKEY_free(p->p256.key);
    EVP_PKEY_free(p->p384.key);
    EVP_PKEY_free(p->rsa.key);
}

static double better(double a, double b)
{
    return a <= 0 || b < a ? b : a;
}

/* The report's signature; the chain's three; TLS and the token are signed; TLS agrees on a key. */
static void primitives_run(struct primitives *p)
{
    double verify_s = time_of(&p->p384, verify);
    double sign_s = time_of(&p->p256, sign);
    double all = verify_s + 2 * sign_s + 3 * time_of(&p->rsa, verify) + time_of(&p->p256, agree);
    p->p384_verify = better(p->p384_verify, verify_s);
    p->p256_sign = better(p->p256_sign, sign_s);
    p->all = better(p->all, all);
}

/* ---- the broker */

/* Seconds of the broker's CPU for one. */
static double handshakes(const struct fx *f, struct guest *g, clockid_t clock)
{
    struct cl_err err = {0};
    double t = cpu_s(clock);
    for (unsigned i = 0; i < HANDSHAKES; i++) {
        struct cl_kbs *k = fx_client(f, g);
        fx_ok(cl_kbs_attest(k, &err), &err);
        cl_kbs_free(k);
    }
    return (cpu_s(clock) - t) / HANDSHAKES;
}

/* Growth of the process in KiB. */
static uint64_t open_challenges(const struct fx *f)
{
    static const char body[] = "{\"version\":\"0.4.0\",\"tee\":\"snp\",\"extra-params\":\"\"}";
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    uint64_t before = 0;
    for (unsigned i = 0; i < OPEN_CHALLENGES + 1000; i++) {
        if (i == 1000) { /* what the first requests need, any number needs */
            (void)malloc_trim(0);
            before = bench_self_kib("VmRSS");
        }
        fx_send(f->guest, "POST", "/kbs/v0/auth", "Content-Type: application/json\r\n", body,
                sizeof(body) - 1, &resp);
        ck_assert_uint_eq(resp.status, 200);
    }
    uint64_t after = bench_self_kib("VmRSS");
    return after > before ? after - before : 0;
}

static struct bench bench;

/* The fixture is that of the unit tests and speaks Check; so this is one test, in this process. */
START_TEST(measure)
{
    static struct primitives p;
    struct fx f;
    struct guest g;
    const struct cl_broker_config limits = {.connection_seconds = 3600};
    clockid_t clock = CLOCK_MONOTONIC;
    double best = 0;
    fx_start(&f, &limits);
    guest_init(&g, fx_base.pki);
    fx_provision(&f, &g);
    primitives_init(&p);
    ck_assert_int_eq(pthread_getcpuclockid(f.thread, &clock), 0);
    for (unsigned i = 0; i < ROUNDS; i++) {
        primitives_run(&p);
        best = better(best, handshakes(&f, &g, clock));
    }
    bench_ratio(&bench, "handshakes / all its primitives [1/s]", 1 / best, 1 / p.all,
                BENCH_NO_BOUND, 0);
    bench_ratio(&bench, "handshakes / P-384 verifications [1/s]", 1 / best, 1 / p.p384_verify,
                BENCH_NO_BOUND, 0);
    bench_ratio(&bench, "handshakes / P-256 signatures [1/s]", 1 / best, 1 / p.p256_sign,
                BENCH_NO_BOUND, 0);
    /* Stateless: as many as anybody likes cost nothing. The bound is the allocator's noise. */
    bench_value(&bench, "memory of 100,000 open challenges [KiB]", (double)open_challenges(&f),
                BENCH_AT_MOST, 1024);
    primitives_done(&p);
    guest_done(&g);
    fx_done(&f);
}
END_TEST

int main(int argc, char **argv)
{
    if (!bench_init(&bench, argc, argv, 0, "")) {
        return 2;
    }
    fx_base_make();
    Suite *s = suite_create("bench");
    TCase *t = tcase_create("broker");
    tcase_add_test(t, measure);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_SILENT);
    int failed = srunner_ntests_failed(r);
    if (failed > 0) {
        srunner_print(r, CK_NORMAL);
    }
    srunner_free(r);
    return fx_base_done(failed > 0 ? 5 : bench_status(&bench));
}
