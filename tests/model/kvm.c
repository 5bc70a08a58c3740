/* SPDX-License-Identifier: Apache-2.0
 * kvm.c - a host: its descriptors, its memory, failure injection and what is left over.
 */
#include "internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BIG (1u << 20) /* from here on memory is mapped: untouched pages cost nothing */

struct model_config model_config_default(void)
{
    return (struct model_config){
        .smt = true,
        .policy_bits = 0x03FFFFFF, /* snp.md a.2: 63:26 must be zero */
        .vmsa_features = 0x20,     /* DebugSwap, snp.md c.4 */
        .api_major = 1,
        .api_minor = 55,
        .cbit = 51,
        .seed = 1,
    };
}

struct model *model_new(const struct model_config *config)
{
    struct model *m = calloc(1, sizeof(*m));
    if (m == NULL) {
        return NULL;
    }
    m->config = config != NULL ? *config : model_config_default();
    if (pthread_mutex_init(&m->lock, NULL) != 0) {
        free(m);
        return NULL;
    }
    if (pthread_cond_init(&m->turn, NULL) != 0) {
        (void)pthread_mutex_destroy(&m->lock);
        free(m);
        return NULL;
    }
    m->next_fd = MODEL_FIRST_FD;
    m->random = m->config.seed;
    return m;
}

void model_file_close(struct model *m, struct model_file *f)
{
    struct model_file was = *f;
    *f = (struct model_file){0};
    m->live.files--;
    switch (was.kind) {
    case MODEL_VM:
        model_vm_put(was.object);
        break;
    case MODEL_VCPU:
        model_vcpu_close(was.object);
        break;
    case MODEL_GMEM:
        model_gmem_close(was.object);
        break;
    case MODEL_KVM:
    case MODEL_SEV:
        break;
    }
}

void model_free(struct model *m)
{
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < MODEL_MAX_FILES; i++) {
        if (m->files[i].fd != 0) {
            model_file_close(m, &m->files[i]);
        }
    }
    for (size_t i = 0; i < MODEL_MAX_MAPPINGS; i++) {
        if (m->mappings[i].addr != NULL) {
            (void)munmap(m->mappings[i].addr, m->mappings[i].size);
        }
    }
    (void)pthread_cond_destroy(&m->turn);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

const char *model_reason(const struct model *m)
{
    return m->reason;
}

int model_refuse(struct model *m, int error, const char *reason)
{
    (void)snprintf(m->reason, sizeof(m->reason), "%s", reason);
    return -error;
}

void model_fail_nth(struct model *m, enum model_call call, unsigned nth, int error)
{
    m->fail_at[call] = nth == 0 ? 0 : m->calls[call] + nth;
    m->fail_error[call] = error;
}

unsigned model_calls(const struct model *m, enum model_call call)
{
    return m->calls[call];
}

void model_update_limit(struct model *m, unsigned pages)
{
    m->update_limit = pages;
}

void model_update_eagain(struct model *m, unsigned nth)
{
    m->update_eagain_at = nth == 0 ? 0 : m->updates + nth;
}

bool model_fails(struct model *m, enum model_call call, int *ret_error)
{
    m->calls[call]++;
    if (m->fail_at[call] != m->calls[call]) {
        return false;
    }
    *ret_error = model_refuse(m, m->fail_error[call], "injected");
    return true;
}

void *model_alloc(struct model *m, size_t size)
{
    int error;
    if (model_fails(m, MODEL_CALL_ALLOC, &error)) {
        return NULL;
    }
    void *p;
    if (size >= BIG) {
        p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                 -1, 0);
        p = p == MAP_FAILED ? NULL : p;
    } else {
        p = aligned_alloc(MODEL_PAGE, (size + MODEL_PAGE - 1) / MODEL_PAGE * MODEL_PAGE);
    }
    if (p == NULL) {
        return NULL;
    }
    if (size < BIG) {
        memset(p, 0, size);
    }
    m->live.bytes += size;
    return p;
}

void model_release(struct model *m, void *p, size_t size)
{
    if (p == NULL) {
        return;
    }
    m->live.bytes -= size;
    if (size >= BIG) {
        (void)munmap(p, size);
    } else {
        free(p);
    }
}

void model_random(struct model *m, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) { /* splitmix64, a byte at a time */
        m->random += 0x9E3779B97F4A7C15ull;
        uint64_t z = m->random;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
        out[i] = (uint8_t)(z >> 56);
    }
}

int model_file_add(struct model *m, enum model_kind kind, void *object)
{
    for (size_t i = 0; i < MODEL_MAX_FILES; i++) {
        if (m->files[i].fd == 0) {
            m->files[i] = (struct model_file){.fd = m->next_fd++, .kind = kind, .object = object};
            m->live.files++;
            return m->files[i].fd;
        }
    }
    return model_refuse(m, EMFILE, "files.many");
}

struct model_file *model_file_any(struct model *m, int fd)
{
    for (size_t i = 0; fd != 0 && i < MODEL_MAX_FILES; i++) {
        if (m->files[i].fd == fd) {
            return &m->files[i];
        }
    }
    return NULL;
}

struct model_file *model_file_get(struct model *m, int fd, enum model_kind kind)
{
    struct model_file *f = model_file_any(m, fd);
    return f != NULL && f->kind == kind ? f : NULL;
}

struct model_vm *model_vm_of(struct model *m, int vm_fd)
{
    struct model_file *f = model_file_get(m, vm_fd, MODEL_VM);
    return f != NULL ? f->object : NULL;
}

struct model_leaks model_leaks(const struct model *m)
{
    return m->live;
}

bool model_clean(const struct model *m)
{
    const struct model_leaks *l = &m->live;
    return l->files == 0 && l->vms == 0 && l->vcpus == 0 && l->gmems == 0 && l->mappings == 0 &&
           l->bytes == 0;
}
