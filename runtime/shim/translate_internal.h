/* SPDX-License-Identifier: Apache-2.0
 * translate_internal.h - what the files of the translation share: copying of members that the guest
 * takes, and the parts of a specification.
 */
#ifndef SHIM_TRANSLATE_INTERNAL_H
#define SHIM_TRANSLATE_INTERNAL_H

#include "translate.h"

#include "base/json.h"

#define SHIM_PATH_MAX 4095u
#define SHIM_MOUNTINFO_MAX (8u << 20)
#define SHIM_MAX_MOUNTS 256u
#define SHIM_PRIVILEGED "dev.cloister.privileged"

/* --- JSON: absent and null are the same, Go writes either --- */
json_t *shim_member(const json_t *obj, const char *key); /* borrowed; NULL: not given */
CL_NODISCARD enum cl_status shim_opt_string(const json_t *obj, const char *what, const char *key,
                                            const char **ret_s, struct cl_err *err);
CL_NODISCARD enum cl_status shim_opt_object(const json_t *obj, const char *what, const char *key,
                                            json_t **ret_o, struct cl_err *err);
CL_NODISCARD enum cl_status shim_opt_array(const json_t *obj, const char *what, const char *key,
                                           size_t max, json_t **ret_a, struct cl_err *err);
/* Both take the value, and free it when they fail; a NULL value is memory that ran out. */
CL_NODISCARD enum cl_status shim_put(json_t *obj, const char *key, json_t *value,
                                     struct cl_err *err);
CL_NODISCARD enum cl_status shim_append(json_t *array, json_t *value, struct cl_err *err);
/* CL_ERR_REJECTED for a member that is not in the NULL-terminated list, unless it says nothing
 * (null, "", 0, false, {} or []). */
CL_NODISCARD enum cl_status shim_only(const json_t *obj, const char *what,
                                      const char *const *members, struct cl_err *err);

/* Members that are copied when they are given and are what they should be. */
struct shim_copy {
    const json_t *from;
    json_t *to;
    const char *what; /* of `from`, in messages */
};
CL_NODISCARD enum cl_status shim_copy_bool(const struct shim_copy *c, const char *key,
                                           struct cl_err *err);
CL_NODISCARD enum cl_status shim_copy_int(const struct shim_copy *c, const char *key, int64_t min,
                                          int64_t max, struct cl_err *err);
CL_NODISCARD enum cl_status shim_copy_string(const struct shim_copy *c, const char *key,
                                             struct cl_err *err);
/* valid: NULL, or what each string has to be, named by `expected`. */
CL_NODISCARD enum cl_status shim_copy_strings(const struct shim_copy *c, const char *key,
                                              bool (*valid)(const char *s), const char *expected,
                                              struct cl_err *err);

/* Parses at most SHIM_SPEC_MAX bytes into an object. RLIM_INFINITY, the one number above INT64_MAX
 * that these documents hold, reads as INT64_MAX. */
CL_NODISCARD enum cl_status shim_document(const void *json, size_t len, const char *what,
                                          json_t **ret_j, struct cl_err *err);

bool shim_name_valid(const char *s, size_t max); /* 1..max of A-Z a-z 0-9 _ . -, no leading dot */
/* Absolute, at most SHIM_PATH_MAX bytes, without empty, "." and ".." components. */
bool shim_path_valid(const char *s);
/* What follows `folder` in `path` and a slash; "" when they are equal; NULL when it is not below.
 */
const char *shim_path_below(const char *path, const char *folder);

/* --- the host's mounts --- */
struct shim_mount {
    unsigned major;
    unsigned minor;
    char *root;  /* in its file system */
    char *point; /* on the host */
    char *fstype;
    uint64_t size; /* of a tmpfs; 0: none given */
};
struct shim_mountinfo {
    struct shim_mount *mount; /* owned */
    size_t count;
};
CL_NODISCARD enum cl_status shim_mountinfo_parse(const char *text, struct shim_mountinfo *ret,
                                                 struct cl_err *err);
void shim_mountinfo_done(struct shim_mountinfo *m);
/* The one on top at `path`; NULL: none. Borrowed. */
const struct shim_mount *shim_mountinfo_at(const struct shim_mountinfo *m, const char *path);

/* --- one translation --- */
struct shim_translation {
    const struct shim_translate_options *options;
    const struct shim_host *host;
    const char *kubelet_root;
    struct shim_spec *s;
    const json_t *config;      /* the document */
    const json_t *annotations; /* strings only; NULL: none */
    const char *pod_uid;       /* NULL: unknown */
    bool crio;                 /* its annotations count: containerd passes on what a pod makes up */
    bool privileged;
    bool mounts_read;
    struct shim_mountinfo mounts;
};
const char *shim_annotation(const struct shim_translation *t, const char *key); /* NULL: none */
CL_NODISCARD enum cl_status shim_mounts_read(struct shim_translation *t, struct cl_err *err);

/* What a bind mount's source is: a volume, and a path in it ("": all of it). The volume's strings
 * are the caller's. */
struct shim_source {
    struct shim_volume volume;
    char host_path[SHIM_PATH_MAX + 1];
    char path[SHIM_PATH_MAX + 1];
};
/* CL_ERR_REJECTED when the host has that path for itself. */
CL_NODISCARD enum cl_status shim_source_find(struct shim_translation *t, const char *path,
                                             bool read_only, struct shim_source *ret,
                                             struct cl_err *err);
/* The volume becomes one of the specification, if it is not yet. */
CL_NODISCARD enum cl_status shim_volume_add(struct shim_spec *s, const struct shim_source *source,
                                            struct cl_err *err);

/* The parts of the guest's specification: new objects, the caller's. */
CL_NODISCARD enum cl_status shim_process_build(const json_t *from, json_t **ret,
                                               struct cl_err *err);
CL_NODISCARD enum cl_status shim_resources_build(const json_t *from, json_t **ret,
                                                 struct cl_err *err);
CL_NODISCARD enum cl_status shim_mounts_build(struct shim_translation *t, json_t **ret,
                                              struct cl_err *err);
CL_NODISCARD enum cl_status shim_linux_build(struct shim_translation *t, json_t **ret,
                                             struct cl_err *err);
/* NULL: no device but the guest's own. */
CL_NODISCARD enum cl_status shim_devices_build(struct shim_translation *t, const json_t *linux_part,
                                               json_t **ret, struct cl_err *err);
CL_NODISCARD enum cl_status shim_seccomp_build(const json_t *from, json_t **ret,
                                               struct cl_err *err);
/* Fills the part of `s` that says how large the VM should be. */
CL_NODISCARD enum cl_status shim_sizing(struct shim_translation *t, struct cl_err *err);
/* What containerd makes of a container with securityContext.privileged. */
bool shim_looks_privileged(const json_t *config);

#endif
