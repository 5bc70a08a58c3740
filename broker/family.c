/* SPDX-License-Identifier: Apache-2.0
 * family.c - the table of families (see family.h).
 */
#include "family.h"

#include <stdio.h>
#include <string.h>

static const struct cl_family *const families[] = {
    &cl_family_snp, &cl_family_tdx, &cl_family_az_snp_vtpm, &cl_family_az_tdx_vtpm, &cl_family_tpm};

void cl_appraised_done(struct cl_appraised *a)
{
    if (a != NULL) {
        cl_verify_result_free(a->result);
        json_decref(a->events);
        json_decref(a->claims);
        *a = (struct cl_appraised){0};
    }
}

const struct cl_family *cl_family_find(const char *tee)
{
    for (size_t i = 0; i < CL_ARRAY_LEN(families); i++) {
        const struct cl_family *f = families[i];
        if (strcmp(tee, f->tee) == 0 || (f->alias != NULL && strcmp(tee, f->alias) == 0)) {
            return f;
        }
    }
    return NULL;
}

const struct cl_family *cl_family_by_number(unsigned n)
{
    return n < CL_ARRAY_LEN(families) ? families[n] : NULL;
}

unsigned cl_family_number(const struct cl_family *f)
{
    unsigned n = 0;
    while (families[n] != f) {
        n++;
    }
    return n;
}

const char *cl_family_names(char *ret, size_t size)
{
    size_t len = 0;
    for (size_t i = 0; i < CL_ARRAY_LEN(families) && len < size; i++) {
        const char *join = i == 0 ? "" : i + 1 < CL_ARRAY_LEN(families) ? ", " : " or ";
        int n = snprintf(ret + len, size - len, "%s%s", join, families[i]->tee);
        len += n > 0 ? (size_t)n : 0;
    }
    return ret;
}
