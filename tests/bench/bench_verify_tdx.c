/* SPDX-License-Identifier: Apache-2.0
 * bench_verify_tdx.c - how fast a TDX quote is verified with collateral that is there already,
 * beside what its three P-256 signatures (PCK certificate, QE report, quote) alone would allow on
 * the same core in the same run; and how fast one is parsed.
 */
#include "bench.h"

#include "tdx_world.h"

#include <openssl/ecdsa.h>
#include <stdio.h>
#include <stdlib.h>

#define ROUNDS 5
#define SLICE_NS UINT64_C(300000000)
#define SIGNATURES 2
#define SIGNATURES_OF_CHAIN 3 /* PCK certificate, its CA, the root */
#define MIN_SHARE 0.8
#define MAX_PARSE_US 5.0

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "bench_verify_tdx: %s\n", #condition);                           \
            exit(5);                                                                               \
        }                                                                                          \
    } while (0)

static struct tw w;
static struct tdx_material material;
static struct cl_buf raw;
static struct cl_tdx_verifier *verifier;
static struct cl_tdx_policy policy;
static EVP_PKEY *key;
static uint8_t digest[32], signature[128];
static size_t signature_len = sizeof(signature);

static void verify_signature(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    MUST(EVP_PKEY_verify_init(ctx) == 1 &&
         EVP_PKEY_verify(ctx, signature, signature_len, digest, sizeof(digest)) == 1);
    EVP_PKEY_CTX_free(ctx);
}

static void parse_quote(void)
{
    struct cl_tdx_quote *q = NULL;
    MUST(cl_tdx_quote_parse(raw.data, raw.len, &q, NULL) == CL_OK);
    cl_tdx_quote_free(q);
}

static void verify_quote(void)
{
    struct cl_tdx_quote *q = NULL;
    struct cl_verify_result *r = NULL;
    MUST(cl_tdx_quote_parse(raw.data, raw.len, &q, NULL) == CL_OK);
    MUST(cl_tdx_verify(verifier, q, &policy, &r, NULL, NULL) == CL_OK &&
         r->verdict == CL_VERDICT_ACCEPTED);
    cl_verify_result_free(r);
    cl_tdx_quote_free(q);
}

/* Without a verifier there is nothing that could be remembered. */
static void verify_new_platform(void)
{
    struct cl_tdx_quote *q = NULL;
    struct cl_verify_result *r = NULL;
    MUST(cl_tdx_quote_parse(raw.data, raw.len, &q, NULL) == CL_OK);
    MUST(cl_tdx_verify(/* v= */ NULL, q, &policy, &r, NULL, NULL) == CL_OK &&
         r->verdict == CL_VERDICT_ACCEPTED);
    cl_verify_result_free(r);
    cl_tdx_quote_free(q);
}

/* Calls a second, for about a slice of time. */
static double rate(void (*fn)(void))
{
    uint64_t start = bench_now_ns(), now = start;
    size_t n = 0;
    while (now - start < SLICE_NS) {
        for (size_t i = 0; i < 32; i++) {
            fn();
        }
        n += 32;
        now = bench_now_ns();
    }
    return (double)n * 1e9 / (double)(now - start);
}

static void prepare(void)
{
    static uint8_t root[1][CL_TDX_ROOT_SIZE];
    tw_init();
    tw_default(&w);
    tw_material(&w, &material);
    tw_quote_bytes(&w, &raw);
    tw_root_digest(&w, root[0]);
    policy = (struct cl_tdx_policy){.time = TW_TIME,
                                    .sim_roots = (const uint8_t(*)[CL_TDX_ROOT_SIZE])root,
                                    .sim_root_count = 1,
                                    .authenticity_only = true};
    struct cl_tdx_collateral views = tdx_views(&material);
    MUST(cl_tdx_verifier_new(&views, &verifier, NULL) == CL_OK);
    key = EVP_EC_gen("P-256");
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
    MUST(EVP_PKEY_sign_init(ctx) == 1 &&
         EVP_PKEY_sign(ctx, signature, &signature_len, digest, sizeof(digest)) == 1);
    EVP_PKEY_CTX_free(ctx);
}

int main(int argc, char **argv)
{
    struct bench b = {.program = "bench_verify_tdx"};
    double quotes = 0, signatures = 0, parses = 0, new_quotes = 0;
    if (!bench_init(&b, argc, argv, 0, "")) {
        return 2;
    }
    prepare();
    for (int i = 0; i < ROUNDS;
         i++) { /* in turn, so that all meet the same machine; the best counts */
        double q = rate(verify_quote), s = rate(verify_signature), p = rate(parse_quote);
        double f = rate(verify_new_platform);
        new_quotes = f > new_quotes ? f : new_quotes;
        quotes = q > quotes ? q : quotes;
        signatures = s > signatures ? s : signatures;
        parses = p > parses ? p : parses;
    }
    bench_ratio(&b, "tdx_quotes_per_second", quotes, signatures / SIGNATURES, BENCH_AT_LEAST,
                MIN_SHARE);
    bench_ratio(&b, "tdx_quotes_per_second_new_platform", new_quotes,
                signatures / (SIGNATURES + SIGNATURES_OF_CHAIN), BENCH_NO_BOUND, 0);
    bench_value(&b, "tdx_quote_parse_us", 1e6 / parses, BENCH_AT_MOST, MAX_PARSE_US);
    cl_tdx_verifier_free(verifier);
    tdx_material_done(&material);
    cl_buf_done(&raw);
    EVP_PKEY_free(key);
    return bench_status(&b);
}
