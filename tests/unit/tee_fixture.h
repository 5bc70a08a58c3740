/* SPDX-License-Identifier: Apache-2.0
 * tee_fixture.h - the real broker and a guest of any kind of TEE (broker_worlds.h), at the time of
 * their worlds.
 */
#ifndef CL_TEST_TEE_FIXTURE_H
#define CL_TEST_TEE_FIXTURE_H

#include "broker_fixture.h"
#include "broker_worlds.h"

struct tee {
    struct fx f;
    struct bw_guest g;
    struct bw_collateral c;
};

static inline void tee_post(struct tee *t, const char *path, const struct cl_buf *body)
{
    CL_CLEANUP(cl_http_response_done) struct cl_http_response resp = {0};
    fx_admin(&t->f, "admin", "POST", path, body->data, body->len, &resp);
    ck_assert_msg(resp.status == 200, "%s: %u %s", path, resp.status, (const char *)resp.body.data);
}

static inline void tee_set_collateral(struct tee *t)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf bundle = {0};
    bw_bundle(&t->c, &bundle);
    tee_post(t, "/kbs/v0/collateral", &bundle);
}

static inline void tee_set_reference(struct tee *t, const char *expires)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf doc = {0};
    bw_reference(&t->g, expires, &doc);
    tee_post(t, "/kbs/v0/reference-value", &doc);
}

/* A broker with collateral and a reference value of this class (NULL: what the guest is). */
static inline void tee_serve(struct tee *t, enum bw_kind kind, const char *tee_class)
{
    fx_start(&t->f, NULL);
    atomic_store(&t->f.skew, WORLD_TIME - (int64_t)time(NULL));
    bw_guest_init(&t->g, kind, guest_initdata);
    t->g.tee_class = tee_class != NULL ? tee_class : t->g.tee_class;
    bw_collateral_init(&t->c);
    tee_set_collateral(t);
    tee_set_reference(t, "2026-06-01T00:00:00Z");
}

static inline struct cl_kbs *tee_client_with(struct tee *t, const char *initdata)
{
    struct cl_err err = {0};
    struct cl_kbs *k = NULL;
    struct cl_kbs_config cfg = {.url = t->f.url,
                                .cert_pem = (const char *)t->f.cert_pem.data,
                                .initdata = (const uint8_t *)initdata,
                                .initdata_len = strlen(initdata),
                                .transport = {.dial = cl_kbs_dial_tcp},
                                .evidence = {.ctx = &t->g, .tee = t->g.tee, .get = bw_evidence}};
    fx_ok(cl_kbs_new(&cfg, &k, &err), &err);
    return k;
}

static inline struct cl_kbs *tee_client(struct tee *t)
{
    return tee_client_with(t, guest_initdata);
}

/* The claims of a token, without a look at its signature. */
static inline json_t *tee_claims(const char *token)
{
    CL_CLEANUP(cl_buf_done) struct cl_buf text = {0};
    json_t *j = NULL;
    const char *from = strchr(token, '.') + 1;
    ck_assert_int_eq(
        cl_b64url_decode(&text, from, (size_t)(strchr(from, '.') - from), "claims", NULL), CL_OK);
    ck_assert_int_eq(cl_json_parse(text.data, text.len, "claims", &j, NULL), CL_OK);
    return j;
}

static inline const json_t *tee_annotated(const json_t *claims, const char **ret_status)
{
    const json_t *cpu0 = json_object_get(json_object_get(claims, "submods"), "cpu0");
    *ret_status = json_string_value(json_object_get(cpu0, "ear.status"));
    return json_object_get(cpu0, "ear.veraison.annotated-evidence");
}

/* An attestation that must be refused by this check; a part of what the audit says it saw. */
static inline void tee_expect_denied(struct tee *t, const char *name, const char *check,
                                     const char *actual)
{
    struct cl_err err = {0};
    struct cl_kbs *k = tee_client(t);
    enum cl_status st = cl_kbs_attest(k, &err);
    json_t *line = fx_audit(&t->f);
    char *text = json_dumps(line, 0);
    const char *got = json_string_value(json_object_get(line, "check"));
    const char *seen = json_string_value(json_object_get(line, "actual"));
    ck_assert_msg(st == CL_ERR_REJECTED && got != NULL && strcmp(got, check) == 0, "%s %s: %s",
                  t->g.tee, name, text);
    ck_assert_msg(actual == NULL || strstr(seen, actual) != NULL, "%s", text);
    ck_assert_str_eq(json_string_value(json_object_get(line, "object")), t->g.tee);
    ck_assert_ptr_nonnull(strstr(err.msg, check));
    free(text);
    json_decref(line);
    cl_kbs_free(k);
}

#endif
