/* SPDX-License-Identifier: Apache-2.0
 * policy_section.h - how a family of evidence reads its section of a policy: one table entry
 * (struct policy_section, listed in policy.c) and one table of fields. A family adds a file
 * <family>/<family>_policy.c with both, and a typed accessor in its public header.
 */
#ifndef CL_ATTESTATION_POLICY_SECTION_H
#define CL_ATTESTATION_POLICY_SECTION_H

#include "base/json.h"
#include "cloister/verify_policy.h"

enum policy_kind {
    POLICY_BOOL,      /* bool */
    POLICY_UINT,      /* uint32_t, 0..limit */
    POLICY_HEX64,     /* uint64_t, 16 hex digits */
    POLICY_WORDS,     /* uint64_t: the bits that a list of words names */
    POLICY_NUMBERS,   /* uint64_t: bits 1 << number, each 0..limit (at most 63) */
    POLICY_HEX_LIST,  /* struct cl_policy_list of values of `limit` bytes */
    POLICY_TEXT_LIST, /* the same of texts, each padded with zeros to `limit` bytes */
    POLICY_OBJECT,    /* `parse` gets the object and the section's struct */
};

struct policy_word {
    const char *word; /* NULL ends the table */
    uint64_t bit;
};

struct policy_field {
    const char *name;
    enum policy_kind kind;
    size_t offset; /* of the member in the section's struct; 0 for POLICY_OBJECT */
    size_t limit;
    const struct policy_word *words;
    enum cl_status (*parse)(const json_t *obj, const char *what, void *section, struct cl_err *err);
};

struct policy_section {
    const char *name; /* in the document; text of errors too */
    size_t size;      /* of the section's struct; all zero stands for a section that is absent, and
                         must accept nothing */
    const struct policy_field *fields;   /* ended by one without a name */
    void (*set_defaults)(void *section); /* before the fields are read; NULL: all zero */
    /* After the fields were read: what no single field can tell. NULL: nothing. */
    enum cl_status (*check)(const json_t *obj, const void *section, struct cl_err *err);
};

/* Reads the fields that stand in obj; those that do not are left as they are. Unknown members are
 * an error. */
CL_NODISCARD enum cl_status policy_read_fields(const json_t *obj, const char *what,
                                               const struct policy_field *fields, void *section,
                                               struct cl_err *err);
/* Frees the lists. */
void policy_free_fields(const struct policy_field *fields, void *section);

/* The struct of a section by the address of its table entry; never NULL for one of policy.c's
 * table. */
const void *policy_section_get(const struct cl_verify_policy *policy,
                               const struct policy_section *section);

extern const struct policy_section *const policy_sections[]; /* those of this version */
extern const size_t policy_section_count;

/* snp/snp_policy.c */
extern const struct policy_section policy_section_snp, policy_section_sim_snp;
/* tdx/tdx_policy.c */
extern const struct policy_section policy_section_tdx, policy_section_sim_tdx;
/* tpm/tpm_policy.c */
extern const struct policy_section policy_section_az_snp_vtpm, policy_section_az_tdx_vtpm,
    policy_section_tpm;

#endif
