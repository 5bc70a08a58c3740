/* SPDX-License-Identifier: Apache-2.0
 * test_model_tdx_measure.c - MRTD of the synthetic firmwares of tdx.md b.4, launched through this
 * KVM in both orders, and the run-time registers of b.5.
 */
#include "launcher_tdx.h"
#include "tdx_internal.h"

#include "../unit/check_main.h"

#include <stdlib.h>
#include <string.h>

#define RAM (64u << 20)

struct section {
    uint64_t offset, raw, gpa, size;
    uint32_t type, attributes;
};

struct recipe {
    const char *name;
    size_t size, descriptor;
    struct section sections[8];
    const char *image, *single, *two_pass;
};

static const struct recipe recipes[] = {
    {"A",
     0x1000,
     0xE00,
     {{0, 0x1000, 0xFFFFF000, 0x1000, 0, 1}, {0, 0, 0x809000, 0x2000, 2, 0}},
     "fa3fe8edc003c1527abe74b16f1ed76c2e0cd0c8cc057d01f8169c3de357c663",
     "e612c8dbe9cfebec53401f2f8e8a106940e7c3296628f824ec8ca851e82e47a0"
     "1ca5c563e3358c33abac2455c51f591d",
     "e612c8dbe9cfebec53401f2f8e8a106940e7c3296628f824ec8ca851e82e47a0"
     "1ca5c563e3358c33abac2455c51f591d"},
    {"B",
     0x20000,
     0x1F800,
     {{0x10000, 0x10000, 0xFFFF0000, 0x10000, 0, 1},
      {0, 0x10000, 0xFFFE0000, 0x10000, 1, 0},
      {0, 0, 0x810000, 0x10000, 3, 0},
      {0, 0, 0x80B000, 0x2000, 3, 0},
      {0, 0, 0x809000, 0x2000, 2, 0},
      {0, 0, 0x800000, 0x6000, 3, 0}},
     "da4092725f4c87881e23cfc1704f28992f18b561b7ff2f22d1aed0160f611f4a",
     "606ac2bff977e69986ab1c76db86ff14b28351adab65e40ed0b0d213a49c2933"
     "09c91b051656a0fde3f123113b6f3490",
     "07f5f52c81aed537fc10255e39d0faa15b73d48ce15abff607dd99fe413ba9bc"
     "528fd75d4666cbc95813982af865ac49"},
    {"C",
     0x8000,
     0x7C00,
     {{0x4000, 0x4000, 0xFFFFC000, 0x4000, 0, 1},
      {0, 0x1234, 0x1000000, 0x3000, 5, 1},
      {0, 0, 0x2000000, 0x1000, 6, 0},
      {0, 0, 0x80000000, 0x10000, 4, 2},
      {0, 0, 0x809000, 0x1000, 2, 0}},
     "71befeb33f4e210ba6ec190f8b04c552a6216038e0ec3869c151b7c866934880",
     "bd36a80255aa8166092443860540b791458584b28c3d660dbe26a1dd34dc3dbe"
     "cce7233030aa214ad4ab92a1c6396be0",
     "7a28411be2861fcae5dd80865a2fd4b343f135a17919a78f2fe60468ad35c5b1"
     "ccaf42518762fb14c1fed2c5b387f7ac"},
};

static void hex(const uint8_t *data, size_t size, char *ret)
{
    for (size_t i = 0; i < size; i++) {
        (void)snprintf(ret + 2 * i, 3, "%02x", data[i]);
    }
}

static void put_guid(uint8_t *p, uint32_t a, uint16_t b, uint16_t c, const uint8_t rest[8])
{
    model_put_le(p, 4, a);
    model_put_le(p + 4, 2, b);
    model_put_le(p + 6, 2, c);
    memcpy(p + 8, rest, 8);
}

static unsigned count(const struct recipe *r)
{
    unsigned n = 0;
    while (n < 8 && r->sections[n].size != 0) {
        n++;
    }
    return n;
}

/* b.4: the image byte by byte, its descriptor, its GUID table. */
static uint8_t *image(const struct recipe *r)
{
    uint8_t *f = aligned_alloc(MODEL_PAGE, r->size);
    ck_assert_ptr_nonnull(f);
    for (size_t i = 0; i < r->size; i++) {
        f[i] = (uint8_t)((i * 7) ^ (i >> 8));
    }
    put_guid(f + r->descriptor - 16, 0xe9eaf9f3, 0x168e, 0x44d5,
             (const uint8_t[8]){0xa8, 0xeb, 0x7f, 0x4d, 0x87, 0x38, 0xf6, 0xae});
    uint8_t *d = f + r->descriptor;
    unsigned n = count(r);
    memcpy(d, "TDVF", 4);
    model_put_le(d + 4, 4, 16 + 32u * n);
    model_put_le(d + 8, 4, 1);
    model_put_le(d + 12, 4, n);
    for (unsigned i = 0; i < n; i++) {
        const struct section *s = &r->sections[i];
        uint8_t *p = d + 16 + (size_t)32 * i;
        model_put_le(p, 4, s->offset);
        model_put_le(p + 4, 4, s->raw);
        model_put_le(p + 8, 8, s->gpa);
        model_put_le(p + 16, 8, s->size);
        model_put_le(p + 24, 4, s->type);
        model_put_le(p + 28, 4, s->attributes);
    }
    uint8_t *table = f + r->size - 32 - 40; /* entry (4+2+16), footer (2+16) */
    model_put_le(table, 4, r->size - r->descriptor);
    model_put_le(table + 4, 2, 22);
    put_guid(table + 6, 0xe47a6535, 0x984a, 0x4798,
             (const uint8_t[8]){0x86, 0x5e, 0x46, 0x85, 0xa7, 0xbf, 0x8e, 0xc2});
    model_put_le(table + 22, 2, 40);
    put_guid(table + 24, 0x96b582de, 0x1fb2, 0x45f7,
             (const uint8_t[8]){0xba, 0xea, 0xa3, 0x66, 0xc5, 0x5a, 0x08, 0x2d});
    memset(f + r->size - 32, 0, 32);
    f[r->size - 16] = 0xEB;
    f[r->size - 15] = 0xFE;
    return f;
}

static void add_section(struct td *t, const struct section *s, const uint8_t *f)
{
    uint8_t *page = aligned_alloc(MODEL_PAGE, s->size);
    ck_assert_ptr_nonnull(page);
    memset(page, 0, s->size);
    memcpy(page, f + s->offset, s->raw);
    ck_assert_msg(td_region(t, s->gpa, s->size, page, (s->attributes & 1) != 0) == 0, "%s",
                  model_reason(t->l.m));
    free(page);
}

static void launch(const struct recipe *r, bool two_pass, unsigned limit, char ret_mrtd[97])
{
    struct model_config config = model_config_tdx();
    struct td t;
    config.two_pass = two_pass;
    struct model *m = model_new(&config);
    uint8_t *f = image(r);
    uint8_t digest[32];
    char text[65];
    ck_assert_ptr_nonnull(m);
    ck_assert_int_eq(EVP_Digest(f, r->size, digest, NULL, EVP_sha256(), NULL), 1);
    hex(digest, sizeof(digest), text);
    ck_assert_str_eq(text, r->image);
    model_update_limit(m, limit);
    ck_assert_int_eq(td_begin(&t, m, RAM, r->size), 0);
    ck_assert_int_eq(td_vcpus(&t, 1, 0x809000), 0);
    for (unsigned i = 0; i < count(r); i++) {
        if ((r->sections[i].attributes & 2) == 0) { /* b.1: augmented pages add nothing */
            add_section(&t, &r->sections[i], f);
        }
    }
    ck_assert_int_eq(td_finalize(&t), 0);
    hex(model_mrtd(model_vm_of(m, t.l.vm)), MODEL_DIGEST_SIZE, ret_mrtd);
    free(f);
    launcher_close(&t.l);
    ck_assert(model_clean(m));
    model_free(m);
}

START_TEST(test_mrtd_of_the_recipes)
{
    const struct recipe *r = &recipes[_i];
    char mrtd[97];
    launch(r, false, 0, mrtd);
    ck_assert_str_eq(mrtd, r->single);
    launch(r, true, 0, mrtd);
    ck_assert_str_eq(mrtd, r->two_pass);
}
END_TEST

/* Interrupted after each page: in one pass nothing changes; in two each piece is its own. */
START_TEST(test_interrupted_calls_measure_the_same)
{
    const struct recipe *r = &recipes[_i];
    char mrtd[97];
    launch(r, false, 1, mrtd);
    ck_assert_str_eq(mrtd, r->single);
    launch(r, false, 3, mrtd);
    ck_assert_str_eq(mrtd, r->single);
    launch(r, true, 1, mrtd);
    ck_assert_str_eq(mrtd, r->single);
}
END_TEST

START_TEST(test_registers)
{
    struct model_config config = model_config_tdx();
    struct model *m = model_new(&config);
    struct td t;
    char text[97];
    uint8_t digest[48] = {0};
    ck_assert_int_eq(td_begin(&t, m, RAM, 0x1000), 0);
    struct model_vm *vm = model_vm_of(m, t.l.vm);
    hex(model_mrtd(vm), 48, text); /* nothing added: SHA-384 of nothing */
    ck_assert_str_eq(text, "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da"
                           "274edebfe76f65fbd51ad2f14898b95b");
    ck_assert(tdx_rtmr_extend(vm->td, 0, digest));
    hex(model_rtmr(vm, 0), 48, text);
    ck_assert_str_eq(text, "f57bb7ed82c6ae4a29e6c9879338c592c7d42a39135583e8ccbe3940f2344b0e"
                           "b6eb8503db0ffd6a39ddd00cd07d8317");
    for (unsigned i = 0; i < 48; i++) {
        digest[i] = (uint8_t)i;
    }
    ck_assert(tdx_rtmr_extend(vm->td, 3, digest));
    hex(model_rtmr(vm, 3), 48, text);
    ck_assert_str_eq(text, "fe83f742d1cab5c709a0c424729831fbff9b5bb9748a618f0b6ea04fe1fde4d5"
                           "46f4040e7fc9587b2e6badada6c941b0");
    ck_assert(!tdx_rtmr_extend(vm->td, 4, digest));
    ck_assert_ptr_null(model_rtmr(vm, 4));
    launcher_close(&t.l);
    ck_assert(model_clean(m));
    model_free(m);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_tdx_measure");
    TCase *t = tcase_create("measure");
    tcase_add_loop_test(t, test_mrtd_of_the_recipes, 0, 3);
    tcase_add_loop_test(t, test_interrupted_calls_measure_the_same, 0, 3);
    tcase_add_test(t, test_registers);
    suite_add_tcase(s, t);
    return run_suite(s);
}
