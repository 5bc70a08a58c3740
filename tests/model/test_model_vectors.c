/* SPDX-License-Identifier: Apache-2.0
 * test_model_vectors.c - the model reproduces every launch digest of specs/snp.md c.6, and the two
 * page traces page by page, by launching the images through its own KVM.
 */
#include "launcher.h"
#include "vectors.h"

#include "../unit/check_main.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <string.h>

#define RAM (16u << 20)

enum flavour { QEMU, EC2, GCE };

struct section {
    uint32_t gpa, size, type;
};

struct image {
    uint8_t *data;
    size_t size;
    uint32_t reset, hash_base;
    struct section sections[16];
    unsigned section_count;
};

static uint32_t le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* GUIDs of snp.md c.2 and c.3 in the tables' mixed-endian order. */
static void guid(const char *text, uint8_t ret[static 16])
{
    static const int order[] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    for (unsigned i = 0, n = 0; text[i] != '\0'; i += 2) {
        if (text[i] == '-') {
            i++;
        }
        const char pair[] = {text[i], text[i + 1], '\0'};
        ret[order[n++]] = (uint8_t)strtoul(pair, NULL, 16);
    }
}

static const uint8_t *entry(const struct image *im, const char *name)
{
    uint8_t want[16];
    uint8_t footer[16];
    guid(name, want);
    guid("96b582de-1fb2-45f7-baea-a366c55a082d", footer);
    const uint8_t *end = im->data + im->size - 32;
    if (memcmp(end - 16, footer, 16) != 0) { /* public */
        return NULL;
    }
    const uint8_t *start = end - (end[-18] | end[-17] << 8);
    for (const uint8_t *p = end - 18; p > start;) {
        unsigned len = (unsigned)(p[-18] | p[-17] << 8);
        if (memcmp(p - 16, want, 16) == 0) { /* public */
            return p - len;
        }
        p -= len;
    }
    return NULL;
}

static struct image image_load(const char *name)
{
    char file[64];
    struct image im = {0};
    (void)snprintf(file, sizeof(file), "%s.bin", name);
    im.data = vector_load(file, &im.size);
    const uint8_t *e = entry(&im, "00f771de-1a7e-4fcb-890e-68c77e2fb44e");
    im.reset = e != NULL ? le32(e) : 0;
    e = entry(&im, "7255371f-3a3b-4b04-927b-1da6efa8d454");
    im.hash_base = e != NULL ? le32(e) : 0;
    e = entry(&im, "dc886566-984a-4798-a75e-5585a7bf67cc");
    if (e != NULL) {
        const uint8_t *meta = im.data + im.size - le32(e);
        im.section_count = le32(meta + 12);
        ck_assert_uint_le(im.section_count, 16);
        for (unsigned i = 0; i < im.section_count; i++) {
            const uint8_t *d = meta + 16 + 12 * (size_t)i;
            im.sections[i] = (struct section){le32(d), le32(d + 4), le32(d + 8)};
        }
    }
    return im;
}

static void sha256(const void *data, size_t size, uint8_t *out)
{
    ck_assert_int_eq(EVP_Digest(data, size, out, NULL, EVP_sha256(), NULL), 1);
}

/* snp.md c.3 */
static void hash_page(const struct image *im, const json_t *c, uint8_t page[static 4096])
{
    uint8_t *p = page + (im->hash_base & 0xFFF);
    const char *append = json_string_value(json_object_get(c, "append"));
    size_t kernel_size, initrd_size = 0;
    uint8_t *kernel = vector_load("kernel.bin", &kernel_size);
    uint8_t *initrd = json_is_string(json_object_get(c, "initrd"))
                          ? vector_load("initrd.bin", &initrd_size)
                          : NULL;
    append = append != NULL ? append : "";
    memset(page, 0, 4096);
    guid("9438d606-4f22-4cc9-b479-a793d411fd21", p);
    p[16] = 168;
    static const char *const names[] = {"97d02dd8-bd20-4c94-aa78-e7714d36ab2a",
                                        "44baf731-3a2f-4bd7-9af1-41e29169781d",
                                        "4de79437-abd2-427f-b835-d5b172d2045b"};
    for (unsigned i = 0; i < 3; i++) {
        uint8_t *e = p + 18 + 50 * (size_t)i;
        guid(names[i], e);
        e[16] = 50;
    }
    sha256(append, strlen(append) + 1, p + 18 + 18);
    sha256(initrd != NULL ? initrd : page, initrd_size, p + 18 + 50 + 18);
    sha256(kernel, kernel_size, p + 18 + 100 + 18);
    free(initrd);
    free(kernel);
}

/* snp.md c.4: what QEMU, EC2 and GCE put into the registers. */
static void ec2(struct kvm_sregs *s, struct kvm_regs *r, struct kvm_fpu *f, unsigned index)
{
    s->cs.type = index == 0 ? 0xA : 0xB;
    s->ss.type = 2;
    s->tr.type = 3;
    r->rdx = 0x600;
    *f = (struct kvm_fpu){0};
}

static void gce(struct kvm_sregs *s, struct kvm_regs *r, struct kvm_fpu *f, unsigned index)
{
    (void)s;
    (void)index;
    r->rdx = 0x600;
    *f = (struct kvm_fpu){0};
}

static void gce_pat(struct launcher *l)
{
    struct {
        struct kvm_msrs head;
        struct kvm_msr_entry pat;
    } msrs = {.head = {.nmsrs = 1}, .pat = {.index = 0x277, .data = 0x70106}};
    for (unsigned i = 0; i < l->vcpu_count; i++) {
        ck_assert_int_eq(launcher_ioctl(l, l->vcpus[i], KVM_SET_MSRS, &msrs), 1);
    }
}

static void section_update(struct launcher *l, const struct image *im, const struct section *s,
                           const json_t *c, enum flavour flavour)
{
    static _Alignas(4096) uint8_t page[4096]; /* tests fork: one case at a time */
    uint8_t type = MU_PAGE_ZERO;
    memset(page, 0, sizeof(page));
    switch (s->type) {
    case 1:
        type = flavour == GCE ? MU_PAGE_UNMEASURED : MU_PAGE_ZERO;
        break;
    case 2:
        type = MU_PAGE_SECRETS;
        break;
    case 3:
        type = MU_PAGE_CPUID;
        break;
    case 0x10:
        if (json_is_string(json_object_get(c, "kernel"))) {
            type = MU_PAGE_NORMAL;
            hash_page(im, c, page);
        }
        break;
    default:
        break;
    }
    for (uint32_t at = 0; at < s->size; at += 4096) {
        ck_assert_int_eq(launcher_update(l, type, s->gpa + at, 4096, page), 0);
    }
}

static void launch(struct launcher *l, struct model *m, const json_t *c, const struct image *im)
{
    const char *vmm = json_string_value(json_object_get(c, "vmm"));
    enum flavour flavour = strcasecmp(vmm, "ec2") == 0   ? EC2
                           : strcasecmp(vmm, "gce") == 0 ? GCE
                                                         : QEMU;
    unsigned vcpus = (unsigned)json_integer_value(json_object_get(c, "vcpus"));
    uint64_t features = strtoull(json_string_value(json_object_get(c, "features")), NULL, 16);
    struct mu_sev_init init = {.vmsa_features = features & ~1ull};
    ck_assert_int_eq(launcher_open(l, m), 0);
    l->signature = (uint32_t)strtoul(json_string_value(json_object_get(c, "sig")), NULL, 16);
    l->adjust = flavour == EC2 ? ec2 : flavour == GCE ? gce : NULL;
    ck_assert_int_eq(launcher_op(l, MU_SEV_INIT2, &init), 0);
    ck_assert_int_eq(launcher_slot(l, 0, RAM), 0);
    ck_assert_int_eq(launcher_slot(l, 0x100000000ull - im->size, im->size), 0);
    ck_assert_int_eq(launcher_start(l, 0x30000), 0);
    ck_assert_int_eq(launcher_vcpus(l, vcpus, im->reset), 0);
    if (flavour == GCE) {
        gce_pat(l);
    }
    ck_assert_int_eq(
        launcher_update(l, MU_PAGE_NORMAL, 0x100000000ull - im->size, im->size, im->data), 0);
    for (unsigned pass = 0; pass < 2; pass++) { /* c.1: EC2 moves CPUID behind the others */
        for (unsigned i = 0; i < im->section_count; i++) {
            bool late = flavour == EC2 && im->sections[i].type == 3;
            if (late == (pass == 1)) {
                section_update(l, im, &im->sections[i], c, flavour);
            }
        }
    }
    ck_assert_int_eq(launcher_finish(l), 0);
}

static const char *hex(const uint8_t *p, char ret[static 97])
{
    for (unsigned i = 0; i < 48; i++) {
        (void)snprintf(ret + 2 * (size_t)i, 3, "%02x", p[i]);
    }
    return ret;
}

static json_t *load_json(const char *name)
{
    char path[1024];
    json_error_t error;
    json_t *j = json_load_file(vector_path(path, name), 0, &error);
    ck_assert_msg(j != NULL, "%s: %s", path, error.text);
    return j;
}

static void check_trace(const struct model_vm *vm, const char *name)
{
    json_t *trace = load_json(name);
    const struct model_measured *pages;
    size_t count = model_trace(vm, &pages);
    ck_assert_uint_eq(count, json_array_size(trace));
    for (size_t i = 0; i < count; i++) {
        const json_t *t = json_array_get(trace, i);
        char text[97];
        ck_assert_int_eq(pages[i].type, json_integer_value(json_object_get(t, "type")));
        ck_assert_uint_eq(pages[i].gpa,
                          strtoull(json_string_value(json_object_get(t, "gpa")), NULL, 16));
        ck_assert_str_eq(hex(pages[i].contents, text),
                         json_string_value(json_object_get(t, "contents")));
        ck_assert_str_eq(hex(pages[i].digest, text), json_string_value(json_object_get(t, "ld")));
    }
    json_decref(trace);
}

static void run_case(const json_t *c)
{
    struct image im = image_load(json_string_value(json_object_get(c, "image")));
    struct model *m = model_new(NULL);
    struct launcher l;
    launch(&l, m, c, &im);
    char text[97];
    const struct model_vm *vm = model_vm_of(m, l.vm);
    ck_assert_str_eq(hex(model_launch_digest(vm), text),
                     json_string_value(json_object_get(c, "digest")));
    bool one = json_integer_value(json_object_get(c, "vcpus")) == 1 &&
               strcmp(json_string_value(json_object_get(c, "sig")), "0x800f12") == 0 &&
               strcmp(json_string_value(json_object_get(c, "vmm")), "QEMU") == 0 &&
               strcmp(json_string_value(json_object_get(c, "features")), "0x1") == 0;
    const char *image = json_string_value(json_object_get(c, "image"));
    if (one && strcmp(image, "fw-b-8k") == 0) {
        check_trace(vm, "trace-fw-b-8k-1vcpu-epyc-v4.json");
    }
    const char *append = json_string_value(json_object_get(c, "append"));
    if (one && strcmp(image, "fw-c-16k") == 0 && json_is_string(json_object_get(c, "initrd")) &&
        append != NULL && strcmp(append, "console=ttyS0 panic=-1") == 0) {
        check_trace(vm, "trace-fw-c-16k-kernel-initrd-append.json");
    }
    launcher_close(&l);
    ck_assert(model_clean(m));
    model_free(m);
    free(im.data);
}

START_TEST(test_launch_digests_equal_the_golden_ones)
{
    if (!vectors_available()) {
        return;
    }
    json_t *expected = load_json("expected.json");
    const json_t *cases = json_object_get(expected, "cases");
    unsigned ran = 0;
    for (size_t i = 0; i < json_array_size(cases); i++) {
        const json_t *c = json_array_get(cases, i);
        if (!json_is_string(json_object_get(c, "ovmf_hash"))) { /* those start from a digest */
            run_case(c);
            ran++;
        }
    }
    printf("test_model_vectors: %u launches\n", ran);
    ck_assert_uint_ge(ran, 25);
    json_decref(expected);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("model_vectors");
    TCase *t = tcase_create("vectors");
    tcase_add_test(t, test_launch_digests_equal_the_golden_ones);
    suite_add_tcase(s, t);
    return run_suite(s);
}
