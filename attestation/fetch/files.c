/* SPDX-License-Identifier: Apache-2.0
 * files.c - writes items as the raw files that cl_collateral_add_path() reads.
 * Trust: names are made of words and hex digits only. Threads: none of its own. Memory: none.
 */
#include "fetch.h"

#include "base/encode.h"
#include "base/io.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_PATH_SIZE 4096u
#define LABEL_SIZE 96u

static void label_of(const struct cl_collateral_item *it, char ret[static LABEL_SIZE])
{
    char hex[2 * CL_COLLATERAL_FMSPC_SIZE + 1], chip[17], tcb[17];
    uint8_t raw[8];
    switch (it->kind) {
    case CL_COLLATERAL_AMD_VCEK:
        cl_snp_tcb_encode(&it->tcb, raw);
        cl_hex(chip, it->hw_id, 8);
        cl_hex(tcb, raw, sizeof(raw));
        (void)snprintf(ret, LABEL_SIZE, ".%s-%s-%s", cl_snp_product_name(it->product), chip, tcb);
        break;
    case CL_COLLATERAL_INTEL_TCB_INFO:
        cl_hex(hex, it->fmspc, sizeof(it->fmspc));
        (void)snprintf(ret, LABEL_SIZE, ".%s-%s", cl_collateral_tee_name(it->tee), hex);
        break;
    case CL_COLLATERAL_INTEL_QE_IDENTITY:
        (void)snprintf(ret, LABEL_SIZE, ".%s", cl_collateral_tee_name(it->tee));
        break;
    case CL_COLLATERAL_INTEL_PCK_CRL:
        (void)snprintf(ret, LABEL_SIZE, ".%s", cl_collateral_ca_name(it->ca));
        break;
    case CL_COLLATERAL_INTEL_ROOT_CRL:
        ret[0] = '\0';
        break;
    default:
        (void)snprintf(ret, LABEL_SIZE, ".%s", cl_snp_product_name(it->product));
    }
}

static const char *extension_of(enum cl_collateral_kind kind)
{
    switch (kind) {
    case CL_COLLATERAL_AMD_VCEK_CHAIN:
    case CL_COLLATERAL_AMD_VLEK_CHAIN:
        return "pem";
    case CL_COLLATERAL_INTEL_TCB_INFO:
    case CL_COLLATERAL_INTEL_QE_IDENTITY:
        return "json";
    default:
        return "der";
    }
}

void fetch_file_name(const struct cl_collateral_item *it, char ret[static FETCH_NAME_SIZE])
{
    char label[LABEL_SIZE];
    label_of(it, label);
    (void)snprintf(ret, FETCH_NAME_SIZE, "%s%s.%s", cl_collateral_kind_name(it->kind), label,
                   extension_of(it->kind));
}

static enum cl_status write_one(const char *dir, const char *name, const void *data, size_t len,
                                struct cl_err *err)
{
    char path[MAX_PATH_SIZE];
    int n = snprintf(path, sizeof(path), "%s/%s", dir, name);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        return cl_err_sys(err, ENAMETOOLONG, "write '%.100s'", dir);
    }
    return cl_write_file(path, data, len, 0644, err);
}

static enum cl_status write_item(const struct cl_collateral_item *it, const char *dir,
                                 struct cl_err *err)
{
    char name[FETCH_NAME_SIZE], chain_name[FETCH_NAME_SIZE + 16];
    fetch_file_name(it, name);
    if (it->chain != NULL) { /* first, so that nobody finds the item without it */
        int stem = (int)(strrchr(name, '.') - name);
        (void)snprintf(chain_name, sizeof(chain_name), "%.*s.chain.pem", stem, name);
        CL_TRY(write_one(dir, chain_name, it->chain, it->chain_len, err));
    }
    return write_one(dir, name, it->data, it->len, err);
}

enum cl_status fetch_write_files(const struct cl_collateral *c, const char *dir, struct cl_err *err)
{
    if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
        return cl_err_sys(err, errno, "create directory '%s'", dir);
    }
    for (size_t i = 0; i < cl_collateral_count(c); i++) {
        CL_TRY(write_item(cl_collateral_item(c, i), dir, err));
    }
    return CL_OK;
}
