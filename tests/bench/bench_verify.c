/* SPDX-License-Identifier: Apache-2.0
 * bench_verify.c - verification of SNP evidence whose chain is known, beside the one operation that
 * cannot be left out: P-384 verification, as `openssl speed ecdsap384` times it (one
 * EVP_DigestVerify with a context that is set up before). In turns, best of several, in CPU time of
 * one thread.
 */
#include "bench.h"
#include "snp_world.h"

#include <openssl/ec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROUNDS 60u
#define OPERATIONS 40u
#define PARSES 10000u

struct setup {
    uint8_t root[1][CL_SNP_ROOT_SIZE];
    struct cl_snp_evidence *ev;
    struct cl_snp_chain *chain;
    struct cl_snp_reference reference;
    struct cl_snp_policy policy;
    EVP_PKEY *key;
    EVP_PKEY_CTX *verify;
    uint8_t digest[48], sig[128];
    size_t sig_len;
};

static void must(bool condition, const char *what)
{
    if (!condition) {
        (void)fprintf(stderr, "bench_verify: %s failed\n", what);
        exit(1);
    }
}

static double cpu_s(void)
{
    struct timespec t = {0};
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make_reference_operation(struct setup *s)
{
    s->key = EVP_EC_gen("P-384");
    EVP_PKEY_CTX *sign = EVP_PKEY_CTX_new(s->key, NULL);
    s->verify = EVP_PKEY_CTX_new(s->key, NULL);
    s->sig_len = sizeof(s->sig);
    memset(s->digest, 0xA5, sizeof(s->digest)); /* zeros would spare it half of the work */
    must(EVP_PKEY_sign_init(sign) == 1 &&
             EVP_PKEY_sign(sign, s->sig, &s->sig_len, s->digest, sizeof(s->digest)) == 1 &&
             EVP_PKEY_verify_init(s->verify) == 1,
         "a P-384 signature");
    EVP_PKEY_CTX_free(sign);
}

static void setup(struct setup *s)
{
    struct world_cert ek, ask, ark;
    struct cl_snp_report r;
    world_init();
    ek = world_vcek();
    ask = world_ask();
    ark = world_ark();
    world_report(&r);
    world_root(s->root[0]);
    s->ev = world_evidence(&r, &ek, &ask, &ark);
    must(cl_snp_chain_new(s->ev, &s->chain, NULL) == CL_OK, "the chain");
    s->reference.tee_class = CL_TEE_CLASS_SIM_SNP;
    memcpy(s->reference.measurement, r.measurement, sizeof(r.measurement));
    s->policy = (struct cl_snp_policy){.time = WORLD_TIME,
                                       .references = &s->reference,
                                       .reference_count = 1,
                                       .sim_roots = (const uint8_t(*)[CL_SNP_ROOT_SIZE])s->root,
                                       .sim_root_count = 1};
    make_reference_operation(s);
}

static void verify_once(const struct setup *s, bool with_chain)
{
    struct cl_verify_result *res = NULL;
    enum cl_status st = with_chain ? cl_snp_verify_chain(cl_snp_evidence_report(s->ev), s->chain,
                                                         &s->policy, &res, NULL)
                                   : cl_snp_verify(s->ev, &s->policy, &res, NULL);
    must(st == CL_OK && res->verdict == CL_VERDICT_ACCEPTED, "verification");
    cl_verify_result_free(res);
}

static double best(double a, double b)
{
    return a <= 0 || b < a ? b : a;
}

static double time_p384(const struct setup *s)
{
    double t = cpu_s();
    for (unsigned i = 0; i < OPERATIONS; i++) {
        must(EVP_PKEY_verify(s->verify, s->sig, s->sig_len, s->digest, sizeof(s->digest)) == 1,
             "P-384");
    }
    return (cpu_s() - t) / OPERATIONS;
}

static double time_verify(const struct setup *s, bool with_chain)
{
    double t = cpu_s();
    for (unsigned i = 0; i < OPERATIONS; i++) {
        verify_once(s, with_chain);
    }
    return (cpu_s() - t) / OPERATIONS;
}

/* Microseconds of one. */
static double time_parse(const struct setup *s)
{
    const uint8_t *raw = cl_snp_evidence_report(s->ev)->raw;
    struct cl_snp_report r;
    unsigned sum = 0;
    double t = cpu_s();
    for (unsigned i = 0; i < PARSES; i++) {
        must(cl_snp_report_decode(raw, CL_SNP_REPORT_SIZE, &r, NULL) == CL_OK, "parse");
        sum += r.version;
    }
    must(sum == 3 * PARSES, "parse");
    return (cpu_s() - t) / PARSES * 1e6;
}

int main(int argc, char **argv)
{
    struct bench b;
    struct setup s = {0};
    double p384 = 0, cached = 0, whole = 0, parse = 0;
    if (!bench_init(&b, argc, argv, 0, "")) {
        return 2;
    }
    setup(&s);
    for (unsigned i = 0; i < ROUNDS; i++) {
        p384 = best(p384, time_p384(&s));
        cached = best(cached, time_verify(&s, /* with_chain= */ true));
        whole = best(whole, time_verify(&s, /* with_chain= */ false));
        parse = best(parse, time_parse(&s));
    }
    bench_ratio(&b, "SNP verifications/s, chain known", 1 / cached, 1 / p384, BENCH_AT_LEAST, 0.9);
    bench_ratio(&b, "SNP verifications/s, with chain", 1 / whole, 1 / p384, BENCH_NO_BOUND, 0);
    bench_value(&b, "SNP report parse, us", parse, BENCH_AT_MOST, 5);
    EVP_PKEY_CTX_free(s.verify);
    EVP_PKEY_free(s.key);
    cl_snp_chain_free(s.chain);
    cl_snp_evidence_free(s.ev);
    return bench_status(&b);
}
